"""One person's day, from the logs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from wardlight.clock import moment
from wardlight.console.asking import Asking, Counts, selector
from wardlight.console.bars import Bars, bars
from wardlight.console.lines import in_stream, parameters
from wardlight.console.spans import SECOND, Span
from wardlight.query.format import quote
from wardlight.query.host import Entry

STEPS = 100
"""Steps of the timeline, the newest."""
_HALF_HOUR = 1800 * SECOND
_DAY = 86_400 * SECOND
_SESSIONS = 400
_CUT = 120
"""Characters of a line."""
_PARTS = "kind, event_name, event_outcome, feature_name, health_record_type, health_action, exception_type"
_ACTIONS = {"C": "created", "R": "read", "U": "changed", "D": "deleted", "E": "searched"}
_EVENTS = {
    "user.login": "signed in", "user.logout": "signed out", "session.start": "session started",
    "session.end": "session ended", "permission.denied": "was denied", "role.granted": "granted a role",
    "record.export": "exported records",
}  # fmt: skip


@dataclass
class Session:
    """A session; a beginning or an end that is not of this day is None."""

    start: datetime | None
    end: datetime | None
    address: str
    client: str


@dataclass(frozen=True)
class Step:
    """Something on the timeline."""

    at: datetime
    kind: str
    level: str
    what: str
    link: str


@dataclass(frozen=True, kw_only=True)
class Day:
    """What somebody did. Pairs are names and counts, the most first."""

    role: str
    logins: int
    failed: int
    denied: int
    errors: tuple[tuple[str, float], ...]
    features: tuple[tuple[str, float], ...]
    records: tuple[tuple[str, float], ...]
    sessions: tuple[Session, ...]
    bars: Bars
    steps: tuple[Step, ...]
    logs: str


def day_of(asking: Asking, name: str, asked: Span) -> Day:
    """Ask for somebody's day. Raises what the query service raises."""
    lines = f"{selector()} | user_id={quote(name)}"
    parts = asking.counts(f"sum by ({_PARTS}) (count_over_time({lines} [{asked.duration}]))", asked.end)
    whole = Span(asked.start, asked.start + _DAY)
    curves = asking.curves(f"sum by (kind) (count_over_time({lines} [{_HALF_HOUR // SECOND}s]))", whole, _HALF_HOUR)
    newest = asking.lines(lines, asked.start, asked.end, STEPS)
    ends = f'{selector(["security"])} | user_id={quote(name)} | event_name=~"session[.](start|end)"'
    return Day(
        role=next((role for entry in newest if (role := entry.labels().get("user_role", ""))), ""),
        logins=_sum(parts, "user.login", "success"),
        failed=_sum(parts, "user.login", "failure"),
        denied=_sum(parts, "permission.denied"),
        errors=_named((it.get("exception_type") or "no exception named", n) for it, n in parts if it.get("kind") == "error"),
        features=_named((it["feature_name"], n) for it, n in parts if it.get("feature_name")),
        records=_named((_touched(it), n) for it, n in parts if it.get("event_name") == "record.access"),
        sessions=_sessions(asking.lines(ends, asked.start, asked.end, _SESSIONS)),
        bars=bars(curves, "kind", whole, _HALF_HOUR),
        steps=tuple(_step(entry) for entry in newest),
        logs=parameters(lines, asked.asked),
    )  # fmt: skip


def _sum(parts: Counts, event: str, outcome: str = "") -> int:
    return int(sum(
        count for it, count in parts
        if it.get("event_name") == event and outcome in ("", it.get("event_outcome"))
    ))  # fmt: skip


def _named(pairs: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    found: dict[str, float] = {}
    for name, count in pairs:
        found[name] = found.get(name, 0) + count
    return tuple(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def _touched(labels: dict[str, str]) -> str:
    action = labels.get("health_action", "")
    return f"{labels.get('health_record_type') or 'record'} {_ACTIONS.get(action, action)}".strip()


def _sessions(entries: Iterable[Entry]) -> tuple[Session, ...]:
    """Pair beginnings with ends; the newest first."""
    found: dict[str, Session] = {}
    for entry in entries:
        labels = entry.labels()
        session = found.setdefault(labels.get("session_id", str(entry.ts)), Session(None, None, "", ""))
        if labels.get("event_name") == "session.start":
            session.start = moment(entry.ts)
        else:
            session.end = moment(entry.ts)
        session.address = session.address or labels.get("client_address", "")
        session.client = session.client or labels.get("user_agent_original", "")
    return tuple(found.values())


def _step(entry: Entry) -> Step:
    """Name a line: of the audit trail only what was done with which type of record."""
    labels = entry.labels()
    kind, event = labels.get("kind", ""), labels.get("event_name", "")
    if kind == "audit":
        what = _EVENTS.get(event) or _touched(labels)
    elif event in _EVENTS:
        failed = " (failed)" if event == "user.login" and labels.get("event_outcome") == "failure" else ""
        what = _EVENTS[event] + failed + (f": {labels['permission_name']}" if "permission_name" in labels else "")
    else:
        what = entry.line[:_CUT]
    link = parameters(in_stream(entry.stream), {"start": str(entry.ts), "end": str(entry.ts + 1)})
    return Step(moment(entry.ts), kind, labels.get("level", ""), what, link)
