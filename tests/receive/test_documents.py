"""JSON lines and Elasticsearch's bulk to records."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wardlight.config import Receive
from wardlight.problems import BadInput
from wardlight.receive import bulk, ndjson
from wardlight.records import labels_of

NOW = 1_767_225_600_000_000_000


def rows(*objects: object, settings: Receive = Receive()) -> list[dict[str, Any]]:
    payload = "\n".join(json.dumps(one) for one in objects).encode()
    found = ndjson.decode(payload, settings, NOW)
    assert found.bad == ()
    return [
        row | {"labels": labels_of(row["stream"]), "attributes": dict(row["attributes"]), "ts": str(row["ts"])}
        for row in found.batch.to_pylist()
    ]


def row(**fields: object) -> dict[str, Any]:
    return rows(fields)[0]


@pytest.mark.parametrize("name", ["@timestamp", "timestamp", "time", "ts", "_time"])
@pytest.mark.parametrize(
    "value",
    [
        "2025-12-31T23:00:00.5Z", "2026-01-01T00:00:00.5+01:00", "2025-12-31 23:00:00,5", 1767222000.5,
        1767222000500, 1767222000500000, 1767222000500000000, "1767222000.5",
    ],
)  # fmt: skip
def test_times_are_found_by_their_usual_names_and_read_in_their_usual_forms(name: str, value: object) -> None:
    found = row(**{name: value, "msg": "x"})
    assert (found["ts"], found["attributes"]) == ("2025-12-31 23:00:00.500000", {})


@pytest.mark.parametrize("name", ["message", "msg", "body", "log", "_msg", "event"])
def test_the_line_is_found_by_its_usual_names(name: str) -> None:
    assert row(**{name: "line\n"})["body"] == "line"


def test_an_object_without_a_line_is_one() -> None:
    assert row(status=200)["body"] == '{"status":200}'


@pytest.mark.parametrize(
    ("fields", "severity"),
    [
        ({"level": "WARNING"}, 13), ({"severity": "err"}, 17), ({"log.level": "debug"}, 5),
        ({"log": {"level": "info"}}, 9),
        ({"level": 50}, 17), ({"level": "?"}, 0), ({"level": None}, 0), ({"level": ["x"]}, 0), ({"level": True}, 0),
    ],
)  # fmt: skip
def test_the_level_is_found_by_its_usual_names(fields: dict[str, object], severity: int) -> None:
    assert row(msg="x", **fields)["severity"] == severity


def test_a_level_that_is_none_stays_metadata() -> None:
    assert row(msg="x", level="chatty")["attributes"] == {"level": "chatty"}


def test_labels_are_found_by_their_usual_names() -> None:
    found = row(msg="x", service={"name": "clinic"}, hostname="h", env="test", labels={"team": "a", "n": 1})
    assert found["labels"] == {
        "service_name": "clinic", "host_name": "h", "deployment_environment": "test", "team": "a", "n": "1",
        "kind": "application", "level": "unknown",
    }  # fmt: skip
    assert found["attributes"] == {}


def test_records_of_one_shape_keep_their_own_labels() -> None:
    found = rows(*({"msg": str(at), "service": f"s{at % 3}", "host": ["h"]} for at in range(9)))
    assert [one["labels"]["service_name"] for one in found] == [f"s{at % 3}" for at in range(9)]
    assert {one["labels"]["host_name"] for one in found} == {'["h"]'}


def test_everything_else_is_metadata_and_nested_objects_are_flattened() -> None:
    found = row(msg="x", http={"request": {"method": "GET"}, "status": 200}, tags=["a", 1], ok=True, none=None, f=1.5)
    assert found["attributes"] == {
        "http_request_method": "GET", "http_status": "200", "tags": '["a",1]', "ok": "true", "f": "1.5",
    }  # fmt: skip


def test_identifiers_that_audits_ask_for_are_columns() -> None:
    found = row(msg="x", **{"user.id": "u", "health": {"patient": {"id": "p"}}, "trace_id": "ab" * 16})
    assert (found["user_id"], found["patient_id"], found["trace_id"]) == ("u", "p", b"\xab" * 16)


def test_the_sender_says_the_kind() -> None:
    assert row(msg="x", **{"wardlight.kind": "audit"})["kind"] == "audit"


BAD = (
    (b"hello", "is not a JSON object: JSON is malformed: invalid character (byte 0)"),
    (b"[1]", "is not a JSON object: Expected `object`, got `array`"),
    (b'{"msg":"\xff"}', "is not a JSON object"),
    (b'{"msg":"\\ud800"}', "is not a JSON object"),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "is nested too deeply"),
    (b'{"time":"yesterday","msg":"x"}', "has a time that can't be read"),
    (b'{"time":{"a":1},"time":[1],"msg":"x"}', "has a time that can't be read"),
    (b'{"time":5,"msg":"x"}', "has a timestamp before 1971"),
    (b'{"time":"2027-01-01T00:00:00Z","msg":"x"}', "is more than 3600 seconds ahead"),
    (b'{"msg":"' + b"x" * 1_048_577 + b'"}', "is longer than"),
    (json.dumps({f"k{at}": "v" for at in range(200)}).encode(), "has more than 128 attributes"),
)


@pytest.mark.parametrize(("line", "reason"), BAD, ids=[reason[:30] for _, reason in BAD])
def test_a_bad_line_is_named_by_its_number_and_the_good_are_kept(line: bytes, reason: str) -> None:
    found = ndjson.decode(b'\n{"msg":"first"}\r\n\n' + line + b'\n{"msg":"last"}', Receive(), NOW)
    assert found.batch["body"].to_pylist() == ["first", "last"]
    ((number, told),) = [(one.line, one.reason) for one in found.bad]
    assert number == 4
    assert told.startswith(reason)
    assert sum(refusal.count for refusal in found.refused) == 1


def test_nothing_is_nothing() -> None:
    assert ndjson.decode(b"\n \n", Receive(), NOW).batch.num_rows == 0


def test_bulk_tells_what_became_of_each_action_in_order() -> None:
    payload = b"""{"index":{"_index":"logs-x","_id":"1"}}
{"message":"a"}
{"create":{}}
{bad
{"delete":{"_id":"2"}}
{"update":{"_id":"2"}}
{"doc":{}}
{"create":{"_id":7}}
{"message":"old","@timestamp":"1960-01-01T00:00:00Z"}
{"create":{}}
{"message":"b","index":"own"}
"""
    found = bulk.decode(payload, "given", Receive(), NOW)
    assert [(item.action, item.index, item.id, item.problem[:28]) for item in found.items] == [
        ("index", "logs-x", "1", ""),
        ("create", "given", "", "the document is not a JSON o"),
        ("delete", "given", "2", "logs are only added here: de"),
        ("update", "given", "2", "logs are only added here: up"),
        ("create", "given", "7", "the document has a timestamp"),
        ("create", "given", "", ""),
    ]
    assert found.batch["body"].to_pylist() == ["a", "b"]
    assert [dict(pairs)["index"] for pairs in found.batch["attributes"].to_pylist()] == ["logs-x", "own"]


def test_in_bulk_labels_are_metadata() -> None:
    found = bulk.decode(b'{"create":{}}\n{"message":"a","labels":{"x":"y"}}\n', "", Receive(), NOW)
    assert dict(found.batch["attributes"][0].as_py()) == {"labels_x": "y"}


@pytest.mark.parametrize(
    "line", [b"x", b"{}", b'{"index":{},"create":{}}', b'{"drop":{}}', b'{"index":1}', b'{"index":{"_id":{}}}']
)
def test_an_action_that_can_not_be_read_is_refused_with_its_line(line: bytes) -> None:
    with pytest.raises(BadInput, match=r"malformed action/metadata line \[3\]"):
        bulk.decode(b'{"create":{}}\n{"message":"a"}\n' + line + b"\n{}\n", "", Receive(), NOW)


def test_an_action_without_a_document_is_told_so() -> None:
    found = bulk.decode(b'{"create":{}}\n', "", Receive(), NOW)
    assert "is not a JSON object" in found.items[0].problem
