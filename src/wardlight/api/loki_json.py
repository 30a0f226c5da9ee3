"""Answers as Loki writes them in JSON. Times of lines and all values are strings: numbers break Grafana."""

from __future__ import annotations

from typing import Any

from wardlight.query.answer import Answer, MatrixAnswer, ScalarAnswer, Series, Stats, Streams, VectorAnswer
from wardlight.query.units import format_float


def answer(given: Answer, *, categorized: bool) -> dict[str, Any]:
    """Write the answer of a query."""
    data: dict[str, Any] = _result(given.result, categorized=categorized)
    data["stats"] = _stats(given.stats)
    written: dict[str, Any] = {"status": "success", "data": data}
    if given.warnings:
        written["warnings"] = list(given.warnings)
    return written


def _result(result: Any, *, categorized: bool) -> dict[str, Any]:
    if isinstance(result, Streams):
        flags = {"encodingFlags": ["categorize-labels"]} if categorized else {}
        return {"resultType": "streams", **flags, "result": streams(result, categorized=categorized)}
    if isinstance(result, MatrixAnswer):
        rows = [{"metric": dict(each.labels), "values": _points(each)} for each in result.series]
        return {"resultType": "matrix", "result": rows}
    if isinstance(result, VectorAnswer):
        rows = [{"metric": dict(each.labels), "value": _points(each)[0]} for each in result.series]
        return {"resultType": "vector", "result": rows}
    assert isinstance(result, ScalarAnswer)  # noqa: S101 -- there are four
    return {"resultType": "scalar", "result": [_seconds(result.ts), format_float(result.value)]}


def streams(result: Streams, *, categorized: bool) -> list[dict[str, Any]]:
    """Write log lines; categorized, each has its metadata and parsed labels as a third element."""
    written = []
    for stream in result.streams:
        values: list[list[Any]] = []
        for line in stream.lines:
            value: list[Any] = [str(line.ts), line.line]
            if categorized:
                named = {"structuredMetadata": line.metadata, "parsed": line.parsed}
                value.append({name: labels for name, labels in named.items() if labels})
            values.append(value)
        written.append({"stream": dict(stream.labels), "values": values})
    return written


def vector_or_matrix(series: list[Series]) -> dict[str, Any]:
    """Write series; one that has several points makes it a matrix."""
    if any(len(each.points) > 1 for each in series):
        return _result(MatrixAnswer(series), categorized=False)
    return _result(VectorAnswer(series), categorized=False)


def _points(series: Series) -> list[list[Any]]:
    return [[_seconds(ts), format_float(value)] for ts, value in series.points]


def _seconds(ns: int) -> int | float:
    """Seconds to the millisecond, whole ones without a point."""
    ms = ns // 1_000_000
    return ms // 1000 if ms % 1000 == 0 else ms / 1000


def _stats(stats: Stats) -> dict[str, Any]:
    """Write what Grafana's query inspector shows; the parts of a distributed Loki have nothing to say here."""
    none = {
        "store": {
            "totalChunksRef": 0, "totalChunksDownloaded": 0, "chunksDownloadTime": 0,
            "chunk": {
                "headChunkBytes": 0, "headChunkLines": 0, "decompressedBytes": 0, "decompressedLines": 0,
                "compressedBytes": 0, "totalDuplicates": 0,
            },
        },
    }  # fmt: skip
    return {
        "summary": {
            "bytesProcessedPerSecond": 0, "linesProcessedPerSecond": 0, "totalBytesProcessed": 0,
            "totalLinesProcessed": 0, "execTime": stats.seconds, "queueTime": 0, "subqueries": 0,
            "totalEntriesReturned": stats.entries, "splits": 0, "shards": 0,
        },
        "querier": none,
        "ingester": {"totalReached": 0, "totalChunksMatched": 0, "totalBatches": 0, "totalLinesSent": 0, **none},
    }  # fmt: skip
