"""Columns of texts as one text and back, and columns with some of their values exchanged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]

_IN_WORD, _JOINS = 1, 2
_SIGNS = np.zeros(256, np.uint8)
"""Which bytes are of a word, and which join one to another (`looks.alone`; an apostrophe, within a name)."""
_SIGNS[[*b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_", *range(128, 256)]] = _IN_WORD
_SIGNS[[*b"-.+'"]] = _JOINS


def flat(column: pa.MapArray) -> tuple[Ints, pa.DictionaryArray, pa.Array]:
    """Offsets from 0, names and values of a map column that may be a slice."""
    offsets = column.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    first, count = int(offsets[0]), int(offsets[-1] - offsets[0])
    return offsets - first, column.keys.slice(first, count), column.items.slice(first, count)


def one_text(column: pa.Array) -> tuple[bytes, Ints]:
    """All values of a column with a zero byte between, and where each begins; one more for the end."""
    if not len(column):
        return b"", np.zeros(1, np.int64)
    _, offsets, data = pc.binary_join_element_wise(column, "", "\0").buffers()
    starts = np.frombuffer(offsets, np.int32, len(column) + 1).astype(np.int64)
    return data.slice(0, int(starts[-1]) - 1).to_pybytes(), starts


def texts_of(raw: bytes, starts: Ints, rows: Ints) -> pa.Array:
    """Make some rows again a column of what `one_text` put together."""
    bounds = np.column_stack([starts[:-1], starts[1:] - 1]).astype(np.int32)
    whole = pa.Array.from_buffers(pa.binary(), bounds.size - 1, [None, pa.py_buffer(bounds), pa.py_buffer(raw)])
    texts = whole.take(pa.array(rows * 2))  # what lies between two of them is a zero byte
    try:
        return texts.cast(pa.string())
    except pa.ArrowInvalid:  # something ended within a letter
        return pa.array([text.decode("utf-8", "replace") for text in texts.to_pylist()], pa.string())


def rows_of(starts: Ints, at: Ints) -> Ints:
    """In which of the texts of `one_text` places are."""
    rows: Ints = np.searchsorted(starts, at, side="right") - 1
    return rows


def loose(raw: bytes, begins: Ints, ends: Ints) -> Ints:
    """Which ends of what is to be replaced are within a word: what is left of it may be found then."""
    text = np.frombuffer(raw, np.uint8)
    before, first, here, behind = (_SIGNS[text.take(at, mode="clip")] for at in (begins - 1, begins, ends, ends + 1))
    word = _IN_WORD
    found: Ints = ends[(here == word) | ((here == _JOINS) & (behind == word)) | ((before == word) & (first == word))]
    return found


def replaced(raw: bytes, begins: Sequence[int], ends: Sequence[int], instead: Sequence[bytes]) -> bytes:
    """Put something else in the place of parts of a text."""
    pieces = [b""] * (2 * len(instead) + 1)
    pieces[::2] = [raw[start:end] for start, end in zip((0, *ends), (*begins, len(raw)), strict=True)]
    pieces[1::2] = instead
    return b"".join(pieces)


def put(column: pa.Array, rows: Ints | Sequence[int], texts: pa.Array) -> pa.Array:
    """Put texts into rows of a column, which are in order."""
    if len(rows) in {0, len(column)}:
        return texts if len(rows) else column
    mask = np.zeros(len(column), bool)
    mask[rows] = True
    return pc.replace_with_mask(column, pa.array(mask), texts)


def joined(parts: Sequence[pa.RecordBatch]) -> Any:
    """One batch of several whose dictionaries may differ."""
    table = pa.Table.from_batches(parts).unify_dictionaries().combine_chunks()
    return table.to_batches()[0]
