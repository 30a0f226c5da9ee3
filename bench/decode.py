"""What decoding costs: processor microseconds a record, by protocol, up to the batch that is written."""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC
from typing import Any

import corpus
import cramjam
from google.protobuf import message_factory

from wardlight.config import Receive
from wardlight.receive import bulk, loki, ndjson, otlp, syslog
from wardlight.receive.decompress import decompress
from wardlight.receive.framing import Framer
from wardlight.records import Decoded

REQUEST = 500
"""Records of one request."""

TOGETHER = 5000
"""Syslog messages that gather under load."""

NOW = corpus.START + 3600 * 10**9
SETTINGS = Receive()

EARLIER = {
    "otlp protobuf": 1.44, "otlp json": 3.35, "loki protobuf": 1.2, "loki json": 2.1, "json lines": 2.9,
    "syslog rfc 5424": 2.3, "gunzip": 0.60,
}  # fmt: skip
"""Figures of the design's trials: to loose Arrow columns only, without the rules that hold for all protocols."""

Case = tuple[int, Callable[[], object]]
"""Records of one call, and the call."""


def main() -> None:
    """Measure all protocols in turn, several times, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="interleaved runs of which the median is told")
    parser.add_argument("--seconds", type=float, default=0.3, help="length of a run of one protocol")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = cases()
    measured: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(options.runs):
        for name, case in found.items():
            measured[name].append(cost(case, options.seconds))
    medians = {name: statistics.median(values) for name, values in measured.items()}
    if options.json:
        print(json.dumps(medians))
        return
    print(f"{'processor µs a record':32}{'now':>8}{'earlier trial, columns only':>32}")
    for name, value in medians.items():
        print(f"{name:32}{value:8.2f}{EARLIER.get(name, ''):>32}")


def cost(case: Case, seconds: float) -> float:
    """Call for some time; return processor microseconds, user and system, a record."""
    records, call = case
    call()
    count, begin, until = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < until:
        call()
        count += 1
    return (time.process_time() - begin) / count / records * 1e6


def cases() -> dict[str, Case]:
    """Make a request of each protocol out of the same records."""
    many = next(corpus.records(TOGETHER, chunk=TOGETHER))
    batch = Decoded(many.slice(0, REQUEST))
    as_otlp = corpus.otlp(batch)
    lines = [json.dumps(document(row), separators=(",", ":")).encode() for row in batch.to_pylist()]
    payloads: dict[str, tuple[bytes, Callable[[bytes, Receive, int], object]]] = {
        "otlp protobuf": (as_otlp, otlp.decode_protobuf),
        "otlp json": (otlp_json(batch), otlp.decode_json),
        "loki protobuf": (loki_protobuf(batch), loki.decode_snappy),
        "loki json": (loki_json(batch), loki.decode_json),
        "json lines": (b"\n".join(lines), ndjson.decode),
        "elasticsearch bulk": (
            b"".join(b'{"create":{"_index":"logs"}}\n' + line + b"\n" for line in lines),
            lambda data, settings, now: bulk.decode(data, "", settings, now),
        ),
        "syslog rfc 5424": (counted(rfc_5424(batch)), unframed),
        "syslog rfc 3164": (counted(rfc_3164(batch)), unframed),
        f"syslog rfc 5424, {TOGETHER} at once": (counted(rfc_5424(many)), unframed),
        f"syslog rfc 3164, {TOGETHER} at once": (counted(rfc_3164(many)), unframed),
        "gunzip": (gzip.compress(as_otlp, 6), lambda data, _settings, _now: decompress(data, "gzip", 1 << 30)),
    }

    def case(name: str, payload: bytes, decode: Callable[[bytes, Receive, int], object]) -> Case:
        return TOGETHER if "at once" in name else REQUEST, lambda: decode(payload, SETTINGS, NOW)

    return {name: case(name, payload, decode) for name, (payload, decode) in payloads.items()}


def unframed(payload: bytes, settings: Receive, now_ns: int) -> object:
    """Cut a stream into messages and decode them."""
    return syslog.decode(Framer(settings.max_line_bytes).feed(payload), settings, UTC, now_ns)


def counted(messages: list[bytes]) -> bytes:
    """Frame messages by octet counts."""
    return b"".join(b"%d %s" % (len(message), message) for message in messages)


def attributes(row: dict[str, Any]) -> dict[str, str]:
    """A record's attributes, with those that are columns here."""
    found = {**dict(row["attributes"]), "user_id": row["user_id"], "health_patient_id": row["patient_id"]}
    return {name: value for name, value in found.items() if value}


def document(row: dict[str, Any]) -> dict[str, Any]:
    """Write a record as services log JSON."""
    labels = json.loads(row["stream"])
    return {
        "timestamp": row["ts"].isoformat() + "Z", "level": labels["level"], "message": row["body"],
        "service.name": labels["service_name"], "host.name": labels["host_name"], "trace_id": row["trace_id"].hex(),
        "wardlight.kind": row["kind"], **attributes(row),
    }  # fmt: skip


def otlp_json(batch: Decoded) -> bytes:
    """Write a batch in OTLP's JSON encoding."""
    resources: dict[str, list[dict[str, Any]]] = {}
    for row in batch.to_pylist():
        pairs = [{"key": key, "value": {"stringValue": value}} for key, value in attributes(row).items()]
        record = {
            "timeUnixNano": str(row["ts"].value), "severityNumber": row["severity"], "attributes": pairs,
            "body": {"stringValue": row["body"]}, "traceId": row["trace_id"].hex(), "spanId": row["span_id"].hex(),
        }  # fmt: skip
        resources.setdefault(json.loads(row["stream"])["service_name"], []).append(record)
    logs = [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
            "scopeLogs": [{"logRecords": records}],
        }
        for service, records in resources.items()
    ]
    return json.dumps({"resourceLogs": logs}, separators=(",", ":")).encode()


def streams(batch: Decoded) -> dict[str, list[dict[str, Any]]]:
    """Group records by their labels."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in batch.to_pylist():
        found.setdefault(row["stream"], []).append(row)
    return found


def loki_json(batch: Decoded) -> bytes:
    """Write a batch as Loki's push in JSON."""
    pushed = [
        {"stream": json.loads(stream), "values": [[str(row["ts"].value), row["body"], attributes(row)] for row in rows]}
        for stream, rows in streams(batch).items()
    ]
    return json.dumps({"streams": pushed}, separators=(",", ":")).encode()


def loki_protobuf(batch: Decoded) -> bytes:
    """Write a batch as Loki's push in snappy protobuf."""
    request: Any = message_factory.GetMessageClass(loki.REQUEST)()
    for stream, rows in streams(batch).items():
        labels = ", ".join(f'{name}="{value}"' for name, value in json.loads(stream).items())
        pushed = request.streams.add(labels="{" + labels + "}")
        for row in rows:
            entry = pushed.entries.add(line=row["body"])
            entry.timestamp.seconds, entry.timestamp.nanos = divmod(row["ts"].value, 10**9)
            for name, value in attributes(row).items():
                entry.structured_metadata.add(name=name, value=value)
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def rfc_5424(batch: Decoded) -> list[bytes]:
    """Write a batch as RFC 5424, with five parameters of structured data."""
    messages = []
    for row in batch.to_pylist():
        labels = json.loads(row["stream"])
        pairs = " ".join(f'{name}="{value}"' for name, value in list(attributes(row).items())[:5])
        head = f"<134>1 {row['ts'].isoformat(timespec='microseconds')}Z {labels['host_name']} {labels['service_name']}"
        messages.append(f"{head} 71 - [app@32473 {pairs}] {row['body']}".encode())
    return messages


def rfc_3164(batch: Decoded) -> list[bytes]:
    """Write a batch as RFC 3164."""
    messages = []
    for row in batch.to_pylist():
        labels = json.loads(row["stream"])
        head = f"<134>{row['ts']:%b} {row['ts'].day:2} {row['ts']:%H:%M:%S} {labels['host_name']}"
        messages.append(f"{head} {labels['service_name']}[71]: {row['body']}".encode())
    return messages


if __name__ == "__main__":
    main()
