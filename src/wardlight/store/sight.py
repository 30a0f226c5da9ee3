"""What a reader sees of the table `logs`: SQL in its place, in which patients are pseudonyms before anything else is asked.

Of a masked record, these are changed, and nothing above can undo it:

- `patient_id` and attributes that carry a patient's identifier are its pseudonym, as `protect.keys` writes it.
- Where the record's own patient stands in its text or another attribute, the pseudonym stands instead.
- Of kind `audit`, attributes that aren't known to be harmless are pseudonyms, and the text is written anew from harmless ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from wardlight.records import KINDS, Sight
from wardlight.store.params import Param

PATIENT = "mrn"
"""The kind that pseudonyms of patients name, as the protection of the columns has it."""
TELLING = ("health_record_id", "health_patient_id", "patient_id", "patient", "subject_id", "mrn")
"""Attributes that carry a patient's identifier, whatever the kind of the record."""
OPEN = (
    "event_name", "event_outcome", "health_action", "health_record_type", "health_purpose", "user_role", "client_address",
    "audit_format", "deviation", "ledger_index", "wardlight_protected", "severity_text", "thread_name", "code_function",
    "http_route", "http_request_method", "http_response_status_code", "http_method", "http_status_code", "error_type",
)  # fmt: skip
"""Attributes of audit records that name no patient."""
_SAYING = ("event_name", "health_record_type", "health_action", "event_outcome")
"""What the text of a masked audit record is made of."""
_FORM = r"^pseudo:[a-z_]+:k[0-9]+:[A-Z2-7]{16}$"
_PSEUDONYM = re.compile(_FORM)
_INNER, _OUTER = "{sight_inner:String}", "{sight_outer:String}"
_BLOCK = 64
"""Bytes of a block of SHA-256."""
_SHORT = 4
"""Characters from which an identifier is looked for inside texts: what is replaced of shorter ones would tell them."""


class Key(Protocol):
    """A secret and its short name."""

    @property
    def id(self) -> str:
        """`k1`, `k2` and so on."""
        ...

    @property
    def secret(self) -> bytes:
        """At most 64 bytes."""
        ...


class Keys(Protocol):
    """Keys of pseudonyms; `protect.keys.Keys` are such."""

    @property
    def all(self) -> Sequence[Key]:
        """All of them, the newest last."""
        ...

    def pseudonym(self, kind: str, value: str) -> str:
        """Write the pseudonym of an identifier, by the newest key."""
        ...

    def pseudonyms(self, value: str, kinds: Iterable[str] = ...) -> list[str]:
        """Write all that an identifier may have in the store."""
        ...


def is_pseudonym(text: str) -> bool:
    """Say whether a text is a pseudonym already.

    >>> is_pseudonym("pseudo:mrn:k1:ABCDEFGHIJKLMNOP"), is_pseudonym("pseudo:P-17")
    (True, False)
    """
    return _PSEUDONYM.match(text) is not None


@dataclass(frozen=True)
class View:
    """What one reader sees. `source` stands where the table's name would."""

    sight: Sight
    keys: Keys

    @cached_property
    def params(self) -> dict[str, Param]:
        """Values of the placeholders in what this view writes."""
        if not self.sight.masked:
            return {}
        key = self.keys.all[-1]
        inner, outer = blocks(key)
        return {
            "sight_key": key.id,
            "sight_inner": inner,
            "sight_outer": outer,
            "sight_telling": TELLING,
            "sight_open": OPEN,
        }

    @property
    def restriction(self) -> str:
        """The condition on `kind` by which a clear view differs from the table; empty if it doesn't."""
        return "" if self.sight.kinds >= frozenset(KINDS) else _of_kinds(self.sight.kinds)

    def source(self, where: str = "", *, kinds: Iterable[str] = KINDS, stream: str = "raw_stream") -> str:
        """Write a SELECT in brackets of the records that meet a condition on the table, as they are seen masked.

        It has the columns of `logs`, and besides: `line` for `body`; `words`, which the text index knows and which has
        each word of the line that isn't of a pseudonym; `seq`; `raw_user` and `raw_patient`, for conditions that
        indexes serve and nothing else. Of `kinds`, only those that are seen count. `stream` is written of `raw_stream`.
        """
        seen = self.sight.kinds & set(kinds)
        branches = [
            self._branch(where, of, audit=audit, stream=stream)
            for audit, of in ((False, seen - {"audit"}), (True, seen & {"audit"}))
            if of or not (seen or audit)
        ]
        return f"({' UNION ALL '.join(branches)})"

    def meant(self, patient: str) -> tuple[str, ...]:
        """List what may stand for a patient who is asked for by name: the pseudonyms too, for those who may find."""
        if not (self.sight.masked and self.sight.finds) or not patient or is_pseudonym(patient):
            return (patient,)
        return (patient, *self.keys.pseudonyms(patient))

    def key_of(self, text: str) -> Key | None:
        """Return the key that made a pseudonym; None if it isn't one of ours."""
        return next((key for key in self.keys.all if text.split(":")[2:3] == [key.id]), None)

    def _branch(self, where: str, kinds: frozenset[str], *, audit: bool, stream: str) -> str:
        condition = f"{where} AND {_of_kinds(kinds)}" if where else _of_kinds(kinds)
        patient = pseudonym("raw_patient")
        line, words, attributes = _audited() if audit else _protected(patient)
        return (
            f"SELECT ts, kind, {stream} AS stream, {line} AS line, {words} AS words, severity, trace_id, span_id,"  # noqa: S608  # nosec B608
            f" if(raw_user = raw_patient, patient_id, raw_user) AS user_id, {patient} AS patient_id,"
            f" {attributes} AS attributes, seq, raw_user, raw_patient"
            " FROM (SELECT ts, kind, stream AS raw_stream, body AS raw_body, severity, trace_id, span_id,"
            " user_id AS raw_user, patient_id AS raw_patient, attributes AS raw_attributes, _part_offset AS seq"
            f" FROM logs WHERE {condition})"
        )


def pseudonym(value: str, key: str = "{sight_key:String}", inner: str = _INNER, outer: str = _OUTER) -> str:
    """Write the pseudonym of a String expression, as `protect.keys` does it; of nothing, nothing.

    `key` is the key's name, `inner` and `outer` are its blocks in hexadecimal figures, as RFC 2104 has them.
    """
    # The classes of Unicode take a while to compile: they are for those who need them.
    small = f"replaceRegexpAll(lower({value}), '[^a-z0-9@+]', '')"
    folded = f"replaceRegexpAll(caseFoldUTF8({value}), '[^\\\\p{{L}}\\\\p{{N}}@+]', '')"
    plain = f"coalesce(nullIf(if(length({value}) = lengthUTF8({value}), {small}, {folded}), ''), {value})"
    digest = f"SHA256(concat(unhex({outer}), SHA256(concat(unhex({inner}), {plain}))))"
    made = f"concat('pseudo:{PATIENT}:', {key}, ':', base32Encode(substring({digest}, 1, 10)))"
    return f"if({value} = '' OR match({value}, '{_FORM}'), {value}, {made})"


def blocks(key: Key) -> tuple[str, str]:
    """Return a key's inner and outer block, in hexadecimal figures."""
    padded = key.secret.ljust(_BLOCK, b"\0")
    return bytes(each ^ 0x36 for each in padded).hex(), bytes(each ^ 0x5C for each in padded).hex()


def _protected(patient: str) -> tuple[str, str, str]:
    """Write line, words and attributes of records whose texts were protected when they came in."""
    held = f"length(raw_patient) >= {_SHORT:d} AND position(raw_body, raw_patient) > 0"
    line = f"if({held}, replaceAll(raw_body, raw_patient, {patient}), raw_body)"
    telling = "{sight_telling:Array(String)}"
    masked = _masked(f"(k IN {telling} OR {_holds('v')})")
    touched = f"raw_patient != '' OR hasAny(mapKeys(raw_attributes), {telling})"
    return line, "raw_body", f"if({touched}, {masked}, raw_attributes)"


def _audited() -> tuple[str, str, str]:
    """Write line, words and attributes of audit records: the line is some words of harmless attributes."""
    said = ", ".join(f"raw_attributes['{name}']" for name in _SAYING)
    line = f"arrayStringConcat(arrayFilter(v -> v != '' AND NOT {_holds('v')}, ['audit', {said}]), ' ')"
    return line, line, _masked(f"(k NOT IN {{sight_open:Array(String)}} OR {_holds('v')})")


def _masked(hidden: str) -> str:
    """Write the attributes with pseudonyms where a condition on `k` and `v` says so."""
    made = f"mapApply((k, v) -> (k, {pseudonym('v')}), mapFilter((k, v) -> {hidden}, raw_attributes))"
    return f"mapConcat(mapFilter((k, v) -> NOT {hidden}, raw_attributes), {made})"


def _holds(value: str) -> str:
    """Write: the record's own patient stands in this value."""
    inside = f"length(raw_patient) >= {_SHORT:d} AND position({value}, raw_patient) > 0"
    return f"(raw_patient != '' AND ({value} = raw_patient OR ({inside})))"


def _of_kinds(kinds: Iterable[str]) -> str:
    """Write the condition on the kind; the kinds are ours."""
    listed = ", ".join(f"'{kind}'" for kind in KINDS if kind in kinds)
    return f"kind IN ({listed})" if listed else "0"
