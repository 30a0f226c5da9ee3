"""Syslog to records: nothing is refused; what strays is kept and says how."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.audit.test_dicom import FOLDER, real

from wardlight.config import Receive
from wardlight.receive import syslog
from wardlight.records import labels_of

NOW = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""


def rows(*messages: bytes, settings: Receive = Receive()) -> list[dict[str, Any]]:
    decoding = syslog.decode(messages, settings, UTC, NOW)
    assert decoding.refused == ()
    found = decoding.batch.to_pylist()
    assert len(found) == len(messages)
    return [
        row | {"labels": labels_of(row["stream"]), "attributes": dict(row["attributes"]), "ts": str(row["ts"])}
        for row in found
    ]


def row(message: bytes) -> dict[str, Any]:
    return rows(message)[0]


def modern(data_and_message: str) -> dict[str, Any]:
    return row(f"<34>1 2025-12-31T22:14:15.003Z host app 7 ID47 {data_and_message}".encode())


def test_it_reads_every_field_of_rfc_5424() -> None:
    found = row(b"<165>1 2025-10-11T22:14:15.003-07:00 mymachine evntslog 77 ID47 - An application event")
    assert (found["ts"], found["body"], found["severity"]) == ("2025-10-12 05:14:15.003000", "An application event", 10)
    assert found["attributes"] == {"facility": "local4", "procid": "77", "msgid": "ID47"}
    labels = {"host_name": "mymachine", "service_name": "evntslog", "level": "info", "kind": "application"}
    assert found["labels"] == labels


def test_nil_values_are_absent_and_the_time_is_that_of_arrival() -> None:
    found = row(b"<165>1 - - - - - -")
    assert (found["ts"], found["body"]) == ("2026-01-01 00:00:00", "")
    assert found["labels"] == {"service_name": "unknown_service", "level": "info", "kind": "application"}
    assert found["attributes"] == {"facility": "local4"}


@pytest.mark.parametrize(
    ("text", "pairs", "body"),
    [
        ("- hello", {}, "hello"),
        ('[a@1 b="c"] hello', {"a_1_b": "c"}, "hello"),
        ('[a b="c" d="e"][f g="h"]', {"a_b": "c", "a_d": "e", "f_g": "h"}, ""),
        ('[a b="c"][empty] x', {"a_b": "c"}, "x"),
        ("[empty] x", {}, "x"),
        ('[empty][a b="c"] x', {"a_b": "c"}, "x"),
        (r'[a b="\"\\\]"] x', {"a_b": '"\\]'}, "x"),
        (r'[a b="\n"] x', {"a_b": r"\n"}, "x"),
        ('[a b="] x"] y', {"a_b": "] x"}, "y"),
        ('[a b=""] x', {"a_b": ""}, "x"),
        ('[a b="ü"] [not="data"]', {"a_b": "ü"}, '[not="data"]'),
        ('[a b="c"] say "x" [y] z', {"a_b": "c"}, 'say "x" [y] z'),
    ],
)
def test_structured_data_becomes_metadata(text: str, pairs: dict[str, str], body: str) -> None:
    found = modern(text)
    own = {"facility": "auth", "procid": "7", "msgid": "ID47"}
    assert (found["attributes"], found["body"]) == ({**own, **pairs}, body)


@pytest.mark.parametrize(
    "text", ['[a b="c', "[a b=c] x", "[", "[]", "[a]] x", "[a][ x", "hello", '[a "c"] x', '[a b="c"']
)
def test_broken_structured_data_stays_in_the_line(text: str) -> None:
    found = modern(text)
    assert (found["attributes"]["deviation"], found["body"]) == ("structured_data", text)


def test_more_parameters_than_a_record_may_have_stay_in_the_line() -> None:
    data = "[a " + " ".join(f'p{at}="v"' for at in range(500)) + "]"
    found = modern(f"{data} x")
    assert (found["attributes"]["deviation"], found["body"]) == ("structured_data", f"{data} x")


def test_messages_of_different_forms_keep_their_order() -> None:
    messages = [
        b'<34>1 - a x - - [i n="1"] first', b"<34>Dec 31 22:14:15 b y: second", b'<34>1 - c z - - [i n="3"] third',
    ]  # fmt: skip
    found = rows(*messages)
    assert [(one["labels"]["host_name"], one["body"]) for one in found] == [
        ("a", "first"),
        ("b", "second"),
        ("c", "third"),
    ]
    assert [one["attributes"].get("i_n") for one in found] == ["1", None, "3"]


@pytest.mark.parametrize(
    ("message", "host", "service", "procid", "body"),
    [
        (b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed", "mymachine", "su", None, "'su root' failed"),
        (b"<13>Oct  1 22:14:15 host app[12]: a: b", "host", "app", "12", "a: b"),
        (b"<13>Oct 11 22:14:15 app[12]: no host", None, "app", "12", "no host"),
        (b"<13>Oct 11 22:14:15 host no tag at all", "host", "unknown_service", None, "no tag at all"),
        (b"<13>Oct 11 22:14:15 alone", None, "unknown_service", None, "alone"),
        (b"<13>2025-10-11T22:14:15.5+00:00 host app: iso", "host", "app", None, "iso"),
        (b"<13>Oct 11 22:14:15 host app: \0", "host", "app", None, ""),
    ],
)
def test_it_reads_rfc_3164_and_its_relatives(
    message: bytes, host: str | None, service: str, procid: str | None, body: str
) -> None:
    found = row(message)
    assert found["ts"][:8] == "2025-10-"
    assert (found["labels"].get("host_name"), found["labels"]["service_name"]) == (host, service)
    assert (found["attributes"].get("procid"), found["body"]) == (procid, body)
    assert "deviation" not in found["attributes"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"Dec 31 23:59:59", "2025-12-31 23:59:59"),
        (b"Jan  1 00:00:00", "2026-01-01 00:00:00"),
        (b"Jan  1 23:00:00", "2025-01-01 23:00:00"),
        (b"Feb 29 12:00:00", "2024-02-29 12:00:00"),
    ],
)
def test_a_time_without_a_year_is_the_latest_that_can_be(written: bytes, read: str) -> None:
    settings = Receive(max_future_seconds=3600)
    (found,) = rows(b"<13>" + written + b" host app: x", settings=settings)
    if written == b"Jan  1 23:00:00":
        assert found["attributes"]["deviation"] == "timestamp", "less than a day ahead, but more than may be"
    else:
        assert found["ts"] == read


def test_times_without_a_zone_are_in_the_zone_of_the_setting() -> None:
    decoding = syslog.decode([b"<13>Oct 11 22:14:15 h a: x"], Receive(), ZoneInfo("Europe/Berlin"), NOW)
    assert str(decoding.batch["ts"][0].as_py()) == "2025-10-11 20:14:15"


@pytest.mark.parametrize(
    ("message", "deviation", "body"),
    [
        (b"no priority", "priority", "no priority"),
        (b"<192>1 - h a - - - x", "priority", "<192>1 - h a - - - x"),
        (b"<>x", "priority", "<>x"),
        (b"", "priority", ""),
        (b"<13>hello", "header", "hello"),
        (b"<13>1 x y", "header", "1 x y"),
        (b"<34>1 2025-13-41T22:14:15Z h a - - - x", "timestamp", "x"),
        (b"<34>1 9999-01-01T00:00:00Z h a - - - x", "timestamp", "x"),
        (b"<34>1 1970-02-01T00:00:00Z h a - - - x", "timestamp", "x"),
        (b"<34>1 - h a - - - M\xfcller", "not_utf8", "Müller"),
        (b"<34>1 - h a - - - M\xc3", "truncated", "M"),
    ],
)
def test_what_strays_is_kept_and_says_how(message: bytes, deviation: str, body: str) -> None:
    found = row(message)
    assert (found["attributes"]["deviation"], found["body"]) == (deviation, body)


def test_a_wrong_time_is_kept_as_it_was_written() -> None:
    found = row(b"<34>1 2025-13-41T22:14:15Z h a - - - x")
    assert (found["attributes"]["timestamp"], found["ts"]) == ("2025-13-41T22:14:15Z", "2026-01-01 00:00:00")


def test_what_is_too_long_is_cut() -> None:
    (found,) = rows(b"<34>1 - h a - - - " + b"x" * 200, settings=Receive(max_line_bytes=100))
    assert (found["attributes"]["deviation"], found["body"]) == ("too_long", "x" * 82)


def test_latin_1_never_grows_beyond_the_limit() -> None:
    (found,) = rows(b"\xff" * 200, settings=Receive(max_line_bytes=101))
    assert len(found["body"].encode()) <= 101


def test_the_byte_order_mark_before_utf8_is_left_out() -> None:
    assert modern("- \ufeffgrün")["body"] == "grün"


def test_a_tag_without_time_and_host_needs_its_process() -> None:
    assert row(b"<14>clinic[5]: hello\0")["labels"]["service_name"] == "clinic"
    assert row(b"<14>error: disk is full")["labels"]["service_name"] == "unknown_service"


@pytest.mark.parametrize(
    ("priority", "severity"), [(0, 21), (1, 19), (2, 18), (3, 17), (4, 13), (5, 10), (6, 9), (7, 5)]
)
def test_severities_are_opentelemetrys(priority: int, severity: int) -> None:
    assert row(f"<{priority}>1 - h a - - - x".encode())["severity"] == severity


@pytest.mark.parametrize(
    ("facility", "kind"), [(1, "application"), (4, "security"), (10, "security"), (13, "security")]
)
def test_messages_about_authentication_are_security(facility: int, kind: str) -> None:
    found = row(f"<{facility * 8 + 3 * (kind == 'security') + 6 * (kind != 'security')}>1 - h a - - - x".encode())
    assert found["labels"]["kind"] == kind


XML = '<?xml version="1.0"?>\n<AuditMessage>\n</AuditMessage>'


@pytest.mark.parametrize(
    ("header", "body", "kind"),
    [
        ("<85>1 - h a 7 IHE+RFC-3881 -", "\ufeff" + XML, "audit"),
        ("<85>1 - h a 7 ihe+dicom -", XML, "audit"),
        ("<85>1 - h a 7 DICOM+RFC3881 -", XML, "audit"),
        ("<85>1 - h a 7 IHE+RFC-3881 -", "<?xml vers", "audit"),
        ("<13>1 - h a - - -", XML, "audit"),
        ("<13>Oct 11 22:14:15 h", XML, "audit"),
        ("<13>Oct 11 22:14:15", XML, "audit"),
        ("<13>2025-10-11T22:14:15+00:00 h\n", XML, "audit"),
        ("<13>", XML, "audit"),
        ("<13>1 - h a - - -", "<p>hello</p>", "application"),
        ("<13>1 - h a - - -", "sent <AuditMessage>", "application"),
        ("<85>1 - h a 7 ID47 -", "hello", "security"),
    ],
)
def test_messages_of_atna_are_audit_and_keep_their_xml(header: str, body: str, kind: str) -> None:
    others = [b"<85>1 - h a 7 ID47 - one", b"<13>Oct 11 22:14:15 h app: two"]
    found = rows(others[0], f"{header}{'' if header.endswith(chr(10)) else ' '}{body}".encode(), others[1])
    assert (found[1]["labels"]["kind"], found[1]["body"].lstrip()) == (kind, body.lstrip("\ufeff"))
    assert [found[0]["labels"]["kind"], found[2]["labels"]["kind"]] == ["security", "application"]


@real
def test_real_datagrams_are_audit() -> None:
    for number in (1, 2, 3):
        message = (FOLDER / f"msg{number}.syslog").read_bytes()
        (found,) = rows(message, settings=Receive(max_future_seconds=1e9))
        assert (found["labels"]["kind"], found["body"]) == ("audit", message.partition(b" - ")[2].decode())
        assert "deviation" not in found["attributes"]
        assert (found["labels"]["service_name"], found["attributes"]["msgid"]) == ("atna-audit.js", "IHE+RFC-3881")


@real
def test_a_real_datagram_that_is_cut_is_kept() -> None:
    message = (FOLDER / "msg3.syslog").read_bytes()[:700]
    found = row(message)
    assert (found["labels"]["kind"], found["body"]) == ("audit", message.partition(b" - ")[2].decode())
