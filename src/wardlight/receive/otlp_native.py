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
    _fields_ = (("start", ctypes.c_void_p), ("size", ctypes.c_size_t), ("owner", ctypes.c_void_p))


class _Output(ctypes.Structure):
    _fields_ = (("columns", ctypes.POINTER(_Column)), ("count", ctypes.c_size_t))


def _load() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(str(LIBRARY))
        free_output, free_column = library.wardlight_free_output, library.wardlight_free_column
    except (OSError, AttributeError):  # not compiled, or from an older source
        return None
    size, requests = ctypes.c_size_t, ctypes.POINTER(_Bytes)
    library.wardlight_otlp_contexts.argtypes = (requests, size)
    library.wardlight_otlp_logs.argtypes = (
        requests, size, ctypes.c_void_p, size, requests, ctypes.POINTER(size), size,
    )  # fmt: skip
    for function in (library.wardlight_otlp_contexts, library.wardlight_otlp_logs):
        function.restype = ctypes.POINTER(_Output)
    for free, given in ((free_output, ctypes.POINTER(_Output)), (free_column, ctypes.c_void_p)):
        free.argtypes = (given,)
        free.restype = None
    return library


_LIBRARY = _load()


class _Owner:
    """Gives a column back when the last Arrow array that uses it is gone."""

    def __init__(self, owner: int, free: Callable[[int], None]) -> None:
        self._owner = owner
        self._free = free

    def __del__(self) -> None:
        self._free(self._owner)


_EMPTY = pa.py_buffer(b"")


def decode(payloads: Sequence[bytes], context: Callable[[bytes, bytes], Context]) -> tuple[Columns, Ints] | None:
    """Return the columns of several encoded requests and how many records each has; None if this decoder declines.

    `context` says what an encoded resource and scope give to their records, or raises BadInput; it is asked once for
    each distinct pair.
    """
    if _LIBRARY is None:
        return None
    requests = _bytes(payloads)
    found = _taken(_LIBRARY, _LIBRARY.wardlight_otlp_contexts(requests, len(payloads)))
    if found is None:
        return None
    of_scope, encoded, encoded_data = found
    pairs = iter(_texts(encoded, encoded_data, pa.binary()).to_pylist())
    contexts = [context(resource, scope) for resource, scope in zip(pairs, pairs, strict=True)]
    extras = _bytes(list(chain.from_iterable(extra for _, extra in contexts)))
    counts = (ctypes.c_size_t * len(contexts))(*(len(extra) for _, extra in contexts))
    made = _taken(
        _LIBRARY,
        _LIBRARY.wardlight_otlp_logs(
            requests, len(payloads), of_scope.address, of_scope.size // 4, extras, counts, len(contexts)
        ),
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


def _taken(library: ctypes.CDLL, output: Any) -> list[pa.Buffer] | None:
    """Take the columns of an output over, each with an owner of its own."""
    if not output:
        return None
    found = []
    for column in output.contents.columns[: output.contents.count]:
        owner = _Owner(column.owner, library.wardlight_free_column)
        found.append(pa.foreign_buffer(column.start, column.size, owner) if column.size else _EMPTY)
    library.wardlight_free_output(output)
    return found


def _texts(offsets: pa.Buffer, data: pa.Buffer, kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, offsets.size // 4 - 1, [None, offsets, data])
