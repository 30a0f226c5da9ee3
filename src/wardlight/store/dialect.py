"""What both engines share: limits as settings, errors as problems, batches as partitions and bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from wardlight.problems import BadInput, Cancelled, Problem, TimedOut, TooLarge, Unavailable
from wardlight.records import KINDS
from wardlight.store import Limits, Table

_CODE = re.compile(r"Code: (\d+)\. DB::Exception: (.*?)(?: \(([A-Z_]+)\))?\s*$", re.DOTALL)
_TAG = re.compile(r"[\w.:-]{0,100}")
_DAY_NS = 86_400_000_000_000

_PROBLEMS: dict[int, tuple[type[Problem], str]] = {
    159: (TimedOut, "the query ran longer than query.max_seconds"),
    241: (TooLarge, "the query needs more memory than query.max_memory_bytes"),
    158: (TooLarge, "the query's result has more rows than its limit"),
    396: (TooLarge, "the query's result has more rows than its limit"),
    307: (TooLarge, "the query reads more bytes than query.max_read_bytes"),
    394: (Cancelled, "the query was cancelled"),
    243: (Unavailable, "the disk of the log store is full"),
    75: (Unavailable, "the disk of the log store can't be written"),
    76: (Unavailable, "a file of the log store can't be opened"),
    1001: (Unavailable, "the disk of the log store can't be written"),
    252: (Unavailable, "the log store is merging too slowly for what it is sent"),
    242: (Unavailable, "the log store's replica is read-only"),
    285: (Unavailable, "too few replicas of the log store are there to write"),
    319: (Unavailable, "the log store doesn't know whether its replicas have the insert"),
}
"""ClickHouse's error codes that mean something to a reader or sender."""


def explained(message: str) -> Problem:
    """Turn an engine's error message into a problem of ours, without its text: that may hold a log line."""
    found = _CODE.search(message)
    code, name = (int(found[1]), found[3] or "") if found else (0, "")
    kind, sentence = _PROBLEMS.get(code, (Problem, f"the log store failed: {name or 'unknown error'} (code {code})"))
    return kind(sentence)


def comment(tag: str) -> str:
    """Return the log comment by which a query is found again; raises BadInput if the tag is none."""
    if not _TAG.fullmatch(tag):
        raise BadInput("a query's tag has letters, digits, and . _ : - only")
    return f"wardlight:{tag}"


def settings(limits: Limits, tag: str) -> dict[str, int | float | str]:
    """Return a query's limits as the engine's settings."""
    return {
        "readonly": 2,
        "max_execution_time": float(limits.seconds),
        "max_memory_usage": int(limits.memory_bytes),
        "max_result_rows": int(limits.result_rows),
        "max_bytes_to_read": int(limits.read_bytes),
        "log_comment": comment(tag),
    }


def by_partition(batches: Iterable[pa.RecordBatch], table: Table = "logs") -> dict[int, list[pa.RecordBatch]]:
    """Sort the rows of batches by the partition of `table` that they go to, keeping their order."""
    found: dict[int, list[pa.RecordBatch]] = {}
    for batch in batches:
        partition = _kind_and_day(batch) if table == "logs" else _month(batch)
        values = np.unique(partition).tolist()
        for value in values:
            rows = batch if len(values) == 1 else batch.filter(pa.array(partition == value))
            found.setdefault(value, []).append(rows)
    return found


def columns(batches: Sequence[pa.RecordBatch]) -> list[str]:
    """Name the columns that batches bring: all have the same, of a schema of ours."""
    names: list[str] = batches[0].schema.names
    return names


def _kind_and_day(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    day = np.asarray(batch["ts"].cast(pa.int64()).to_numpy()) // _DAY_NS
    kinds = np.array([KINDS.index(kind) for kind in batch["kind"].dictionary.to_pylist()], np.int64)
    found: npt.NDArray[np.int64] = day * len(KINDS) + kinds[batch["kind"].indices.to_numpy()]
    return found


def _month(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    recorded = batch["recorded"]
    return np.asarray(pc.add(pc.multiply(pc.year(recorded), 100), pc.month(recorded)).to_numpy())


def arrow_stream(batches: Sequence[pa.RecordBatch]) -> bytes:
    """Write batches as one Arrow stream, as the engine reads it."""
    sink = pa.BufferOutputStream()
    write_arrow(batches, sink)
    return bytes(sink.getvalue().to_pybytes())


def write_arrow(batches: Sequence[pa.RecordBatch], sink: pa.NativeFile) -> None:
    """Write batches as one Arrow stream, each dictionary once."""
    table = pa.Table.from_batches(batches).unify_dictionaries()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
