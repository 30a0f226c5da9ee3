"""OTLP logs by a decoder of our own (`otlp_native.rs`), where `rustc` was there to compile it.

It takes requests as senders commonly write them, straight to flat columns, in a fraction of the general decoder's time;
at anything else it declines. Why: docs/decisions/0014-native-otlp.md.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from wardlight.receive.assemble import Columns, Ints

LIBRARY = Path(__file__).with_name("libotlp.so")

Context = tuple[Mapping[str, str], Sequence[bytes]]
"""Labels of a resource and scope, and what their records inherit as attributes: names and values in turn."""


class _Bytes(ctypes.Structure):
    _fields_ = (("start", ctypes.c_char_p), ("size", ctypes.c_size_t))


class _Column(ctypes.Structure):
    _fields_ = (("start", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Output(ctypes.Structure):
    _fields_ = (("columns", ctypes.POINTER(_Column)), ("count", ctypes.c_size_t))


def _load() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(str(LIBRARY))
    except OSError:
        return None
    size, requests = ctypes.c_size_t, ctypes.POINTER(_Bytes)
    library.wardlight_otlp_contexts.argtypes = (requests, size)
    library.wardlight_otlp_logs.argtypes = (
        requests, size, ctypes.c_void_p, size, requests, ctypes.POINTER(size), size,
    )  # fmt: skip
    for function in (library.wardlight_otlp_contexts, library.wardlight_otlp_logs):
        function.restype = ctypes.POINTER(_Output)
    library.wardlight_free.argtypes = (ctypes.POINTER(_Output),)
    library.wardlight_free.restype = None
    return library


_LIBRARY = _load()


class _Owner:
    """Gives columns back when the last Arrow array that uses them is gone."""

    def __init__(self, output: Any, free: Callable[[Any], None]) -> None:
        self._output = output
        self._free = free

    def __del__(self) -> None:
        self._free(self._output)

    def buffers(self) -> list[pa.Buffer]:
        columns = self._output.contents.columns[: self._output.contents.count]
        return [pa.foreign_buffer(column.start, column.size, self) if column.size else _EMPTY for column in columns]


_EMPTY = pa.py_buffer(b"")


def decode(payloads: Sequence[bytes], context: Callable[[bytes, bytes], Context]) -> tuple[Columns, Ints] | None:
    """Return the columns of several encoded requests and how many records each has; None if this decoder declines.

    `context` says what an encoded resource and scope give to their records, or raises BadInput; it is asked once for
    each distinct pair.
    """
    if _LIBRARY is None:
        return None
    requests = _bytes(payloads)
    free = _LIBRARY.wardlight_free
    found = _taken(_LIBRARY.wardlight_otlp_contexts(requests, len(payloads)), free)
    if found is None:
        return None
    of_scope, encoded, encoded_data = found
    pairs = iter(_texts(encoded, encoded_data, pa.binary()).to_pylist())
    contexts = [context(resource, scope) for resource, scope in zip(pairs, pairs, strict=True)]
    extras = _bytes(list(chain.from_iterable(extra for _, extra in contexts)))
    counts = (ctypes.c_size_t * len(contexts))(*(len(extra) for _, extra in contexts))
    made = _taken(
        _LIBRARY.wardlight_otlp_logs(
            requests, len(payloads), of_scope.address, of_scope.size // 4, extras, counts, len(contexts)
        ),
        free,
    )
    if made is None:
        return None
    names, names_data, times, severities, groups, bodies, bodies_data, traces, spans, *rest = made
    attribute_counts, codes, values, values_data, sizes = rest
    keys = pa.Array.from_buffers(pa.int32(), codes.size // 4, [None, codes])
    columns = Columns(
        ts=np.frombuffer(times, np.int64),
        body=_texts(bodies, bodies_data, pa.string()),
        group=np.frombuffer(groups, np.int64),
        groups=[labels for labels, _ in contexts],
        counts=np.frombuffer(attribute_counts, np.int64),
        keys=pa.DictionaryArray.from_arrays(keys, _texts(names, names_data, pa.string())),
        values=_texts(values, values_data, pa.string()),
        severity=np.frombuffer(severities, np.uint8),
        trace_id=pa.Array.from_buffers(pa.binary(16), traces.size // 16, [None, traces]),
        span_id=pa.Array.from_buffers(pa.binary(8), spans.size // 8, [None, spans]),
    )
    return columns, np.frombuffer(sizes, np.int64)


def _bytes(texts: Sequence[bytes]) -> Any:
    """Addresses and sizes; the array keeps the texts alive."""
    return (_Bytes * len(texts))(*(_Bytes(text, len(text)) for text in texts))


def _taken(output: Any, free: Callable[[Any], None]) -> list[pa.Buffer] | None:
    return _Owner(output, free).buffers() if output else None


def _texts(offsets: pa.Buffer, data: pa.Buffer, kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, offsets.size // 4 - 1, [None, offsets, data])
