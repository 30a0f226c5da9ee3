"""Log records like those of a hospital's platform, seeded: six services, 12 forms of line, 550 bytes as JSON."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from wardlight.records import KINDS, LEVELS, SCHEMA, Decoded, stream_of

SERVICES = ("gateway", "patients", "appointments", "prescriptions", "billing", "sign-in")

FORMS = (
    ("application", 9, "handled {} {} with status {} in {} ms, {} bytes sent to the caller, request {}"),
    (
        "application",
        9,
        "loaded {} of {} and its {} most recent entries from the database in {} ms ({} rows), request {}",
    ),
    ("application", 5, "cache lookup for {} {} took {} steps and {} us, {} entries are kept, request {}"),
    ("application", 9, "scheduled {} for {} in slot {} after {} tries, {} slots are left on that day, request {}"),
    ("application", 13, "slow query on {} while serving {}: plan {} took {} ms for {} rows, request {}"),
    ("application", 9, "sent reminder by {} about {}, attempt {}, queue length {}, {} bytes, request {}"),
    ("application", 9, "invoice position for {} and {} priced, tariff {}, {} cents, {} positions in all, request {}"),
    ("application", 5, "renewed lease on {} by worker of {} in term {}, {} ms before its end, {} held, request {}"),
    ("security", 9, "sign-in of staff at {} for {} accepted after {} prompts in {} ms, {} sessions open, request {}"),
    ("security", 13, "permission to use {} on {} refused, rule {}, {} refusals this hour of {} requests, request {}"),
    ("error", 17, "could not reach {} for {}: connection reset in state {} after {} ms and {} tries, request {}"),
    ("audit", 9, "record of type {} read for {} in ward {}, {} fields shown of {} fields, request {}"),
)
WEIGHTS = np.array([24, 16, 12, 8, 2, 6, 7, 9, 6, 1, 2, 7]) / 100
SUBJECTS = tuple(
    f"{verb} /api/{thing}/{part}"
    for verb in ("GET", "POST", "PUT")
    for thing in ("patients", "appointments", "prescriptions", "invoices", "staff", "wards", "documents", "orders")
    for part in ("list", "detail", "history", "search", "summary")
)
PURPOSES = tuple(
    f"{a} {b}"
    for a in ("routine", "urgent", "follow-up", "planned")
    for b in ("visit", "care", "review", "billing", "transfer")
)
START = 1_767_225_600_000_000_000


def records(
    rows: int,
    *,
    seed: int = 7,
    start: int = START,
    span_ns: int = 3600 * 10**9,
    chunk: int = 50_000,
    audit: bool = True,
) -> Iterator[Decoded]:
    """Yield `rows` records in batches of `chunk`, evenly over `span_ns` from `start`.

    Without `audit`, record accesses are of kind `application`, and so only logs.
    """
    rng = np.random.default_rng(seed)
    for at in range(0, rows, chunk):
        size = min(chunk, rows - at)
        ts = start + np.arange(at, at + size) * (span_ns // rows)
        yield _batch(rng, ts, audit=audit)


def _pick(rng: np.random.Generator, words: tuple[str, ...], size: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, len(words), size)), pa.array(words)).cast(
        pa.string()
    )


def _hex(raw: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> pa.Array:
    text = raw.tobytes().hex()
    width = raw.shape[1] * 2
    return pa.array([text[at : at + width] for at in range(0, len(text), width)])


def _batch(rng: np.random.Generator, ts: np.ndarray[tuple[int, ...], np.dtype[np.int64]], *, audit: bool) -> Decoded:
    size = len(ts)
    form = rng.choice(len(FORMS), size, p=WEIGHTS)
    blanks = [_pick(rng, SUBJECTS, size), _pick(rng, PURPOSES, size)]
    blanks += [pa.array(rng.integers(0, top, size)).cast(pa.string()) for top in (9, 900, 5000)]
    blanks.append(_hex(rng.integers(0, 256, (size, 8), np.uint8)))
    pieces = np.array([text.split("{}") for _, _, text in FORMS])
    columns = [pa.array(pieces[form, 0])]
    for at, blank in enumerate(blanks):
        columns += [blank, pa.array(pieces[form, at + 1])]
    body = pc.binary_join_element_wise(*columns, "")
    severity = np.array([form[1] for form in FORMS], np.uint8)[form]
    kind = np.array([KINDS.index(form[0]) for form in FORMS], np.int8)[form]
    accesses = pa.array(kind == KINDS.index("audit"))
    if not audit:
        kind[accesses] = KINDS.index("application")
    service = rng.integers(0, len(SERVICES), size)
    labels = [
        stream_of({"service_name": name, "host_name": f"app-{at % 3}", "level": LEVELS[level], "kind": k})
        for at, name in enumerate(SERVICES)
        for level in range(len(LEVELS))
        for k in KINDS
    ]
    code = (service * len(LEVELS) + (severity.astype(np.int64) - 1) // 4) * len(KINDS) + kind
    names = ("http_route", "thread_name", "code_function", "http_status_code", "session_id", "severity_text")
    values = [
        _pick(rng, SUBJECTS, size), _pick(rng, tuple(f"worker-{n}" for n in range(16)), size),
        _pick(rng, tuple(f"clinic.{word}.handle" for word in ("a", "b", "c", "d")), size),
        _pick(rng, ("200", "200", "200", "201", "304", "404", "500"), size),
        _pick(rng, tuple(f"s-{n:06x}" for n in range(4000)), size), _pick(rng, ("INFO",), size),
    ]  # fmt: skip
    flat = pa.concat_arrays(values).take(pa.array(np.arange(size * len(names)).reshape(len(names), size).T.ravel()))
    keys = pa.DictionaryArray.from_arrays(np.tile(np.arange(len(names), dtype=np.int32), size), pa.array(names))
    attributes = pa.MapArray.from_arrays(pa.array(np.arange(size + 1, dtype=np.int32) * len(names)), keys, flat)
    patient = pa.array(rng.integers(0, 50_000, size)).cast(pa.string())
    return Decoded(
        pa.record_batch(
            [
                pa.array(ts, pa.timestamp("ns")),
                pa.DictionaryArray.from_arrays(pa.array(kind), pa.array(KINDS)),
                pa.DictionaryArray.from_arrays(pa.array(code.astype(np.int32)), pa.array(labels)),
                body,
                pa.array(severity),
                pa.array([row.tobytes() for row in rng.integers(0, 256, (size, 16), np.uint8)], pa.binary(16)),
                pa.array([row.tobytes() for row in rng.integers(0, 256, (size, 8), np.uint8)], pa.binary(8)),
                pc.binary_join_element_wise("u", pa.array(rng.integers(0, 400, size)).cast(pa.string()), ""),
                pc.if_else(accesses, pc.binary_join_element_wise("p", patient, ""), ""),
                attributes,
            ],
            schema=SCHEMA,
        )
    )


def otlp(batch: Decoded) -> bytes:
    """Write a batch as an OTLP request, a resource a service."""
    request = ExportLogsServiceRequest()
    scopes = {}
    for row in batch.to_pylist():
        service = json.loads(row["stream"])["service_name"]
        if service not in scopes:
            logs = request.resource_logs.add()
            logs.resource.attributes.add(key="service.name").value.string_value = service
            logs.resource.attributes.add(key="host.name").value.string_value = "app-1"
            scopes[service] = logs.scope_logs.add()
        record = scopes[service].log_records.add(
            time_unix_nano=row["ts"].value, severity_number=row["severity"], severity_text="INFO",
            trace_id=row["trace_id"], span_id=row["span_id"],
        )  # fmt: skip
        record.body.string_value = row["body"]
        for key, value in [*row["attributes"], ("user_id", row["user_id"]), ("health_patient_id", row["patient_id"])]:
            if value and key != "severity_text":
                record.attributes.add(key=key).value.string_value = value
        record.attributes.add(key="wardlight.kind").value.string_value = row["kind"]
    return request.SerializeToString()


def gzipped(batch: Decoded) -> bytes:
    """Write a batch as a gzipped OTLP request."""
    return gzip.compress(otlp(batch), 6)


def json_bytes(batch: Decoded) -> int:
    """Size of a batch as plain JSON lines, the measure of compression."""
    total = 0
    for row in batch.slice(0, 5000).to_pylist():
        flat = {
            "timestamp": row["ts"].isoformat(), "body": row["body"], "severity": row["severity"],
            "trace_id": row["trace_id"].hex(), "span_id": row["span_id"].hex(), "user.id": row["user_id"],
            "kind": row["kind"], **json.loads(row["stream"]), **dict(row["attributes"]),
        }  # fmt: skip
        if row["patient_id"]:
            flat["health.patient.id"] = row["patient_id"]
        total += len(json.dumps(flat, separators=(",", ":"))) + 1
    return total * batch.num_rows // min(batch.num_rows, 5000)
