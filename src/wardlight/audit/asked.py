"""A question in plain words, as people and the command line ask it."""

from __future__ import annotations

from wardlight.audit.dates import within
from wardlight.audit.question import Cursor, Question, Span, both, exactly
from wardlight.problems import BadInput


def asked(
    *,
    patient: str = "",
    user: str = "",
    record: str = "",
    break_glass: bool = False,
    disclosures: bool = False,
    since: str = "",
    until: str = "",
    limit: int = 100,
    after: str = "",
) -> Question:
    """Make it a question. `record` is `TYPE/ID` or an identifier; `until` is included, as a whole day if it names one.

    Raises BadInput.
    """
    kind, _, name = record.rpartition("/")
    if kind == "Patient":
        if patient not in ("", name):
            raise BadInput("the record is one patient's, and another patient is asked for")
        patient, kind, name = name, "", ""
    return Question(
        patient=exactly(patient),
        user=exactly(user),
        resource=kind.rpartition("/")[2],
        record=name,
        break_glass=break_glass,
        disclosures=disclosures,
        recorded=_between(since, until),
        limit=limit,
        after=Cursor.parse(after) if after else None,
    )


def _between(since: str, until: str) -> tuple[Span, ...] | None:
    """Read two dates, of which both may be left out."""
    if not since and not until:
        return None
    spans: tuple[Span, ...] = (Span(),)
    for prefix, date in (("ge", since), ("le", until)):
        if date:
            spans = both(spans, [within(prefix + date)])
    return spans
