"""OTLP logs, protobuf and JSON (opentelemetry-proto 1.x, `ExportLogsServiceRequest`), to records.

Resource attributes named by `receive.index_labels` become stream labels; the other resource attributes, the scope's
name, version and attributes, and the record's own become structured metadata, as in Loki's OTLP endpoint.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1 import common_pb2

from wardlight.config import Receive
from wardlight.problems import BadInput
from wardlight.receive import otlp_native
from wardlight.receive.assemble import Columns, Decoding, Ints, assemble, nothing
from wardlight.receive.segments import Segment, interleave, named
from wardlight.receive.wire import declare, decoder, lengths
from wardlight.records import label_name

REQUEST = declare(
    "wardlight.otlp",
    "Request",
    {
        "Value": {
            1: ("string_value", "string", "oneof"),
            2: ("bool_value", "bool", "oneof"),
            3: ("int_value", "int64", "oneof"),
            4: ("double_value", "double", "oneof"),
            5: ("array_value", "bytes", "oneof"),
            6: ("kvlist_value", "bytes", "oneof"),
            7: ("bytes_value", "bytes", "oneof"),
        },
        "KeyValue": {1: ("key", "string"), 2: ("value", "Value")},
        "Resource": {1: ("attributes", "KeyValue", "repeated")},
        "Scope": {1: ("name", "string"), 2: ("version", "string"), 3: ("attributes", "KeyValue", "repeated")},
        "LogRecord": {
            1: ("time_unix_nano", "fixed64"),
            2: ("severity_number", "int32"),
            3: ("severity_text", "string"),
            5: ("body", "Value"),
            6: ("attributes", "KeyValue", "repeated"),
            9: ("trace_id", "bytes"),
            10: ("span_id", "bytes"),
            11: ("observed_time_unix_nano", "fixed64"),
            12: ("event_name", "string"),
        },
        "ScopeLogs": {1: ("scope", "Scope"), 2: ("log_records", "LogRecord", "repeated")},
        "ResourceLogs": {1: ("resource", "Resource"), 2: ("scope_logs", "ScopeLogs", "repeated")},
        "Request": {1: ("resource_logs", "ResourceLogs", "repeated")},
    },
)
"""The request, with the recursive values (arrays and maps) left encoded."""

_DECODER = decoder(REQUEST)
_MAX_TIME = np.iinfo(np.int64).max
_INT64, _UINT64 = range(-(2**63), 2**63), range(2**64)


def decode_protobuf(payload: bytes, settings: Receive, now_ns: int) -> Decoding:
    """Decode an encoded request; raises BadInput when it isn't one."""
    return _assembled(_read([payload], settings)[0], settings, now_ns)


def decode_together(payloads: Sequence[bytes], settings: Receive, now_ns: int) -> list[Decoding | BadInput]:
    """Decode several encoded requests at the price of one; each gets its own answer."""
    try:
        columns, sizes = _read(payloads, settings)
        whole = _assembled(columns, settings, now_ns)
    except BadInput:
        return [_alone(payload, settings, now_ns) for payload in payloads]
    if whole.refused or not whole.timed:
        return [_alone(payload, settings, now_ns) for payload in payloads]
    ends = np.cumsum(sizes)
    return [
        Decoding(whole.batch, rows=range(start, end))
        for start, end in zip((ends - sizes).tolist(), ends.tolist(), strict=True)
    ]


def _read(payloads: Sequence[bytes], settings: Receive) -> tuple[Columns, Ints]:
    """Return the columns of encoded requests and how many records each has, by the quickest decoder that takes them."""
    indexed = tuple(settings.index_labels)
    found = otlp_native.decode(payloads, lambda resource, scope: _context(resource, scope, indexed))
    if found is not None:
        return found
    requests = _DECODER.decode(payloads)["resource_logs"]
    return _columns(requests, indexed), _sizes(requests)


def _assembled(columns: Columns, settings: Receive, now_ns: int) -> Decoding:
    return assemble(columns, settings, now_ns) if len(columns.ts) else nothing()


def _alone(payload: bytes, settings: Receive, now_ns: int) -> Decoding | BadInput:
    try:
        return decode_protobuf(payload, settings, now_ns)
    except BadInput as problem:
        return problem


def _sizes(requests: pa.ListArray) -> Ints:
    """Return how many records each request has."""
    resources = requests.flatten()
    scope_lists = pc.struct_field(resources, "scope_logs")
    records = lengths(pc.struct_field(scope_lists.flatten(), "log_records"))
    request_of_scope = _parents(requests)[_parents(scope_lists)]
    return np.bincount(request_of_scope, weights=records, minlength=len(requests)).astype(np.int64)


def decode_json(payload: bytes, settings: Receive, now_ns: int) -> Decoding:
    """Decode a request in OTLP's JSON encoding; raises BadInput with the position."""
    try:
        request = msgspec.json.decode(payload, type=_Request)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"not an OTLP logs request in JSON: {error}") from None
    try:
        columns = _json_columns(request, tuple(settings.index_labels))
    except (ValueError, OverflowError, pa.ArrowException):  # their texts quote what was sent
        raise BadInput("not an OTLP logs request in JSON: a value has another form than its field") from None
    return _assembled(columns, settings, now_ns)


def _columns(requests: pa.ListArray, indexed: Sequence[str]) -> Columns:
    """Flatten resources, scopes and records to columns."""
    resources = requests.flatten()
    scope_lists = pc.struct_field(resources, "scope_logs")
    scopes = scope_lists.flatten()
    record_lists = pc.struct_field(scopes, "log_records")
    records = record_lists.flatten()
    resource_of_scope = _parents(scope_lists)
    scope_of_record = _parents(record_lists)
    labels, extras = _contexts(resources, scopes, resource_of_scope, indexed)
    keys, values, counts = interleave(
        (
            _own_attributes(records),
            named("event_name", pc.struct_field(records, "event_name").fill_null("")),
            named("severity_text", pc.struct_field(records, "severity_text").fill_null("")),
            _inherited(extras, scope_of_record),
        ),
        len(records),
    )
    return Columns(
        ts=_event_times(_numbers(records, "time_unix_nano"), _numbers(records, "observed_time_unix_nano")),
        body=_text(pc.struct_field(records, "body")),
        group=resource_of_scope[scope_of_record],
        groups=labels,
        counts=counts,
        keys=keys,
        values=values,
        severity=_known_severities(_numbers(records, "severity_number")),
        trace_id=pc.struct_field(records, "trace_id"),
        span_id=pc.struct_field(records, "span_id"),
    )


def _own_attributes(records: pa.StructArray) -> Segment:
    """The records' own attributes."""
    lists = pc.struct_field(records, "attributes")
    flat = lists.flatten()
    values = _text(pc.struct_field(flat, "value"))
    return Segment(lengths(lists), np.arange(len(flat)), pc.struct_field(flat, "key").fill_null(""), values)


def _inherited(extras: Sequence[Mapping[str, str]], scope_of_record: Ints) -> Segment:
    """What a record has from its scope and resource."""
    sizes = np.array([len(extra) for extra in extras], np.int64)
    starts = np.cumsum(sizes) - sizes
    counts = sizes[scope_of_record]
    before = np.cumsum(counts) - counts
    at = np.arange(int(counts.sum())) - np.repeat(before, counts) + np.repeat(starts[scope_of_record], counts)
    keys = pa.array([key for extra in extras for key in extra], pa.string())
    values = pa.array([value for extra in extras for value in extra.values()], pa.string())
    return Segment(counts, at, keys, values)


def _contexts(
    resources: pa.StructArray, scopes: pa.StructArray, resource_of_scope: Ints, indexed: Sequence[str]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the labels of each resource, and for each scope what its records inherit as metadata."""
    about = [
        _parted(attributes, indexed) for attributes in _dicts(pc.struct_field(resources, ["resource", "attributes"]))
    ]
    names = pc.struct_field(scopes, ["scope", "name"]).fill_null("").to_pylist()
    versions = pc.struct_field(scopes, ["scope", "version"]).fill_null("").to_pylist()
    own = _dicts(pc.struct_field(scopes, ["scope", "attributes"]))
    extras = [
        _handed_down(about[resource][1], attributes, name, version)
        for name, version, attributes, resource in zip(names, versions, own, resource_of_scope.tolist(), strict=True)
    ]
    return [labels for labels, _ in about], extras


def _parted(resource: Mapping[str, str], indexed: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Part the attributes of a resource into labels and the rest."""
    labels = {label_name(key): value for key, value in resource.items() if key in indexed and value}
    return labels, {key: value for key, value in resource.items() if key not in indexed}


def _handed_down(resource: Mapping[str, str], scope: Mapping[str, str], name: str, version: str) -> dict[str, str]:
    """What records inherit as metadata."""
    about = {"scope.name": name, "scope.version": version}
    return {**resource, **scope, **{key: value for key, value in about.items() if value}}


def _context(resource: bytes, scope: bytes, indexed: tuple[str, ...]) -> otlp_native.Context:
    """What an encoded resource and scope give to their records."""
    if len(resource) + len(scope) > _LARGE:
        return _new_context(resource, scope, indexed)
    return _known_context(resource, scope, indexed)


def _new_context(resource: bytes, scope: bytes, indexed: tuple[str, ...]) -> otlp_native.Context:
    of_scope = _field(2, _field(1, scope))
    request = _DECODER.decode([_field(1, _field(1, resource) + of_scope)])["resource_logs"]
    resources = request.flatten()
    scopes = pc.struct_field(resources, "scope_logs").flatten()
    labels, extras = _contexts(resources, scopes, np.zeros(1, np.int64), indexed)
    return labels[0], tuple(text.encode() for pair in extras[0].items() for text in pair)


_LARGE = 4096
"""Bytes of a resource and scope that are too many to be remembered."""
_known_context = lru_cache(maxsize=1024)(_new_context)


def _field(number: int, message: bytes) -> bytes:
    """Encode a field that is a message (protobuf encoding, "Length-Delimited Records")."""
    size, rest = bytearray(), len(message)
    while rest > 127:
        size.append(rest & 127 | 128)
        rest >>= 7
    return bytes((number << 3 | 2, *size, rest)) + message


def _dicts(lists: pa.ListArray) -> list[dict[str, str]]:
    """Turn short lists of key-values into dictionaries."""
    flat = lists.flatten()
    pairs = zip(
        pc.struct_field(flat, "key").to_pylist(), _text(pc.struct_field(flat, "value")).to_pylist(), strict=True
    )
    return [dict(next(pairs) for _ in range(length)) for length in lengths(lists).tolist()]


def _parents(lists: pa.ListArray) -> Ints:
    """For each element of flattened lists, the index of its list."""
    return np.repeat(np.arange(len(lists)), lengths(lists))


def _event_times(times: npt.NDArray[np.uint64], observed: npt.NDArray[np.uint64]) -> Ints:
    """Event time, else the time it was observed, else 0; beyond 2262 it is the last nanosecond that fits."""
    found: Ints = np.minimum(np.where(times == 0, observed, times), np.uint64(_MAX_TIME)).astype(np.int64)
    return found


def _known_severities(numbers: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    return np.where((numbers >= 0) & (numbers <= 24), numbers, 0).astype(np.uint8)


def _numbers(records: pa.StructArray, name: str) -> Any:
    return pc.struct_field(records, name).fill_null(0).to_numpy(zero_copy_only=False)


def _text(values: pa.StructArray) -> pa.StringArray:
    """Write a column of AnyValues as text: numbers and booleans plainly, bytes as base64, arrays and maps as JSON."""
    text = pc.struct_field(values, "string_value")
    if text.null_count == 0:
        return text
    forms = [text]
    for name in ("int_value", "bool_value", "double_value"):
        column = pc.struct_field(values, name)
        if column.null_count < len(column):
            forms.append(column.cast(pa.string()))
    for name, write in _WRITERS.items():
        column = pc.struct_field(values, name)
        if column.null_count < len(column):
            forms.append(pa.array([None if v is None else write(v) for v in column.to_pylist()], pa.string()))  # type: ignore[no-untyped-call]
    return pc.coalesce(*forms, pa.scalar(""))


def _array(encoded: bytes) -> str:
    return _json([_plain(value) for value in _decoded(common_pb2.ArrayValue, encoded).values])


def _map(encoded: bytes) -> str:
    return _json({pair.key: _plain(pair.value) for pair in _decoded(common_pb2.KeyValueList, encoded).values})


def _decoded(kind: Any, encoded: bytes) -> Any:
    """Decode a value that the declaration left encoded."""
    try:
        return kind.FromString(encoded)
    except DecodeError as error:
        raise BadInput(f"not a valid protobuf message of this type: {error}") from None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _plain(value: common_pb2.AnyValue) -> Any:
    """Turn an AnyValue into what JSON knows; protobuf itself bounds the depth (100)."""
    form = value.WhichOneof("value")
    if form == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if form == "kvlist_value":
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
    if form == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, form) if form else None


_WRITERS = {
    "array_value": _array,
    "kvlist_value": _map,
    "bytes_value": lambda value: base64.b64encode(value).decode(),
}


# OTLP's JSON encoding: protobuf's, but identifiers of traces and spans in hexadecimal, enumerations as numbers and
# names in lowerCamelCase (OTLP specification, "JSON Protobuf Encoding").


class _Json(msgspec.Struct, rename="camel", gc=False):
    """Part of a request in JSON; unknown fields are ignored, as the specification wants."""


class _Value(_Json):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    array_value: dict[str, Any] | None = None
    kvlist_value: dict[str, Any] | None = None
    bytes_value: bytes | None = None


class _KeyValue(_Json):
    key: str = ""
    value: _Value | None = None


class _Resource(_Json):
    attributes: list[_KeyValue] = []


class _Scope(_Json):
    name: str = ""
    version: str = ""
    attributes: list[_KeyValue] = []


class _LogRecord(_Json):
    time_unix_nano: int | str = 0
    observed_time_unix_nano: int | str = 0
    severity_number: int = 0
    severity_text: str = ""
    body: _Value | None = None
    attributes: list[_KeyValue] = []
    trace_id: str = ""
    span_id: str = ""
    event_name: str = ""


class _ScopeLogs(_Json):
    scope: _Scope | None = None
    log_records: list[_LogRecord] = []


class _ResourceLogs(_Json):
    resource: _Resource | None = None
    scope_logs: list[_ScopeLogs] = []


class _Request(_Json):
    resource_logs: list[_ResourceLogs] = []


def _json_columns(request: _Request, indexed: Sequence[str]) -> Columns:
    """Flatten resources, scopes and records to columns."""
    groups: list[Mapping[str, str]] = []
    group: list[int] = []
    records: list[_LogRecord] = []
    counts: list[int] = []
    keys: list[str] = []
    values: list[str] = []
    for logs in request.resource_logs:
        labels, rest = _parted(_json_dict(logs.resource), indexed)
        for scoped in logs.scope_logs:
            scope = scoped.scope
            extras = _handed_down(rest, _json_dict(scope), scope.name if scope else "", scope.version if scope else "")
            group += [len(groups)] * len(scoped.log_records)
            records += scoped.log_records
            for record in scoped.log_records:
                before = len(keys)
                for pair in record.attributes:
                    keys.append(pair.key)
                    values.append(_json_text(pair.value))
                for name, text in (("event_name", record.event_name), ("severity_text", record.severity_text)):
                    if text:
                        keys.append(name)
                        values.append(text)
                keys += extras.keys()
                values += extras.values()
                counts.append(len(keys) - before)
        groups.append(labels)
    return Columns(
        ts=_event_times(
            np.array([_number(record.time_unix_nano, "timeUnixNano", _UINT64) for record in records], np.uint64),
            np.array(
                [_number(record.observed_time_unix_nano, "observedTimeUnixNano", _UINT64) for record in records],
                np.uint64,
            ),
        ),
        body=pa.array([_json_text(record.body) for record in records], pa.string()),
        group=np.array(group, np.int64),
        groups=groups,
        counts=np.array(counts, np.int64),
        keys=pa.array(keys, pa.string()),
        values=pa.array(values, pa.string()),
        severity=_known_severities(np.array([record.severity_number for record in records], np.int32)),
        trace_id=pa.array([_hexadecimal(record.trace_id, "traceId") for record in records], pa.binary()),
        span_id=pa.array([_hexadecimal(record.span_id, "spanId") for record in records], pa.binary()),
    )


def _json_dict(holder: _Resource | _Scope | None) -> dict[str, str]:
    return {pair.key: _json_text(pair.value) for pair in holder.attributes} if holder else {}


def _json_text(value: _Value | None) -> str:
    """Write an AnyValue as text, as `_text` does."""
    if value is None:
        return ""
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        return str(_number(value.int_value, "an intValue", _INT64))
    if value.bool_value is not None:
        return str(value.bool_value).lower()
    if value.double_value is not None:
        number = _converted(float, value.double_value, "a doubleValue isn't a number")
        return str(pa.scalar(number, pa.float64()).cast(pa.string()))
    if value.array_value is not None:
        return _array(_encoded(common_pb2.ArrayValue(), value.array_value))
    if value.kvlist_value is not None:
        return _map(_encoded(common_pb2.KeyValueList(), value.kvlist_value))
    return "" if value.bytes_value is None else base64.b64encode(value.bytes_value).decode()


def _number(value: int | str, what: str, bounds: range) -> int:
    fault = f"{what} isn't a whole number from {bounds[0]} to {bounds[-1]}"
    number: int = _converted(int, value, fault)
    if number not in bounds:
        raise BadInput(f"not an OTLP logs request in JSON: {fault}")
    return number


def _hexadecimal(value: str, what: str) -> bytes:
    return _converted(bytes.fromhex, value, f"{what} isn't hexadecimal") if value else b""


def _converted(form: Callable[[str], Any], value: Any, fault: str) -> Any:
    """Read a value; raises BadInput that says the fault, where Python's own error quotes the value."""
    try:
        return form(value)
    except ValueError:
        raise BadInput(f"not an OTLP logs request in JSON: {fault}") from None


def _encoded(message: Message, value: dict[str, Any]) -> bytes:
    """Encode a rare recursive value as protobuf, so that one writer serves both encodings."""
    try:
        return json_format.ParseDict(value, message, ignore_unknown_fields=True).SerializeToString()
    except json_format.ParseError as error:
        raise ValueError(str(error)) from None
