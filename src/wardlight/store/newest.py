"""Typed questions of the console: the newest lines of a kind, and who was there lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wardlight.clock import moment
from wardlight.records import labels_of, level_of
from wardlight.store import Limits, LogStore

_LIMITS = Limits(seconds=2.0, memory_bytes=512 * 1024**2)
_BODY = 500
"""Characters shown of a line."""

_NEWEST = """
SELECT toUnixTimestamp64Nano(ts) AS at, stream, severity, leftUTF8(body, {body:UInt32}) AS body
FROM logs
WHERE kind = {kind:String}
ORDER BY ts DESC
LIMIT {limit:UInt32}
"""

_ACTIVE = """
SELECT user_id AS name, anyLast(attributes['user_role']) AS role, toUnixTimestamp64Nano(max(ts)) AS at, count() AS lines
FROM logs
WHERE ts > fromUnixTimestamp64Nano({since:Int64}) AND user_id != ''
    AND NOT (attributes['event_name'] = 'user.login' AND attributes['event_outcome'] = 'failure')
GROUP BY name
ORDER BY at DESC, name
LIMIT {limit:UInt32}
"""


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line of a log, cut to what a page shows; labels a stream lacks are empty."""

    at: datetime
    level: str
    service: str
    body: str


@dataclass(frozen=True, kw_only=True)
class ActiveUser:
    """Somebody who was there lately, and how many records tell of it."""

    name: str
    role: str
    last_seen: datetime
    records: int


def newest(store: LogStore, kind: str, limit: int) -> tuple[LogLine, ...]:
    """Read the newest lines of a kind, newest first."""
    table = store.select(_NEWEST, {"kind": kind, "limit": limit, "body": _BODY}, limits=_LIMITS)
    return tuple(_line(row) for row in table.to_pylist())


def active_users(store: LogStore, since_ns: int, limit: int) -> tuple[ActiveUser, ...]:
    """Name the users of records after `since_ns`, the latest first; a failed sign-in is nobody's presence."""
    table = store.select(_ACTIVE, {"since": since_ns, "limit": limit}, limits=_LIMITS)
    return tuple(
        ActiveUser(name=row["name"], role=row["role"], last_seen=moment(row["at"]), records=row["lines"])
        for row in table.to_pylist()
    )


def _line(row: dict[str, object]) -> LogLine:
    labels = labels_of(str(row["stream"]))
    level = level_of(int(str(row["severity"])))
    return LogLine(
        at=moment(int(str(row["at"]))),
        level=labels.get("level", "") if level == "unknown" else level,
        service=labels.get("service_name", ""),
        body=str(row["body"]),
    )
