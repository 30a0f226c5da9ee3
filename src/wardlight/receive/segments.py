"""Attributes of records from several places, joined record by record without a loop over records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardlight.receive.assemble import Ints


@dataclass(frozen=True)
class Segment:
    """Attributes of records: record i has the next `counts[i]` of those at `at` in `keys` and `values`."""

    counts: Ints
    at: Ints
    keys: pa.StringArray
    values: pa.StringArray


def interleave(segments: Sequence[Segment], rows: int) -> tuple[pa.StringArray, pa.StringArray, Ints]:
    """Join segments record by record, the earlier ones first: keys, values and how many each record has."""
    used = [segment for segment in segments if len(segment.at)]
    counts = np.zeros(rows, np.int64)
    for segment in used:
        counts += segment.counts
    if len(used) == 1 and np.array_equal(used[0].at, np.arange(len(used[0].keys))):
        return used[0].keys, used[0].values, counts
    start = np.cumsum(counts) - counts
    take = np.zeros(int(counts.sum()), np.int64)
    pool = 0
    for segment in used:
        before = np.cumsum(segment.counts) - segment.counts
        within = np.arange(len(segment.at)) - np.repeat(before, segment.counts)
        take[np.repeat(start, segment.counts) + within] = segment.at + pool
        start = start + segment.counts
        pool += len(segment.keys)
    if not used:
        return pa.array([], pa.string()), pa.array([], pa.string()), counts
    keys = pa.concat_arrays([segment.keys for segment in used]).take(pa.array(take))
    values = pa.concat_arrays([segment.values for segment in used]).take(pa.array(take))
    return keys, values, counts


def named(name: str, values: pa.StringArray) -> Segment:
    """One attribute, for those records where its value isn't empty."""
    present = pc.binary_length(values).to_numpy(zero_copy_only=False) > 0
    at = np.flatnonzero(present)
    keys = pa.repeat(pa.scalar(name), len(values) if len(at) else 0)
    return Segment(present.astype(np.int64), at, keys, values if len(at) else values.slice(0, 0))
