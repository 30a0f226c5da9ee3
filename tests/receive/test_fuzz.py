"""Whatever comes, a decoder answers with a batch or a BadInput, and never with anything else."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC
from typing import Any

import cramjam
import pytest
from google.protobuf import message_factory
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from wardlight.config import Receive
from wardlight.problems import BadInput
from wardlight.receive import bulk, loki, ndjson, otlp, syslog
from wardlight.receive.assemble import Decoding
from wardlight.receive.formats import FORMATS, Setting
from wardlight.receive.framing import Framer
from wardlight.records import SCHEMA

NOW = 1_767_225_600_000_000_000
SETTINGS = Receive(max_line_bytes=2000)
MUTATIONS = 1500


def through_framing(payload: bytes, settings: Receive, now_ns: int) -> Decoding:
    framer = Framer(settings.max_line_bytes)
    messages = [*framer.feed(payload), *framer.end()]
    decoding = syslog.decode(messages, settings, UTC, now_ns)
    assert decoding.refused == ()
    assert decoding.batch.num_rows == len(messages)
    return decoding


def as_datagram(payload: bytes, settings: Receive, now_ns: int) -> Decoding:
    decoding = syslog.decode([payload, b"<34>1 - h a - - - good", payload], settings, UTC, now_ns)
    assert decoding.batch.num_rows == 3
    assert decoding.batch["body"][1].as_py() == "good"
    return decoding


DECODERS: dict[str, Callable[[bytes, Receive, int], Decoding]] = {
    "otlp protobuf": otlp.decode_protobuf,
    "otlp json": otlp.decode_json,
    "loki protobuf": loki.decode_protobuf,
    "loki snappy": loki.decode_snappy,
    "loki json": loki.decode_json,
    "json lines": ndjson.decode,
    "bulk": lambda payload, settings, now: bulk.decode(payload, "logs", settings, now),
    "syslog stream": through_framing,
    "syslog datagram": as_datagram,
}


def otlp_request() -> bytes:
    made = ExportLogsServiceRequest()
    logs = made.resource_logs.add()
    logs.resource.attributes.add(key="service.name").value.string_value = "clinic"
    for at in range(3):
        record = logs.scope_logs.add().log_records.add(time_unix_nano=NOW + at, severity_number=9, trace_id=b"x" * 16)
        record.body.string_value = f"line {at}"
        record.attributes.add(key="n").value.int_value = at
        record.attributes.add(key="list").value.array_value.values.add().double_value = 1.5
    return made.SerializeToString()


def loki_request() -> bytes:
    request: Any = message_factory.GetMessageClass(loki.REQUEST)()
    entry = request.streams.add(labels='{app="a"}').entries.add(line="x")
    entry.timestamp.seconds = NOW // 10**9
    entry.structured_metadata.add(name="k", value="v")
    return bytes(request.SerializeToString())


LINES = b"""{"time":"2026-01-01T00:00:00Z","msg":"a","level":"info","http":{"status":200},"labels":{"x":"y"}}
{"@timestamp":1767222000.5,"message":"b","tags":["a",1],"service":"s","n":null,"t":true}
"""
SYSLOG = (
    rb'<165>1 2025-10-11T22:14:15.003Z host app 7 ID [a@1 b="c\"" d="e"][f g="h"] message "x" [y]' + b"\n"
    b"<34>Oct 11 22:14:15 host su[1]: failed\n<13>2025-10-11T22:14:15+00:00 h a: iso\n<14>hello M\xc3\xbcller\n"
)
SEEDS: dict[str, list[bytes]] = {
    "otlp protobuf": [otlp_request()],
    "otlp json": [
        json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [
            {"timeUnixNano": str(NOW), "body": {"stringValue": "x"}, "traceId": "ab" * 16,
             "attributes": [{"key": "k", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}}]}
        ]}]}]}).encode()
    ],
    "loki protobuf": [loki_request()],
    "loki snappy": [b"\x00", bytes(cramjam.snappy.compress_raw(loki_request()))],
    "loki json": [json.dumps({"streams": [{"stream": {"a": "b"}, "values": [[str(NOW), "x", {"k": "v"}]]}]}).encode()],
    "json lines": [LINES],
    "bulk": [b"".join(b'{"create":{"_index":"i"}}\n' + line + b"\n" for line in LINES.splitlines())],
    "syslog stream": [SYSLOG, b"".join(b"%d %s" % (len(line), line) for line in SYSLOG.splitlines())],
    "syslog datagram": SYSLOG.splitlines(),
}  # fmt: skip


def check(name: str, payload: bytes) -> None:
    try:
        decoding = DECODERS[name](payload, SETTINGS, NOW)
    except BadInput:
        return
    decoding.batch.validate(full=True)
    assert decoding.batch.schema == SCHEMA
    assert all(refusal.count > 0 for refusal in decoding.refused)


@pytest.mark.parametrize("name", DECODERS)
@given(payload=st.binary(max_size=400))
def test_any_bytes(name: str, payload: bytes) -> None:
    check(name, payload)


@pytest.mark.parametrize("name", DECODERS)
def test_the_seeds_are_good(name: str) -> None:
    assert DECODERS[name](SEEDS[name][-1], SETTINGS, NOW).batch.num_rows > 0


@pytest.mark.parametrize("name", DECODERS)
def test_good_requests_with_some_bytes_changed(name: str) -> None:
    rng = random.Random(f"wardlight {name}")
    for _ in range(MUTATIONS):
        check(name, mutated(rng, rng.choice(SEEDS[name])))


def mutated(rng: random.Random, seed: bytes) -> bytes:
    """Change, remove, repeat or insert a few bytes; sometimes those that mean something."""
    data = bytearray(seed)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del data[at : at + rng.randint(1, 20)]
            case 2:
                data[at:at] = data[at : at + rng.randint(1, 60)]
            case 3:
                data[at:at] = rng.choice(
                    (b'"', b"\\", b"]", b"[", b"{", b"}", b"\0", b"\xff", b"\n", b" ", b">", b"\xef\xbf\xbf")
                )
            case _:
                data[at : at + 4] = rng.choice(
                    (b"\xff" * 10, b"1e999", b"-1", b"null", b"99999999999999999999", b"\xed\xa0\x80")
                )
    return bytes(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["time", "@timestamp", "msg", "message", "level", "log", "labels", "service", "host", "user.id", ""]
)


@given(st.lists(st.dictionaries(KEYS | st.text(max_size=8), JSON, max_size=8), max_size=5))
def test_any_json_objects(objects: list[dict[str, Any]]) -> None:
    lines = [json.dumps(one, ensure_ascii=bool(at % 2)).encode(errors="replace") for at, one in enumerate(objects)]
    found = ndjson.decode(b"\n".join(lines), SETTINGS, NOW)
    found.batch.validate(full=True)
    assert found.batch.num_rows + len(found.bad) == len(objects)
    check("bulk", b"".join(b'{"create":{}}\n' + line + b"\n" for line in lines))


HEADERS = st.sampled_from(
    ["<34>", "<165>1 ", "<13>Oct 11 22:14:15 ", "<13>2026-01-01T00:00:00Z ", "", "<34>1 - h a - - "]
)
WORDS = st.lists(
    st.sampled_from(["host", "app[1]:", "-", '[a b="c"]', '[a b="', "]", '"', "\\", "x: y", "2026-01-01", "\ufeff"])
)


@given(st.lists(st.tuples(HEADERS, WORDS, st.sampled_from([" ", ""])), min_size=1, max_size=6))
def test_any_messages_that_look_like_syslog(parts: list[tuple[str, list[str], str]]) -> None:
    messages = [(header + between.join(words)).encode() for header, words, between in parts]
    decoding = syslog.decode(messages, SETTINGS, UTC, NOW)
    decoding.batch.validate(full=True)
    assert (decoding.batch.num_rows, decoding.refused) == (len(messages), ())
    alone = [syslog.decode([message], SETTINGS, UTC, NOW).batch.to_pylist()[0] for message in messages]
    assert decoding.batch.to_pylist() == alone, "a message says the same in any company"


@pytest.mark.parametrize("name", FORMATS)
@given(line=st.text(max_size=120))
def test_any_line_of_a_file(name: str, line: str) -> None:
    found = FORMATS[name].read(line, Setting(UTC, NOW))
    assert found is None or isinstance(found, dict)
