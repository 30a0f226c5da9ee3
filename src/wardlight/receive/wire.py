"""Protobuf to Arrow, columnar from the first byte.

A message is declared as field number → (name, type, flags…). Declaring a field of message type as bytes leaves it
encoded: so recursive types are cut, and rare ones are decoded only where they occur. `Decoder` uses ptars (Rust);
`RowDecoder` does the same by the protobuf library, several times slower, where ptars isn't to be had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from wardlight.problems import BadInput

Fields = Mapping[int, tuple[str, ...]]


def lengths(lists: pa.ListArray) -> npt.NDArray[np.int64]:
    """Return the length of each list of a column, 0 where it is absent."""
    counted: npt.NDArray[np.int64] = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    return counted.astype(np.int64)


class MessageDecoder(Protocol):
    """Decodes encoded messages of one type, each to one row."""

    def decode(self, payloads: Sequence[bytes]) -> pa.RecordBatch:
        """Return a column a field; raises BadInput when a payload isn't such a message."""
        ...


def declare(package: str, root: str, messages: Mapping[str, Fields]) -> Descriptor:
    """Build the descriptor of message `root` from a package of declarations."""
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for number, (field_name, kind, *flags) in fields.items():
            label = field_type.LABEL_REPEATED if "repeated" in flags else field_type.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, label=label)
            if kind in messages:
                field.type, field.type_name = field_type.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                field.type = getattr(field_type, f"TYPE_{kind.upper()}")
            if "oneof" in flags:
                if not message.oneof_decl:
                    message.oneof_decl.add(name="one")
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindMessageTypeByName(f"{package}.{root}")


def decoder(descriptor: Descriptor) -> MessageDecoder:
    """Return the fastest decoder that this machine has."""
    try:
        return Decoder(descriptor)
    except ImportError:
        return RowDecoder(descriptor)


class Decoder:
    """By ptars."""

    def __init__(self, descriptor: Descriptor) -> None:
        import ptars

        self._handler = ptars.HandlerPool([descriptor.file]).get_for_message(descriptor)

    def decode(self, payloads: Sequence[bytes]) -> pa.RecordBatch:
        """Return a column a field."""
        try:
            return self._handler.list_to_record_batch(list(payloads))
        except ValueError as error:
            raise BadInput(f"not a valid protobuf message of this type: {error}") from None


class RowDecoder:
    """By protobuf's own library, a Python object a message."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._class = message_factory.GetMessageClass(descriptor)
        self._schema = pa.schema([pa.field(f.name, _arrow_type(f)) for f in descriptor.fields])

    def decode(self, payloads: Sequence[bytes]) -> pa.RecordBatch:
        """Return a column a field."""
        try:
            rows = [_plain(self._class.FromString(payload)) for payload in payloads]
        except DecodeError as error:
            raise BadInput(f"not a valid protobuf message of this type: {error}") from None
        return pa.RecordBatch.from_pylist(rows, schema=self._schema)


def _plain(message: Message) -> dict[str, Any]:
    """Turn a message into nested dictionaries; a message or a oneof member that is absent is None."""
    row: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.is_repeated:
            row[field.name] = [_plain(item) for item in value] if field.message_type else list(value)
        elif field.has_presence and not message.HasField(field.name):
            row[field.name] = None
        else:
            row[field.name] = _plain(value) if field.message_type else value
    return row


_SCALARS = {
    FieldDescriptor.TYPE_STRING: pa.string(),
    FieldDescriptor.TYPE_BYTES: pa.binary(),
    FieldDescriptor.TYPE_BOOL: pa.bool_(),
    FieldDescriptor.TYPE_INT32: pa.int32(),
    FieldDescriptor.TYPE_INT64: pa.int64(),
    FieldDescriptor.TYPE_FIXED64: pa.uint64(),
    FieldDescriptor.TYPE_DOUBLE: pa.float64(),
}


def _arrow_type(field: FieldDescriptor) -> pa.DataType:
    inner = (
        pa.struct([pa.field(f.name, _arrow_type(f)) for f in field.message_type.fields])
        if field.message_type
        else _SCALARS[field.type]
    )
    return pa.list_(inner) if field.is_repeated else inner
