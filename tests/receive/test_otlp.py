"""OTLP logs to records."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from wardlight.config import Receive
from wardlight.problems import BadInput
from wardlight.receive import otlp, otlp_native
from wardlight.receive.assemble import Decoding
from wardlight.records import labels_of

NOW = 1_767_225_600_000_000_000


@pytest.fixture(autouse=True, params=["native", "general"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test holds for both decoders."""
    if request.param == "general":
        monkeypatch.setattr(otlp_native, "_LIBRARY", None)


def request(**resource: str) -> ExportLogsServiceRequest:
    made = ExportLogsServiceRequest()
    logs = made.resource_logs.add()
    logs.scope_logs.add()
    for key, value in resource.items():
        logs.resource.attributes.add(key=key.replace("_", ".")).value.string_value = value
    return made


def record(made: ExportLogsServiceRequest, body: str = "hello", **fields: Any) -> Any:
    added = made.resource_logs[0].scope_logs[0].log_records.add(**{"time_unix_nano": NOW, **fields})
    added.body.string_value = body
    return added


def decode(made: ExportLogsServiceRequest, settings: Receive = Receive()) -> Decoding:
    return otlp.decode_protobuf(made.SerializeToString(), settings, NOW)


def rows(made: ExportLogsServiceRequest, settings: Receive = Receive()) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = decode(made, settings).batch.to_pylist()
    return [row | {"attributes": dict(row["attributes"]), "labels": labels_of(row["stream"])} for row in found]


def test_it_keeps_time_body_severity_trace_and_span() -> None:
    made = request()
    record(made, "é\n", severity_number=9, trace_id=b"t" * 16, span_id=b"s" * 8)
    (row,) = rows(made)
    assert (row["ts"].value, row["body"], row["severity"]) == (NOW, "é\n", 9)
    assert (row["trace_id"], row["span_id"]) == (b"t" * 16, b"s" * 8)


def test_resource_attributes_of_the_index_become_labels_and_the_rest_metadata() -> None:
    made = request(service_name="clinic", host_name="h1", process_pid="7")
    record(made)
    (row,) = rows(made)
    assert row["labels"] == {
        "service_name": "clinic", "host_name": "h1", "kind": "application", "level": "unknown",
    }  # fmt: skip
    assert row["attributes"] == {"process_pid": "7"}


def test_derived_labels_can_be_switched_off() -> None:
    made = request(service_name="clinic")
    record(made, severity_number=17)
    (row,) = rows(made, Receive(derive_labels=False))
    assert row["labels"] == {"service_name": "clinic"}
    assert row["kind"] == "error"


def test_values_that_are_not_text_are_written_as_text() -> None:
    made = request()
    attributes = record(made).attributes
    attributes.add(key="int").value.int_value = -3
    attributes.add(key="bool").value.bool_value = True
    attributes.add(key="double").value.double_value = 1.5
    attributes.add(key="bytes").value.bytes_value = b"\x00\xff"
    attributes.add(key="array").value.array_value.values.add(string_value="a")
    attributes.add(key="map").value.kvlist_value.values.add(key="k").value.int_value = 1
    (row,) = rows(made)
    assert row["attributes"] == {
        "int": "-3", "bool": "true", "double": "1.5", "bytes": base64.b64encode(b"\x00\xff").decode(),
        "array": '["a"]', "map": '{"k":1}',
    }  # fmt: skip


def test_a_body_that_is_a_map_is_written_as_json() -> None:
    made = request()
    record(made).body.kvlist_value.values.add(key="k").value.string_value = "v"
    assert rows(made)[0]["body"] == '{"k":"v"}'


def test_user_and_patient_are_columns_and_no_longer_attributes() -> None:
    made = request()
    attributes = record(made).attributes
    attributes.add(key="user.id").value.string_value = "u1"
    attributes.add(key="health.patient.id").value.string_value = "p1"
    (row,) = rows(made)
    assert (row["user_id"], row["patient_id"], row["attributes"]) == ("u1", "p1", {})


def test_a_record_keeps_its_own_value_over_its_scopes_and_resources() -> None:
    made = request(zone="resource")
    made.resource_logs[0].scope_logs[0].scope.attributes.add(key="zone").value.string_value = "scope"
    record(made).attributes.add(key="zone").value.string_value = "own"
    record(made)
    assert [row["attributes"]["zone"] for row in rows(made)] == ["own", "scope"]


@pytest.mark.parametrize(
    ("attributes", "severity", "kind"),
    [
        ({}, 9, "application"),
        ({}, 17, "error"),
        ({"exception.type": "ValueError"}, 0, "error"),
        ({"event.name": "user.login"}, 9, "security"),
        ({"event.name": "record.access"}, 9, "audit"),
        ({"event.name": "user.login", "wardlight.kind": "audit"}, 17, "audit"),
        ({"wardlight.kind": "nonsense"}, 9, "application"),
    ],
)
def test_the_kind_comes_from_the_sender_else_from_the_content(
    attributes: dict[str, str], severity: int, kind: str
) -> None:
    made = request()
    added = record(made, severity_number=severity)
    for key, value in attributes.items():
        added.attributes.add(key=key).value.string_value = value
    assert rows(made)[0]["kind"] == kind


def test_a_record_without_time_has_the_time_it_was_observed_else_now() -> None:
    made = request()
    record(made, time_unix_nano=0, observed_time_unix_nano=NOW - 5)
    record(made, time_unix_nano=0)
    assert [row["ts"].value for row in rows(made)] == [NOW - 5, NOW]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"time_unix_nano": NOW + 4 * 10**12}, "timestamp_in_future"),
        ({"time_unix_nano": 2**64 - 1}, "timestamp_in_future"),
        ({"time_unix_nano": 1_767_225_600}, "timestamp_too_old"),
        ({"body": "x" * (1024 * 1024 + 1)}, "line_too_long"),
    ],
)
def test_a_bad_record_is_refused_with_its_reason_and_its_neighbours_are_kept(
    fields: dict[str, Any], reason: str
) -> None:
    made = request()
    record(made, "good")
    record(made, **fields)
    decoding = decode(made)
    assert [row["body"] for row in decoding.batch.to_pylist()] == ["good"]
    assert [(refusal.reason, refusal.count) for refusal in decoding.refused] == [(reason, 1)]
    assert "record 1" in decoding.refused[0].message


def test_more_attributes_than_allowed_are_refused() -> None:
    made = request()
    for at in range(3):
        record(made).attributes.add(key=f"k{at}").value.string_value = "v"
    made.resource_logs[0].scope_logs[0].log_records[1].attributes.add(key="more").value.string_value = "v"
    decoding = decode(made, Receive(max_attributes=1))
    assert (decoding.batch.num_rows, decoding.refused[0].reason) == (2, "too_many_attributes")


def test_a_request_without_records_is_empty() -> None:
    assert decode(ExportLogsServiceRequest()).batch.num_rows == 0


@pytest.mark.parametrize("cut", [1, 7, 20])
def test_a_truncated_message_is_refused(cut: int) -> None:
    made = request(service_name="clinic")
    record(made)
    with pytest.raises(BadInput, match="not a valid protobuf"):
        otlp.decode_protobuf(made.SerializeToString()[:-cut], Receive(), NOW)


def test_json_says_the_same_as_protobuf() -> None:
    made = request(service_name="clinic")
    added = record(made, severity_number=13, severity_text="WARN", trace_id=b"\xab" * 16, event_name="feature.use")
    added.attributes.add(key="n").value.int_value = 5
    added.attributes.add(key="list").value.array_value.values.add(int_value=1)
    in_json = {
        "resourceLogs": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "clinic"}}]},
            "scopeLogs": [{"logRecords": [{
                "timeUnixNano": str(NOW), "severityNumber": 13, "severityText": "WARN", "traceId": "ab" * 16,
                "eventName": "feature.use", "body": {"stringValue": "hello"}, "unknownField": {},
                "attributes": [
                    {"key": "n", "value": {"intValue": "5"}},
                    {"key": "list", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}},
                ],
            }]}],
        }]
    }  # fmt: skip
    decoding = otlp.decode_json(json.dumps(in_json).encode(), Receive(), NOW)
    assert decoding.batch.to_pylist() == decode(made).batch.to_pylist()


@pytest.mark.parametrize(
    ("payload", "where"),
    [
        (b"not json", "byte"),
        (b'{"resourceLogs": 1}', r"\$\.resourceLogs"),
        (b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"xyz"}]}]}]}', "hex"),
        (b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"-5"}]}]}]}', "timeUnixNano isn't"),
        (b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"\xff"}}]}]}]}', "utf-8"),
    ],
)
def test_bad_json_is_refused_with_its_place(payload: bytes, where: str) -> None:
    with pytest.raises(BadInput, match=where):
        otlp.decode_json(payload, Receive(), NOW)


def test_requests_decoded_together_get_each_its_own_answer() -> None:
    made = [request(service_name=f"s{at}") for at in range(4)]
    for at, one in enumerate(made):
        for _ in range(at):
            record(one, f"body {at}", severity_number=9)
    payloads = [one.SerializeToString() for one in made]
    together = otlp.decode_together(payloads, Receive(), NOW)
    assert [one.batch.to_pylist() for one in together if not isinstance(one, BadInput)] == [
        decode(one).batch.to_pylist() for one in made
    ]


@pytest.mark.parametrize("bad", [b"nonsense", None])
def test_a_bad_request_among_good_ones_fails_alone(bad: bytes | None) -> None:
    good, late = request(), request()
    record(good)
    record(late, time_unix_nano=NOW + 10**14)
    payloads = [good.SerializeToString(), bad or late.SerializeToString(), good.SerializeToString()]
    first, second, third = otlp.decode_together(payloads, Receive(), NOW)
    assert isinstance(second, BadInput) or second.refused
    assert all(isinstance(one, Decoding) and one.batch.num_rows == 1 and not one.refused for one in (first, third))
