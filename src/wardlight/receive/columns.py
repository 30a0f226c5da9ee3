"""Small steps on columns of text that several decoders take."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardlight.receive.assemble import Ints, Mask


def split(text: pa.StringArray, separator: str, parts: int) -> tuple[list[pa.StringArray], Ints]:
    """Split each text into at most `parts`: a column a part, empty where there are fewer, and how many there are."""
    lists = pc.split_pattern(text, separator, max_splits=parts - 1)
    offsets = lists.offsets.to_numpy()
    size = np.diff(offsets).astype(np.int64)
    start = offsets[:-1].astype(np.int64)
    columns = []
    for part in range(parts):
        absent = size <= part
        taken = lists.values.take(pa.array(start + part, mask=absent))
        columns.append(taken.fill_null("") if absent.any() else taken)
    return columns, size


def where(condition: Mask | pa.BooleanArray, chosen: pa.Array | pa.Scalar, other: pa.Array | pa.Scalar) -> pa.Array:
    """Choose between two columns, record by record."""
    return pc.if_else(pa.array(condition) if isinstance(condition, np.ndarray) else condition, chosen, other)


def lengths_of(text: pa.StringArray) -> Ints:
    """Bytes of each text."""
    return np.asarray(pc.binary_length(text).to_numpy(zero_copy_only=False), np.int64)


def ask(text: pa.StringArray, question: Callable[[str], bool]) -> Mask:
    """Put a question to each distinct text; whose answer is yes."""
    encoded = text.dictionary_encode()
    answers = np.array([question(value) for value in encoded.dictionary.to_pylist()], bool)
    return answers[indices(encoded)] if len(answers) else np.zeros(len(text), bool)


def indices(encoded: pa.DictionaryArray) -> Ints:
    """Where in the dictionary each value is."""
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), np.int64)


def true(mask: pa.BooleanArray) -> Mask:
    """Turn a column of truths without nulls into an array."""
    return np.asarray(mask.to_numpy(zero_copy_only=False), bool)
