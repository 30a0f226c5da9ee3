"""Loki's push to records."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import message_factory

from wardlight.config import Receive
from wardlight.problems import BadInput
from wardlight.receive import loki
from wardlight.records import labels_of

NOW = 1_767_225_600_000_000_000
PushRequest: Any = message_factory.GetMessageClass(loki.REQUEST)


def push(labels: dict[str, str], *values: list[Any]) -> bytes:
    return json.dumps({"streams": [{"stream": labels, "values": values}]}).encode()


def rows(payload: bytes, settings: Receive = Receive()) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = loki.decode_json(payload, settings, NOW).batch.to_pylist()
    return [row | {"attributes": dict(row["attributes"]), "labels": labels_of(row["stream"])} for row in found]


def test_it_keeps_time_line_and_metadata() -> None:
    (row,) = rows(push({"app": "a"}, [str(NOW), "line", {"k.x": "v", "user_id": "u", "trace_id": "ab" * 16}]))
    assert (row["ts"].value, row["body"], row["attributes"]) == (NOW, "line", {"k_x": "v"})
    assert (row["user_id"], row["trace_id"]) == ("u", b"\xab" * 16)


def test_a_trace_id_that_is_none_stays_metadata() -> None:
    (row,) = rows(push({"app": "a"}, [str(NOW), "line", {"trace_id": "mine"}]))
    assert row["attributes"] == {"trace_id": "mine"}


def test_it_adds_service_level_and_kind() -> None:
    (row,) = rows(push({"app": "clinic"}, [str(NOW), "level=error no ink"]))
    assert row["labels"] == {"app": "clinic", "service_name": "clinic", "level": "error", "kind": "error"}


def test_it_adds_nothing_when_told_so() -> None:
    (row,) = rows(push({"app": "clinic"}, [str(NOW), "level=error no ink"]), Receive(derive_labels=False))
    assert row["labels"] == {"app": "clinic"}


@pytest.mark.parametrize(
    ("line", "level"),
    [('{"level":"warn"}', "warn"), ("lvl=INFO x", "info"), ("severity: critical", "fatal"), ("nothing", "unknown")],
)
def test_the_level_is_found_in_the_line(line: str, level: str) -> None:
    assert rows(push({"app": "a"}, [str(NOW), line]))[0]["labels"]["level"] == level


def test_a_level_that_the_sender_gave_is_kept_as_given() -> None:
    assert rows(push({"level": "WARNING"}, [str(NOW), "x"]))[0]["labels"]["level"] == "WARNING"


def test_protobuf_says_the_same_as_json() -> None:
    made = PushRequest()
    stream = made.streams.add(labels='{app="a", path="C:\\\\x"}')
    entry = stream.entries.add(line="line")
    entry.timestamp.seconds, entry.timestamp.nanos = divmod(NOW, 10**9)
    entry.structured_metadata.add(name="k", value="v")
    decoding = loki.decode_protobuf(made.SerializeToString(), Receive(), NOW)
    in_json = push({"app": "a", "path": "C:\\x"}, [str(NOW), "line", {"k": "v"}])
    assert decoding.batch.to_pylist() == loki.decode_json(in_json, Receive(), NOW).batch.to_pylist()


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("{}", {}),
        ('{a="b"}', {"a": "b"}),
        ('{a="b", c = "d" ,}', {"a": "b", "c": "d"}),
        ("{a=`b\\n`}", {"a": "b\\n"}),
        (r'{a="q\"\\\n\té\x41"}', {"a": 'q"\\\n\téA'}),
        ('{a="}", b=","}', {"a": "}", "b": ","}),
    ],
)
def test_labels_are_read_as_prometheus_writes_them(text: str, labels: dict[str, str]) -> None:
    assert loki.parse_labels(text) == labels


@pytest.mark.parametrize("text", ["", "a", "{a=b}", '{a="b"', '{="b"}', '{a="b" c="d"}', '{a=~"b"}'])
def test_labels_that_are_none_are_refused_with_the_place(text: str) -> None:
    with pytest.raises(BadInput, match="character"):
        loki.parse_labels(text)


@pytest.mark.parametrize(
    ("payload", "where"),
    [
        (b"{", "truncated"),
        (b'{"streams":[{"stream":{"a":1},"values":[]}]}', r"\$\.streams\[0\]\.stream"),
        (b'{"streams":[{"stream":{},"values":[[1,"x"]]}]}', r"\$\.streams\[0\]\.values\[0\]\[0\]"),
        (b'{"streams":[{"stream":{},"values":[["now","x"]]}]}', "entry 0"),
        (b'{"streams":[{"stream":{},"values":[["-62135596800000000000","x"]]}]}', "entry 0"),
    ],
)
def test_a_bad_push_is_refused_with_its_place(payload: bytes, where: str) -> None:
    with pytest.raises(BadInput, match=where):
        loki.decode_json(payload, Receive(), NOW)
