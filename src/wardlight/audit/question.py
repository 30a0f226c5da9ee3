"""Questions to the audit trail, as data: whose record, who, what, when. `search` answers them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

import msgspec

from wardlight.problems import BadInput

LATEST_NS = 2**63 - 1
"""The last moment that a time of ours can be, in the year 2262."""


class Token(msgspec.Struct, frozen=True):
    """A code or identifier, as FHIR's search has it (R4, 3.1.1.4.10); its text forms are `v`, `s|v`, `|v`, `s|`."""

    value: str = ""
    """Empty: any of the system."""
    system: str | None = None
    """None: of any system; empty: of none."""


class Span(msgspec.Struct, frozen=True):
    """Moments from `start` to before `end`, nanoseconds since 1970."""

    start: int = 0
    end: int = LATEST_NS


class Cursor(msgspec.Struct, frozen=True):
    """Where a page ended: the next one has what is older."""

    recorded: int
    index: int

    @property
    def text(self) -> str:
        """Write it for an address; nobody needs to understand it."""
        return base64.urlsafe_b64encode(b"%d.%d" % (self.recorded, self.index)).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read what `text` wrote. Raises BadInput."""
        try:
            recorded, _, index = base64.b64decode(text.encode() + b"==", b"-_", validate=True).partition(b".")
            if len(recorded) < 20 and len(index) < 20 and recorded.isdigit() and index.isdigit():
                return cls(min(int(recorded), LATEST_NS), min(int(index), LATEST_NS))
        except (binascii.Error, ValueError):
            pass
        raise BadInput("that is no place to go on from: take the link of the page before")


AnyOf = tuple[Token, ...]


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked for. Of a field, each `AnyOf` must be met, by one of its tokens; what is empty asks for nothing."""

    patient: tuple[AnyOf, ...] = ()
    """Whose record it is."""
    user: tuple[AnyOf, ...] = ()
    agent: tuple[AnyOf, ...] = ()
    """Who or what took part: identifiers, and names as senders write them."""
    entity: tuple[AnyOf, ...] = ()
    entity_type: tuple[AnyOf, ...] = ()
    entity_role: tuple[AnyOf, ...] = ()
    source: tuple[AnyOf, ...] = ()
    type: tuple[AnyOf, ...] = ()
    subtype: tuple[AnyOf, ...] = ()
    purpose: tuple[AnyOf, ...] = ()
    action: tuple[AnyOf, ...] = ()
    outcome: tuple[AnyOf, ...] = ()
    address: tuple[AnyOf, ...] = ()
    """How addresses begin, in any case."""
    resource: str = ""
    """FHIR's type of the record."""
    record: str = ""
    """The record's identifier."""
    break_glass: bool = False
    """Only emergency accesses."""
    disclosures: bool = False
    """Only what was given to others."""
    recorded: tuple[Span, ...] | None = None
    """One of these; None: at any time."""
    received: tuple[Span, ...] | None = None
    index: tuple[int, ...] | None = None
    """One of these."""
    limit: int = 100
    """Most events of one page."""
    after: Cursor | None = None


def exactly(value: str) -> tuple[AnyOf, ...]:
    """Ask for one value, if there is one."""
    return ((Token(value),),) if value else ()


def both(one: tuple[Span, ...] | None, other: Iterable[Span]) -> tuple[Span, ...]:
    """Return the moments that two sets of spans share.

    >>> both((Span(0, 10),), [Span(5, 20), Span(30, 40)])
    (Span(start=5, end=10),)
    """
    mine = (Span(),) if one is None else one
    shared = (Span(max(a.start, b.start), min(a.end, b.end)) for a in mine for b in other)
    return tuple(each for each in shared if each.start < each.end)
