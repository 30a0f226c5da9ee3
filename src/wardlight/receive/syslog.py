"""Syslog messages to records: RFC 5424, RFC 3164, and what devices make of them.

Syslog has no answers, so nothing is refused: what can't be understood is kept as a line, and the attribute `deviation`
says what was wrong. RFC 5424's host and application are the labels `host_name` and `service_name`; facility, process,
message type, structured data (`id.parameter`) and `sender`, whom a certificate names, are structured metadata.
Messages of the facilities for
authentication are of kind security; audit messages of IHE ATNA (ITI-20) are of kind audit. A time that is absent,
unreadable, before 1971 or too far ahead of our clock becomes the time of arrival; the text of a wrong one is kept in
the attribute `timestamp`.

Work is done a column at a time: RFC 5424's header and structured data are found by splitting at blanks, brackets and
quotation marks. Python looks only at distinct values, and at what breaks the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardlight.config import Receive
from wardlight.receive import structured_data, times
from wardlight.receive.assemble import MIN_TIME, Columns, Decoding, Ints, Mask, assemble, nothing
from wardlight.receive.columns import ask, indices, lengths_of, split, true, where
from wardlight.receive.segments import Segment, interleave, named

SEVERITIES = np.array([21, 19, 18, 17, 13, 10, 9, 5], np.uint8)
"""OpenTelemetry's SeverityNumber of syslog's severities 0–7 (log data model, appendix B)."""

FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
"""Names of facilities 0–23."""

SECURITY_FACILITIES = ("auth", "authpriv", "audit")
"""Facilities whose messages are of kind security."""

AUDIT_MESSAGES = ("IHE+RFC-3881", "IHE+DICOM", "DICOM+RFC3881")
"""Types of message (MSGID) that are audit messages of IHE or DICOM (ITI-20; PS3.15 A.6), in any case."""

DEVIATIONS = ("", "priority", "header", "structured_data", "timestamp", "not_utf8", "truncated", "too_long")
"""What may be wrong with a message; of several, the first that is found is told."""

_PRIORITY, _HEADER, _DATA, _TIME, _NOT_UTF8, _TRUNCATED, _TOO_LONG = range(1, len(DEVIATIONS))
_NO_PRIORITY = -1
_OWN_ATTRIBUTES = 9
_BARE_TAG = re.compile(r"[^\s:\[\]]{1,64}")
_TAG_WITH_PID = re.compile(r"[^\s:\[\]]{1,64}\[[^\]\s]{0,64}\]")


@dataclass
class Parts:
    """Messages taken apart; what is absent is empty."""

    ts: Ints
    time: pa.StringArray
    """The time as it was written, where it is unreadable or absurd."""
    host: pa.StringArray
    app: pa.StringArray
    procid: pa.StringArray
    msgid: pa.StringArray
    body: pa.StringArray
    deviation: Ints
    data: Segment | None = None


def decode(
    messages: Sequence[bytes], settings: Receive, zone: tzinfo, now_ns: int, *, senders: Sequence[str] = ()
) -> Decoding:
    """Decode messages without their framing; `zone` is that of times without one.

    `senders` are the names in the certificates of those who sent them, empty where there was none.
    """
    if not messages:
        return nothing()
    text, deviation = _text(messages, settings.max_line_bytes)
    priority, rest = _priority(text)
    deviation = _first(deviation, _PRIORITY, priority == _NO_PRIORITY)
    rule = _Rule(zone, now_ns, now_ns + int(settings.max_future_seconds * 1e9), settings.max_attributes)
    parts = _take_apart(rest, priority, rule)
    facility = _facilities(priority)
    keys, values, counts = interleave(
        [
            *([parts.data] if parts.data else []),
            named("facility", facility),
            named("procid", parts.procid),
            named("msgid", parts.msgid),
            named("timestamp", parts.time),
            named(
                "deviation", pa.array(DEVIATIONS).take(pa.array(np.where(deviation > 0, deviation, parts.deviation)))
            ),
            *([named("sender", pa.array(senders, pa.string()))] if senders else []),
            named("wardlight_kind", _kinds(facility, parts)),
        ],
        len(messages),
    )
    group, groups = _groups(parts.host, parts.app)
    return assemble(
        Columns(
            ts=parts.ts, body=parts.body, group=group, groups=groups, counts=counts, keys=keys, values=values,
            severity=np.where(priority == _NO_PRIORITY, 0, SEVERITIES[priority % 8]).astype(np.uint8),
        ),
        settings,
        now_ns,
    )  # fmt: skip


@dataclass(frozen=True)
class _Rule:
    """What holds for all messages of a batch."""

    zone: tzinfo
    now_ns: int
    latest: int
    most_attributes: int
    legacy: dict[str, int] = field(default_factory=dict)

    def usable(self, ts: Ints) -> tuple[Ints, Mask]:
        """Replace times that no record may have by 0, the time of arrival; say which were replaced."""
        absurd = (ts != 0) & ((ts < MIN_TIME) | (ts > self.latest))
        return np.where(absurd, 0, ts), absurd

    def legacy_time(self, stamp: str) -> int:
        """Read RFC 3164's time."""
        return times.legacy(stamp, self.zone, self.now_ns)


def _first(deviation: Ints, code: int, applies: Mask) -> Ints:
    """Note a deviation where none is noted yet."""
    return np.where((deviation == 0) & applies, code, deviation)


def _text(messages: Sequence[bytes], limit: int) -> tuple[pa.StringArray, Ints]:
    """Read bytes as UTF-8, else as Latin-1; line ends and zero bytes at the end are the framing's."""
    deviation = np.zeros(len(messages), np.int64)
    try:
        text = pa.array(messages, pa.string())
        if text.nbytes < limit or int(pc.max(pc.binary_length(text)).as_py()) <= limit:
            return pc.ascii_rtrim(text, "\r\n\0"), deviation
    except pa.ArrowInvalid:
        pass
    readable = []
    for at, message in enumerate(messages):
        line, deviation[at] = _readable(message, limit)
        readable.append(line)
    return pc.ascii_rtrim(pa.array(readable, pa.string()), "\r\n\0"), deviation


def _readable(message: bytes, limit: int) -> tuple[str, int]:
    """Read one message, cut to the limit; a character cut in two at the end is left out."""
    whole, code = message[:limit], _TOO_LONG if len(message) > limit else 0
    try:
        return whole.decode(), code
    except UnicodeDecodeError as error:
        if error.start >= len(whole) - 3 and error.reason == "unexpected end of data":
            return whole[: error.start].decode(), code or _TRUNCATED
        return whole.decode("latin-1").encode()[:limit].decode(errors="ignore"), _NOT_UTF8


def _priority(text: pa.StringArray) -> tuple[Ints, pa.StringArray]:
    """Split off `<PRI>`: its number, or -1 and the whole text where there is none."""
    (head, rest), size = split(text, ">", 2)
    encoded = head.dictionary_encode()
    known = np.array([_priority_number(word) for word in encoded.dictionary.to_pylist()], np.int64)
    priority = np.where(size == 2, known[indices(encoded)], _NO_PRIORITY)
    return priority, where(priority == _NO_PRIORITY, text, rest)


@lru_cache(maxsize=1024)
def _priority_number(head: str) -> int:
    number = head[1:]
    if head[:1] == "<" and len(number) <= 3 and number.isascii() and number.isdigit() and int(number) < 192:
        return int(number)
    return _NO_PRIORITY


def _facilities(priority: Ints) -> pa.StringArray:
    names = pa.array([*FACILITIES, ""])
    return names.take(pa.array(np.where(priority == _NO_PRIORITY, len(FACILITIES), priority // 8)))


def _kinds(facility: pa.StringArray, parts: Parts) -> pa.StringArray:
    security = pc.is_in(facility, value_set=pa.array(SECURITY_FACILITIES))
    kinds = where(security, pa.scalar("security"), pa.scalar(""))
    audit = _audits(parts.msgid, parts.body)
    return where(audit, pa.scalar("audit"), kinds) if audit.any() else kinds


def _audits(msgid: pa.StringArray, body: pa.StringArray) -> Mask:
    """Which are audit messages: by their type, or by their XML, since not every sender says the type."""
    audit = true(pc.is_in(pc.ascii_upper(msgid), value_set=pa.array(AUDIT_MESSAGES)))
    xml = np.flatnonzero(true(pc.or_(pc.starts_with(body, "<"), pc.starts_with(body, " <"))))
    if len(xml):
        audit[xml] |= true(pc.match_substring(body.take(pa.array(xml)), "<AuditMessage"))
    return audit


def _take_apart(rest: pa.StringArray, priority: Ints, rule: _Rule) -> Parts:
    """Take messages of both kinds apart, each kind as a whole, and bring them back into order."""
    modern = true(pc.starts_with(rest, "1 ")) & (priority != _NO_PRIORITY)
    if modern.all():
        return _modern(rest, rule)
    if not modern.any():
        return _legacy(rest, priority, rule)
    new = _modern(rest.filter(pa.array(modern)), rule)
    old = _legacy(rest.filter(pa.array(~modern)), priority[~modern], rule)
    order = np.empty(len(rest), np.int64)
    order[np.flatnonzero(modern)] = np.arange(int(modern.sum()))
    order[np.flatnonzero(~modern)] = np.arange(int(modern.sum()), len(rest))
    return _joined(new, old, order)


def _joined(new: Parts, old: Parts, order: Ints) -> Parts:
    """Put messages of both kinds into the order they came in."""
    take = pa.array(order)
    joined = {
        name: pa.concat_arrays([getattr(new, name), getattr(old, name)]).take(take)
        for name in ("time", "host", "app", "procid", "msgid", "body")
    }
    data = None
    if new.data:
        counts = np.concatenate([new.data.counts, np.zeros(len(old.ts), np.int64)])
        data = Segment(counts[order], new.data.at, new.data.keys, new.data.values)
    return Parts(
        ts=np.concatenate([new.ts, old.ts])[order],
        deviation=np.concatenate([new.deviation, old.deviation])[order],
        data=data,
        **joined,
    )


def _modern(rest: pa.StringArray, rule: _Rule) -> Parts:
    """Take RFC 5424 apart: `1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG]`."""
    (_, time, host, app, procid, msgid, tail), size = split(rest, " ", 7)
    complete = size == 7
    deviation = np.where(complete, 0, _HEADER)
    if not complete.all():
        time, host, app, procid, msgid = (
            where(complete, part, pa.scalar("-")) for part in (time, host, app, procid, msgid)
        )
        tail = where(complete, tail, pa.scalar("-"))
    found = structured_data.read(tail, rule.most_attributes - _OWN_ATTRIBUTES)
    deviation = _first(deviation, _DATA, found.broken)
    body = found.rest if complete.all() else where(complete, found.rest, rest)
    ts, absurd = rule.usable(times.column(_absent(time)))
    return Parts(
        ts=ts,
        time=where(absurd, time, pa.scalar("")),
        host=_present(host), app=_present(app), procid=_present(procid), msgid=_present(msgid),
        body=_without_mark(body),
        deviation=_first(deviation, _TIME, absurd),
        data=found.pairs,
    )  # fmt: skip


def _absent(values: pa.StringArray) -> pa.StringArray:
    """Turn NILVALUE into null."""
    nil = pc.equal(values, "-")
    return pc.if_else(nil, pa.scalar(None, pa.string()), values) if pc.any(nil).as_py() else values


def _present(values: pa.StringArray) -> pa.StringArray:
    """Turn NILVALUE into nothing."""
    return _absent(values).fill_null("")


def _without_mark(body: pa.StringArray) -> pa.StringArray:
    """Leave out the byte order mark that RFC 5424 puts before UTF-8."""
    marked = pc.starts_with(body, "\ufeff")
    return where(marked, pc.utf8_slice_codeunits(body, 1), body) if pc.any(marked).as_py() else body


def _legacy(rest: pa.StringArray, priority: Ints, rule: _Rule) -> Parts:
    """Take RFC 3164 apart: `TIMESTAMP HOSTNAME TAG[PID]: CONTENT`, and its forms with ISO times or without a host."""
    ts, time, after, headed = _legacy_times(rest, rule)
    headed &= priority != _NO_PRIORITY
    ts, absurd = rule.usable(np.where(headed, ts, 0))
    (host, content), size = split(after, " ", 2)
    if (lines := true(pc.match_substring(host, "\n"))).any():  # OpenEMR ends its header with the line
        after = where(lines, pc.replace_substring(after, "\n", " ", max_replacements=1), after)
        (host, content), size = split(after, " ", 2)
    hostless = ask(host, _is_tag) | (size < 2)
    host = where(headed & ~hostless, host, pa.scalar(""))
    content = where(hostless, after, content)
    app, procid, body = _tag(content, headed)
    return Parts(
        ts=ts,
        time=where(absurd & headed, time, pa.scalar("")),
        host=_present(host), app=app, procid=procid,
        msgid=pa.repeat(pa.scalar(""), len(rest)),
        body=_without_mark(where(headed, body, where(_tagged_only(app, headed), body, rest))),
        deviation=np.where(absurd, _TIME, np.where(headed, 0, _HEADER)),
    )  # fmt: skip


def _tagged_only(app: pa.StringArray, headed: Mask) -> Mask:
    """Messages that have a tag but neither time nor host, as Python's SysLogHandler can send them."""
    return (lengths_of(app) > 0) & ~headed


def _legacy_times(rest: pa.StringArray, rule: _Rule) -> tuple[Ints, pa.StringArray, pa.StringArray, Mask]:
    """Read the time before the host: nanoseconds, its text, what follows, and whether there is one."""
    stamp = pc.utf8_slice_codeunits(rest, 0, 15)
    encoded = stamp.dictionary_encode()
    known = np.array([rule.legacy_time(text) for text in encoded.dictionary.to_pylist()], np.int64)
    ts = known[indices(encoded)]
    after = pc.utf8_slice_codeunits(rest, 16)
    headed = ts != times.UNREADABLE
    if headed.all():
        return ts, stamp, after, headed
    iso = ~headed & true(pc.match_substring_regex(rest, r"^\d{4}-\d\d-\d\dT\d\d:\d\d"))
    (first, second), _ = split(rest, " ", 2)
    ts = np.where(headed, ts, 0)
    if iso.any():
        ts = np.where(iso, times.column(where(iso, first, pa.scalar(None, pa.string()))), ts)
    return ts, where(iso, first, stamp), where(iso, second, where(headed, after, rest)), headed | iso


def _is_bare_tag(text: str) -> bool:
    return _BARE_TAG.fullmatch(text) is not None


def _is_tag_with_pid(text: str) -> bool:
    return _TAG_WITH_PID.fullmatch(text) is not None


def _is_tag(text: str) -> bool:
    """A tag stands where a host should, which ends with a colon or a PID; or XML does."""
    return text.endswith(":") or text.startswith("<") or _is_tag_with_pid(text)


def _tag(content: pa.StringArray, headed: Mask) -> tuple[pa.StringArray, pa.StringArray, pa.StringArray]:
    """Split `TAG[PID]: CONTENT`; without time and host before it, a tag must have its PID to be believed."""
    (tag, body), size = split(content, ": ", 2)
    bare = ask(tag, _is_bare_tag)
    with_pid = ask(tag, _is_tag_with_pid)
    tagged = (size == 2) & ((bare & headed) | with_pid)
    (name, pid), _ = split(where(tagged, tag, pa.scalar("")), "[", 2)
    return name, pc.ascii_rtrim(pid, "]"), where(tagged, body, content)


def _groups(host: pa.StringArray, app: pa.StringArray) -> tuple[Ints, list[dict[str, str]]]:
    """Number the distinct pairs of host and application, and write each as labels."""
    hosts, apps = host.dictionary_encode(), app.dictionary_encode()
    names = apps.dictionary.to_pylist()
    code = indices(hosts) * len(names)
    distinct, group = np.unique(code + indices(apps), return_inverse=True)
    groups = []
    for pair in distinct.tolist():
        at_host, at_app = divmod(pair, len(names))
        labels = {"host_name": hosts.dictionary[at_host].as_py(), "service_name": names[at_app]}
        groups.append({name: value for name, value in labels.items() if value})
    return group, groups
