"""The native decoder answers what the general one answers, or declines."""

from __future__ import annotations

import gc
import random
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs

from wardlight.config import Receive
from wardlight.problems import BadInput
from wardlight.receive import otlp, otlp_native
from wardlight.receive.assemble import Columns, Ints

NOW = 1_767_225_600_000_000_000
SETTINGS = Receive()
INDEXED = tuple(SETTINGS.index_labels)

pytestmark = pytest.mark.skipif(
    shutil.which("rustc") is None and not otlp_native.LIBRARY.exists(), reason="no rustc to compile the decoder with"
)


def native(*payloads: bytes) -> tuple[Columns, Ints] | None:
    return otlp_native.decode(payloads, lambda resource, scope: otlp._context(resource, scope, INDEXED))


def general(*payloads: bytes) -> tuple[Columns, Ints]:
    requests = otlp._DECODER.decode(payloads)["resource_logs"]
    return otlp._columns(requests, INDEXED), otlp._sizes(requests)


def agree(payload: bytes) -> bool:
    """Whether the native decoder took a request; it then answers as the general one, errors included."""
    try:
        found = native(payload)
    except BadInput:
        with pytest.raises(BadInput):
            general(payload)
        return False
    if found is not None:
        assert records(found) == records(general(payload))
    return found is not None


def records(found: tuple[Columns, Ints]) -> tuple[list[dict[str, Any]], list[int]]:
    """What was decoded, as people read it: the two decoders number names and labels in their own ways."""
    columns, sizes = found
    batch = otlp._assembled(columns, SETTINGS, NOW).batch
    return batch.to_pylist(), sizes.tolist()


def sample() -> ExportLogsServiceRequest:
    """Two resources, of which the second has two scopes; every field and form that senders commonly use."""
    made = ExportLogsServiceRequest()
    for service, scopes in (("clinic", 1), ("billing", 2)):
        logs = made.resource_logs.add(schema_url="https://opentelemetry.io/schemas/1.30.0")
        logs.resource.attributes.add(key="service.name").value.string_value = service
        logs.resource.attributes.add(key="process.pid").value.int_value = 7
        for scope in range(scopes):
            scoped = logs.scope_logs.add()
            scoped.scope.name, scoped.scope.version = f"app.{scope}", "1.2"
            scoped.scope.attributes.add(key="zone").value.bool_value = True
            for at in range(3):
                record = scoped.log_records.add(
                    time_unix_nano=NOW + at if at else 0, observed_time_unix_nano=NOW, severity_number=9 + 4 * at,
                    severity_text="Info" if at else "", event_name="user.login" if at == 2 else "", flags=1,
                    trace_id=b"t" * 16 if at else b"", span_id=b"s" * 8 if at else b"short", dropped_attributes_count=1,
                )  # fmt: skip
                record.body.string_value = f"zażółć {at}"
                record.attributes.add(key="user.id").value.string_value = f"u{at}"
                record.attributes.add(key="duration").value.double_value = at / 3
                record.attributes.add(key="rows").value.int_value = -at
                record.attributes.add(key="cached").value.bool_value = bool(at)
                record.attributes.add(key="empty")
                record.attributes.add(key="rows").value.string_value = "said twice"
    return made


def forms(value: AnyValue, form: Any) -> None:
    for kind, name in ((bool, "bool_value"), (int, "int_value"), (float, "double_value"), (str, "string_value")):
        if isinstance(form, kind):
            setattr(value, name, form)
            return


_TEXTS = st.text(max_size=12)
_FORMS = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), _TEXTS)
_PAIRS = st.lists(
    st.tuples(st.one_of(st.sampled_from(("k", "user.id", "wardlight.kind", "")), _TEXTS), _FORMS), max_size=5
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    made = ExportLogsServiceRequest()
    for _ in range(draw(st.integers(0, 2))):
        logs = made.resource_logs.add()
        for key, form in draw(_PAIRS):
            forms(logs.resource.attributes.add(key=key).value, form)
        for _ in range(draw(st.integers(0, 2))):
            scope = logs.scope_logs.add()
            scope.scope.name = draw(_TEXTS)
            for key, form in draw(_PAIRS):
                forms(scope.scope.attributes.add(key=key).value, form)
            for _ in range(draw(st.integers(0, 3))):
                record = scope.log_records.add(
                    time_unix_nano=draw(st.sampled_from((0, NOW, 2**64 - 1))), observed_time_unix_nano=NOW,
                    severity_number=draw(st.integers(-(2**31), 2**31 - 1)), severity_text=draw(_TEXTS),
                    trace_id=draw(st.binary(max_size=17)), span_id=draw(st.binary(max_size=9)), event_name=draw(_TEXTS),
                )  # fmt: skip
                forms(record.body, draw(_FORMS))
                for key, form in draw(_PAIRS):
                    forms(record.attributes.add(key=key).value, form)
    return bytes(made.SerializeToString())


def test_it_was_compiled_where_there_is_a_compiler() -> None:
    assert otlp_native.LIBRARY.exists()
    assert native(sample().SerializeToString()) is not None


def test_it_decodes_what_senders_commonly_write() -> None:
    payloads = [sample().SerializeToString(), b"", sample().SerializeToString()]
    found = native(*payloads)
    assert found is not None
    assert records(found) == records(general(*payloads))
    assert found[1].tolist() == [9, 0, 9]


@given(payloads=st.lists(requests(), max_size=3))
def test_any_request_of_plain_values(payloads: list[bytes]) -> None:
    found = native(*payloads)
    assert found is not None
    assert records(found) == records(general(*payloads))


def mutations(seed: int, count: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    whole = sample().SerializeToString()
    for _ in range(count):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(damaged))
            damaged[at : at + chance.randint(0, 2)] = chance.randbytes(chance.randint(0, 2))
        yield bytes(damaged)


def test_damaged_requests_are_declined_or_decoded_alike() -> None:
    assert sum(agree(payload) for payload in mutations(seed=3, count=3000)) > 100


@given(payload=st.binary(max_size=300))
def test_any_bytes_are_declined_or_decoded_alike(payload: bytes) -> None:
    agree(payload)


def test_it_declines_arrays_maps_and_bytes() -> None:
    for kind in ("array_value", "kvlist_value", "bytes_value"):
        made = sample()
        value = made.resource_logs[0].scope_logs[0].log_records[0].attributes[0].value
        value.bytes_value = b""
        if kind != "bytes_value":
            getattr(value, kind).SetInParent()
        assert native(made.SerializeToString()) is None


def test_it_declines_a_resource_in_two_parts() -> None:
    one = sample().resource_logs[0].SerializeToString()
    more = ResourceLogs()
    more.resource.attributes.add(key="host.name").value.string_value = "h1"
    parts = one + more.SerializeToString()
    payload = b"\x0a" + bytes((len(parts) & 127 | 128, len(parts) >> 7)) + parts
    assert native(payload) is None
    assert records(general(payload))[1] == [3]


def test_a_resource_may_stand_behind_its_records() -> None:
    logs = sample().resource_logs[0]
    behind = ResourceLogs(resource=logs.resource).SerializeToString()
    before = ResourceLogs(scope_logs=logs.scope_logs).SerializeToString()
    parts = before + behind
    payload = b"\x0a" + bytes((len(parts) & 127 | 128, len(parts) >> 7)) + parts
    found = native(payload)
    assert found is not None
    assert records(found) == records(general(payload))


def test_columns_outlive_the_request_they_came_from() -> None:
    found = native(bytes(bytearray(sample().SerializeToString())))
    assert found is not None
    batch = otlp._assembled(found[0], SETTINGS, NOW).batch
    del found
    gc.collect()
    batch.validate(full=True)
    assert batch["body"][0].as_py() == "zażółć 0"
