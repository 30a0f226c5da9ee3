"""Formats of old log files: what a line says, as a document for the JSON lines endpoint.

A format reads a line that begins an entry and answers None for one that doesn't: a stack trace's line, the rest of a
statement. Such lines belong to the entry before them. Formats are found by looking at a file's first lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import msgspec

from wardlight.problems import BadInput
from wardlight.receive import times
from wardlight.receive.documents import TIME_NAMES
from wardlight.receive.syslog import FACILITIES, SECURITY_FACILITIES, SEVERITIES
from wardlight.records import level_of

Document = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """What a file's lines don't say."""

    zone: tzinfo
    """The zone of times without one."""
    newest_ns: int
    """When the file was last written: the newest time of lines without a year."""


@dataclass(frozen=True)
class Format:
    """A way to write a log."""

    name: str
    read: Callable[[str, Setting], Document | None]
    continues: Callable[[str, Document], bool] = lambda _line, _before: False
    """Whether a line that looks like an entry belongs to the one before."""


def _present(document: Document) -> Document:
    """Leave out what a line doesn't say."""
    return {name: value for name, value in document.items() if value != ""}


_JSON = msgspec.json.Decoder(dict[str, Any])
_PAIR = re.compile(r'([A-Za-z_@][\w.@/-]*)=("(?:[^"\\]|\\.)*"|[^\s"=]*)(?:\s+|$)')
_LOGFMT_NAMES = {*TIME_NAMES, "level", "lvl", "msg", "message"}
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_COMBINED = re.compile(
    r"(\S+) \S+ (\S.*?) \[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)\] "
    rf"{_QUOTED} (\d{{3}}) (\d+|-)(?: {_QUOTED} {_QUOTED})?(?: .*)?"
)
_POSTGRESQL = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) (\S+) (?:\[(\d+)(?:-\d+)?\]:? )?(?:(\S+)@(\S+) )?"
    r"(DEBUG[1-5]?|INFO|NOTICE|WARNING|ERROR|LOG|FATAL|PANIC|DETAIL|HINT|QUERY|CONTEXT|STATEMENT|LOCATION):  (.*)"
)
_POSTGRESQL_LEVELS = {"LOG": "info", "PANIC": "fatal"}
_POSTGRESQL_PARTS = ("DETAIL", "HINT", "QUERY", "CONTEXT", "STATEMENT", "LOCATION")
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?Z| ?[+-]\d\d:?\d\d)?"
_TAG = r"([^\s:\[\]]{1,64})(?:\[([^\]\s]*)\])?"
_SYSLOG = re.compile(
    rf"(?:<(\d{{1,3}})>)?([A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d|\d{{4}}-\d\d-\d\dT\S+) (\S+) {_TAG}: ?(.*)"
)
_SYSLOG_5424 = re.compile(r"<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) (?:-|(?:\[[^\]]*\])+)(?: (.*))?")
_STAMPED = re.compile(rf"\[?({_ISO})\]?[ \t]*(?:[-|][ \t]*)?(.*)")
_LEVEL = r"(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|SEVERE|CRITICAL|FATAL)"
_NAMED = (
    re.compile(rf"(?P<logger>[\w.$-]+) +- +{_LEVEL} +- +(?P<message>.*)"),
    re.compile(rf"\[?{_LEVEL}\]? +(?:in )?\[?(?P<logger>[\w.$-]+)\]?: +(?P<message>.*)"),
    re.compile(rf"\[[^\]]*\] +{_LEVEL} +(?P<logger>[\w.$-]+) +- +(?P<message>.*)"),
)
_ANY_LEVEL = re.compile(rf"(?:^|[\s\[(|:]){_LEVEL}(?=[\s\])|:,-]|$)")
_BARE = re.compile(rf"{_LEVEL}:(?P<logger>[\w.$-]+):(?P<message>.*)")
_LEVEL_WITHIN = 120


def _json(line: str, _setting: Setting) -> Document | None:
    """One JSON object a line; the server knows its usual names."""
    if not line.startswith("{"):
        return None
    try:
        return _JSON.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None


def _logfmt(line: str, _setting: Setting) -> Document | None:
    """Pairs `name=value`, nothing else."""
    document: Document = {}
    at = 0
    while found := _PAIR.match(line, at):
        name, value = found.groups()
        document[name] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        at = found.end()
    return document if at == len(line) and not _LOGFMT_NAMES.isdisjoint(document) else None


def _combined(line: str, _setting: Setting) -> Document | None:
    """Apache's and nginx's combined and common log formats."""
    found = _COMBINED.fullmatch(line)
    if found is None or found[4] not in times.MONTHS:
        return None
    address, user, day, month, year, clock, hours, minutes, request, status, size, referer, agent = found.groups()
    return _present(
        {
            "time": f"{year}-{times.MONTHS.index(month) + 1:02}-{day}T{clock}{hours}:{minutes}",
            "message": line,
            "level": "error" if status >= "500" else "warn" if status >= "400" else "info",
            "client.address": address,
            "user.id": "" if user == "-" else user,
            "http.request.method": request.partition(" ")[0],
            "http.response.status_code": status,
            "http.response.body.size": "" if size == "-" else size,
            "http.request.header.referer": "" if referer == "-" else referer,
            "user_agent.original": "" if agent == "-" else agent,
        }
    )


def _postgresql(line: str, setting: Setting) -> Document | None:
    """PostgreSQL's stderr log with the prefixes `%m [%p] ` and `%m [%p] %q%u@%d `."""
    found = _POSTGRESQL.fullmatch(line)
    if found is None:
        return None
    time, zone, pid, user, database, word, message = found.groups()
    in_utc = zone in {"UTC", "GMT"}
    return _present(
        {
            "time": time + "Z" if in_utc else times.read(time, setting.zone),
            "message": message if word == "LOG" else f"{word}:  {message}",
            "level": _POSTGRESQL_LEVELS.get(word, word.rstrip("12345").lower()),
            "service.name": "postgresql",
            "process.pid": pid or "",
            "db.user": user or "",
            "db.namespace": database or "",
        }
    )


def _postgresql_continues(line: str, before: Document) -> bool:
    """DETAIL, STATEMENT and their like belong to the message of the same process before them."""
    found = _POSTGRESQL.fullmatch(line)
    return found is not None and found[6] in _POSTGRESQL_PARTS and found[3] == before.get("process.pid")


def _syslog(line: str, setting: Setting) -> Document | None:
    """What syslog daemons write to files, with or without a priority."""
    modern = _SYSLOG_5424.fullmatch(line)
    if modern:
        priority, time, host, tag, pid, _, message = modern.groups()
        when: str | int = time if time != "-" else ""
    elif found := _SYSLOG.fullmatch(line):
        priority, time, host, tag, pid, message = found.groups()
        when = time if time[0].isdigit() else times.legacy(time, setting.zone, setting.newest_ns)
    else:
        return None
    if when == times.UNREADABLE or (priority and int(priority) > 191):
        return None
    facility = FACILITIES[int(priority) // 8] if priority else ""
    return _present(
        {
            "time": when,
            "message": message or "",
            "level": level_of(int(SEVERITIES[int(priority) % 8])) if priority else "",
            "host.name": "" if host == "-" else host,
            "service.name": "" if tag == "-" else tag,
            "procid": "" if pid in (None, "-") else pid,
            "facility": facility,
            "wardlight.kind": "security" if facility in SECURITY_FACILITIES else "",
        }
    )


def _python(line: str, setting: Setting) -> Document | None:
    """Python's logging and everything else that begins with an ISO time; `LEVEL:logger:message` has no time."""
    found = _STAMPED.fullmatch(line)
    if found is None:
        bare = _BARE.fullmatch(line)
        return {"level": bare[1], "logger": bare["logger"], "message": bare["message"]} if bare else None
    time, rest = times.read(found[1].replace(" Z", "Z"), setting.zone), found[2]
    if time == times.UNREADABLE:
        return None
    for pattern in _NAMED:
        if named := pattern.fullmatch(rest):
            level = next(word for word in named.groups() if word and word != named["logger"])
            return {"time": time, "level": level, "logger": named["logger"], "message": named["message"]}
    level_found = _ANY_LEVEL.search(rest, 0, _LEVEL_WITHIN)
    return _present({"time": time, "level": level_found[1] if level_found else "", "message": rest})


def _plain(line: str, _setting: Setting) -> Document | None:
    """Every line an entry, without a time of its own."""
    return {"message": line} if line else None


FORMATS: Mapping[str, Format] = {
    found.name: found
    for found in (
        Format("json", _json),
        Format("combined", _combined),
        Format("postgresql", _postgresql, _postgresql_continues),
        Format("syslog", _syslog),
        Format("logfmt", _logfmt),
        Format("python", _python),
        Format("plain", _plain),
    )
}
"""All formats by name, those that are hardest to mistake first; plain is never guessed."""

_LEAST_SHARE = 0.1


def guess(lines: Sequence[str], setting: Setting) -> Format:
    """Return the format that reads most of a file's first lines; raises BadInput when none does."""
    written = [line for line in lines if line.strip()]
    best, most = None, 0
    for found in FORMATS.values():
        count = sum(found.read(line, setting) is not None for line in written)
        if found.name != "plain" and count > most:
            best, most = found, count
    if best is None or most < _LEAST_SHARE * len(written):
        known = ", ".join(FORMATS)
        raise BadInput(
            f"its first {len(written)} lines are of no format that is known here; say which by --format ({known})"
        )
    return best
