"""Typed questions of the console: the newest lines of a kind, and who was there lately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wardlight.clock import moment
from wardlight.records import labels_of, level_of
from wardlight.store import Limits, LogStore
from wardlight.store.params import Param
from wardlight.store.sight import View

_LIMITS = Limits(seconds=2.0, memory_bytes=512 * 1024**2)
_BODY = 500
"""Characters shown of a line."""

_NEWEST = """
SELECT toUnixTimestamp64Nano(ts) AS at, stream, severity, leftUTF8(SOURCE_LINE, {body:UInt32}) AS body
FROM SOURCE
WHERE kind = {kind:String}
ORDER BY ts DESC
LIMIT {limit:UInt32}
"""

# Attributes are costly to read: they are asked only of the few records of `security`, where sign-ins are.
_ACTIVE = """
SELECT name, toUnixTimestamp64Nano(max(last)) AS at, sum(lines) AS records
FROM
(
    SELECT user_id AS name, max(ts) AS last, count() AS lines
    FROM SOURCE
    WHERE ts > fromUnixTimestamp64Nano({since:Int64}) AND kind != 'security' AND user_id != ''
    GROUP BY name
    UNION ALL
    SELECT user_id AS name, max(ts) AS last, count() AS lines
    FROM SOURCE
    WHERE ts > fromUnixTimestamp64Nano({since:Int64}) AND kind = 'security' AND user_id != ''
        AND NOT (attributes['event_name'] = 'user.login' AND attributes['event_outcome'] = 'failure')
    GROUP BY name
)
GROUP BY name
ORDER BY at DESC, name
LIMIT {limit:UInt32}
"""

# The latest users' latest records lie close together.
_ROLES = """
SELECT user_id AS name, argMax(attributes['user_role'], ts) AS role
FROM SOURCE
WHERE ts >= fromUnixTimestamp64Nano({since:Int64}) AND user_id IN {names:Array(String)}
    AND attributes['user_role'] != ''
GROUP BY name
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


def newest(store: LogStore, view: View, kind: str, limit: int) -> tuple[LogLine, ...]:
    """Read the newest lines of a kind, newest first; none of a kind that the reader doesn't see."""
    if kind not in view.sight.kinds:
        return ()
    return tuple(map(_line, _asked(store, view, _NEWEST, {"kind": kind, "limit": limit, "body": _BODY})))


def active_users(store: LogStore, view: View, since_ns: int, limit: int) -> tuple[ActiveUser, ...]:
    """Name the users of records after `since_ns`, the latest first; a failed sign-in is nobody's presence."""
    rows = _asked(store, view, _ACTIVE, {"since": since_ns, "limit": limit})
    if not rows:
        return ()
    names = [row["name"] for row in rows]
    told = _asked(store, view, _ROLES, {"since": rows[-1]["at"], "names": names})
    roles = {row["name"]: row["role"] for row in told}
    return tuple(
        ActiveUser(
            name=row["name"], role=roles.get(row["name"], ""), last_seen=moment(row["at"]), records=row["records"]
        )
        for row in rows
    )


def _asked(store: LogStore, view: View, sql: str, params: Mapping[str, Param]) -> list[dict[str, Any]]:
    """Ask of what the view shows instead of the table."""
    if view.sight.masked:
        source, line = view.source(), "line"
    else:
        source, line = f"(SELECT * FROM logs WHERE {view.restriction})" if view.restriction else "logs", "body"  # noqa: S608  # nosec B608
    statement = sql.replace("SOURCE_LINE", line).replace("SOURCE", source)
    rows: list[dict[str, Any]] = store.select(statement, {**params, **view.params}, limits=_LIMITS).to_pylist()
    return rows


def _line(row: dict[str, Any]) -> LogLine:
    labels = labels_of(row["stream"])
    level = level_of(row["severity"])
    return LogLine(
        at=moment(row["at"]),
        level=labels.get("level", "") if level == "unknown" else level,
        service=labels.get("service_name", ""),
        body=row["body"],
    )
