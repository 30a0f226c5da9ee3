"""What was removed from a batch, and the attribute that says so in each record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pyarrow as pa

from wardlight.protect.columns import Ints, flat

NOTE = "wardlight_protected"
"""The attribute that says what was removed where, as `body:email*2,attributes.http_url:jwt`."""


_REMEMBERED = 10_000


class Removed:
    """What was taken out of a batch: of each thing the row, and where and of which kind, as in `body:email`."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.notes: list[str] = []

    def add(self, rows: Iterable[int], path: str, kinds: Sequence[str]) -> None:
        """Add things of one path, of each the row and the kind."""
        self.rows += rows
        said = {kind: f"{path}:{kind}" for kind in set(kinds)}
        self.notes += [said[kind] for kind in kinds]


def noted(column: pa.MapArray, removed: Removed) -> pa.MapArray:
    """Add the attribute that says what was removed."""
    order = np.argsort(removed.rows, kind="stable")
    rows, begins = np.unique(np.array(removed.rows)[order], return_index=True)
    notes = [removed.notes[at] for at in order]
    told = [_written(*notes[begin:end]) for begin, end in pairwise([*begins.tolist(), len(notes)])]
    offsets, keys, values = flat(column)
    names = keys.dictionary.to_pylist()
    code = keys.indices.to_numpy(zero_copy_only=False)
    if NOTE in names:
        column, before = _without(column, names.index(NOTE), rows)
        told = [
            f"{earlier},{new}" if (earlier := before.get(row)) else new
            for row, new in zip(rows.tolist(), told, strict=True)
        ]
        offsets, keys, values = flat(column)
        code = keys.indices.to_numpy(zero_copy_only=False)
    else:
        names.append(NOTE)
    ends = offsets[rows + 1]
    take = np.insert(np.arange(len(values)), ends, len(values) + np.arange(len(rows)))
    more = np.zeros(len(offsets), np.int64)
    more[rows + 1] = 1
    return pa.MapArray.from_arrays(
        pa.array(offsets + np.cumsum(more), pa.int32()),
        pa.DictionaryArray.from_arrays(
            pa.array(np.insert(code, ends, names.index(NOTE)), pa.int32()), pa.array(names, pa.string())
        ),
        pa.concat_arrays([values, pa.array(told, pa.string())]).take(pa.array(take)),
    )


@lru_cache(maxsize=_REMEMBERED)
def _written(*notes: str) -> str:
    return ",".join(f"{note}*{count}" if count > 1 else note for note, count in Counter(notes).items())


def _without(column: pa.MapArray, code: int, rows: Ints) -> tuple[pa.MapArray, dict[int, str]]:
    """Take earlier notes off some rows; return what they said."""
    offsets, keys, values = flat(column)
    owner = np.repeat(np.arange(len(column)), np.diff(offsets))
    out = (keys.indices.to_numpy(zero_copy_only=False) == code) & np.isin(owner, rows)
    before = dict(zip(owner[out].tolist(), values.filter(pa.array(out)).to_pylist(), strict=True))
    sizes = np.bincount(owner[~out], minlength=len(column))
    kept = pa.array(~out)
    fresh = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    return pa.MapArray.from_arrays(fresh, keys.filter(kept), values.filter(kept)), before
