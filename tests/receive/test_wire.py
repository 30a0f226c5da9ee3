"""Both protobuf decoders say the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from wardlight.problems import BadInput
from wardlight.receive.otlp import REQUEST
from wardlight.receive.wire import Decoder, RowDecoder

values = st.one_of(
    st.builds(lambda v: {"string_value": v}, st.text()),
    st.builds(lambda v: {"int_value": v}, st.integers(-(2**63), 2**63 - 1)),
    st.builds(lambda v: {"bool_value": v}, st.booleans()),
    st.builds(lambda v: {"double_value": v}, st.floats(allow_nan=False)),
    st.builds(lambda v: {"bytes_value": v}, st.binary(max_size=8)),
)


@given(st.lists(st.lists(st.tuples(st.text(max_size=5), values), max_size=3), max_size=4))
def test_ptars_and_protobuf_agree(records: list[list[tuple[str, dict[str, object]]]]) -> None:
    made = ExportLogsServiceRequest()
    scope = made.resource_logs.add().scope_logs.add()
    for attributes in records:
        record = scope.log_records.add(time_unix_nano=1)
        for key, value in attributes:
            record.attributes.add(key=key, value=value)
    payload = made.SerializeToString()
    assert Decoder(REQUEST).decode([payload]).to_pylist() == RowDecoder(REQUEST).decode([payload]).to_pylist()


@pytest.mark.parametrize("decoder", [Decoder, RowDecoder])
@given(data=st.binary(min_size=1, max_size=60))
def test_any_bytes_are_decoded_or_refused(decoder: type[Decoder | RowDecoder], data: bytes) -> None:
    try:
        decoder(REQUEST).decode([data])
    except BadInput as problem:
        assert "not a valid protobuf" in str(problem)
