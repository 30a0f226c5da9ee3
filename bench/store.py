"""What ten million records cost on disk, and how long the store's own questions take."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import corpus

from query import DAY, fill
from wardlight.store import Limits
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.params import Param

_SIZE = "SELECT sum(bytes_on_disk) / sum(rows) AS size FROM system.parts WHERE active AND table = 'logs'"


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--keep", type=Path, help="directory of a store to make once and use again")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    first = next(iter(corpus.records(5000, span_ns=DAY)))
    raw = corpus.json_bytes(first) / first.num_rows
    with tempfile.TemporaryDirectory() as passing:
        figures = measure(options.keep or Path(passing), options.records, options.runs, raw)
    with tempfile.TemporaryDirectory() as passing:
        plain = EmbeddedStore(Path(passing), text_index=False)
        fill(plain, options.records // 10)
        figures["bytes a record, no text index"] = float(plain.select(_SIZE)["size"][0].as_py())
        plain.close()
    figures["of the JSON, no text index"] = figures["bytes a record, no text index"] / raw
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:34} {value:10.3f}")


def measure(directory: Path, records: int, runs: int, raw: float) -> dict[str, float]:
    """Fill a store if it is new; when nothing is merged any more, ask each question `runs` times in turn."""
    fresh = not (directory / "data").exists()
    store = EmbeddedStore(directory)
    try:
        if fresh:
            fill(store, records)
        while store.select("SELECT count() AS n FROM system.merges")["n"][0].as_py():
            time.sleep(0.5)
        size = float(store.select(_SIZE)["size"][0].as_py())
        row = store.select("SELECT body, hex(trace_id) AS trace, patient_id FROM logs WHERE kind = 'audit' LIMIT 1")
        body, trace, patient = (row[name][0].as_py() for name in ("body", "trace", "patient_id"))
        word = body.rsplit(" ", 1)[1]
        questions: dict[str, tuple[str, dict[str, Param]]] = {
            "a rare word": ("SELECT ts, body FROM logs WHERE hasToken(body, {w:String})", {"w": word}),
            "newest 100": ("SELECT ts, stream, body FROM logs ORDER BY ts DESC LIMIT 100", {}),
            "one trace": ("SELECT ts, body FROM logs WHERE trace_id = unhex({t:String})", {"t": trace}),
            "one patient's users": (
                "SELECT DISTINCT user_id FROM logs WHERE patient_id = {p:String}", {"p": patient},
            ),
        }  # fmt: skip
        times: dict[str, list[float]] = {name: [] for name in questions}
        for _ in range(runs):
            for name, (sql, params) in questions.items():
                start = time.perf_counter()
                store.select(sql, params, limits=Limits())
                times[name].append((time.perf_counter() - start) * 1000)
    finally:
        store.close()
    figures = {"JSON, bytes a record": raw, "bytes a record": size, "of the JSON": size / raw}
    return figures | {f"{name}, ms": statistics.median(spent) for name, spent in times.items()}


if __name__ == "__main__":
    main()
