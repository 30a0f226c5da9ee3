"""How fast entries go into the ledger, durably, beside a plain file; and how long a proof takes in a large log."""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from wardlight.clock import SystemClock
from wardlight.ledger import Ledger
from wardlight.ledger.merkle import HASH_BYTES, check_inclusion, fold, inclusion
from wardlight.ledger.tiles import WIDTH, Tile, climb, nodes, tile_at

WINDOW = 8
"""Batches on their way at once, as many senders would have them."""


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=400_000, help="entries of one run")
    parser.add_argument("--bytes", type=int, default=200, help="bytes of an entry")
    parser.add_argument("--batch", type=int, default=1000, help="entries that are appended together")
    parser.add_argument("--runs", type=int, default=3, help="interleaved runs of which the median is told")
    parser.add_argument("--log", type=int, default=10_000_000, help="entries of the log in which entries are proven")
    parser.add_argument("--dir", type=Path, help="where to write; the system's place for temporary files if not given")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chance = random.Random(1)
    batch = [chance.randbytes(options.bytes) for _ in range(options.batch)]
    count = options.entries // options.batch
    results: dict[str, list[float]] = {}
    for _ in range(options.runs):
        for measure in (plain, ledger):
            with tempfile.TemporaryDirectory(dir=options.dir) as directory:
                for name, value in measure(Path(directory), batch, count).items():
                    results.setdefault(name, []).append(value)
    medians = {name: statistics.median(values) for name, values in results.items()}
    medians["ledger, of plain file"] = medians["ledger, published entries/s"] / medians["plain file, entries/s"]
    print(f"making a log of {options.log:,} entries …", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=options.dir) as directory:
        medians |= proofs(Path(directory), options.log)
    if options.json:
        print(json.dumps(medians))
    else:
        for name, value in medians.items():
            print(f"{name:42} {value:14,.3f}")


def plain(directory: Path, batch: Sequence[bytes], count: int) -> dict[str, float]:
    """Append the same bytes to one file, with a sync after as many batches as the ledger syncs together."""
    data = b"".join(len(entry).to_bytes(2, "big") + entry for entry in batch)
    file = os.open(directory / "plain", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    start = time.perf_counter()
    for _ in range(-(-count // WINDOW)):
        os.write(file, data * WINDOW)
        os.fsync(file)
    took = time.perf_counter() - start
    os.close(file)
    return {"plain file, entries/s": count * len(batch) / took}


def ledger(directory: Path, batch: Sequence[bytes], count: int) -> dict[str, float]:
    """Append batches, `WINDOW` of them on their way; count until all are acknowledged, and until all are published."""
    log = Ledger(directory / "ledger" / "log", "bench.example/ledger", SystemClock())
    log.open()
    waits: list[float] = []
    running: list[tuple[float, Future[range]]] = []
    processor = time.process_time()
    start = time.perf_counter()
    for _ in range(count):
        if len(running) == WINDOW:
            sent, done = running.pop(0)
            done.result()
            waits.append(time.perf_counter() - sent)
        running.append((time.perf_counter(), log.submit(batch)))
    for _, done in running:
        done.result()
    acknowledged = time.perf_counter() - start
    while not log.settle(600):
        pass
    published = time.perf_counter() - start
    processor = time.process_time() - processor
    log.close()
    total = count * len(batch)
    return {
        "ledger, acknowledged entries/s": total / acknowledged,
        "ledger, published entries/s": total / published,
        "ledger, µs of processor an entry": processor / total * 1e6,
        "ledger, wait of a batch p50 ms": statistics.median(waits) * 1000,
        "ledger, wait of a batch p99 ms": statistics.quantiles(waits, n=100)[98] * 1000,
    }


def proofs(directory: Path, size: int) -> dict[str, float]:
    """Prove entries at random in a log of `size`, of which only the hash tiles are written."""
    chance = random.Random(2)
    levels: tuple[bytes, ...] = ()
    step = 256 * WIDTH
    for at in range(0, size, step):
        levels, tiles = climb(levels, at, chance.randbytes(min(step, size - at) * HASH_BYTES))
        for tile, data in tiles:
            # Of tiles that aren't full only the last ones of a level are of the whole log.
            if tile.width == WIDTH or tile == tile_at(tile.level, tile.number, size):
                write(directory / tile.path, data)
    root = b""
    for hashes in levels:
        root = fold(hashes + root) if hashes else root

    def fetch(tile: Tile) -> bytes:
        return (directory / tile.path).read_bytes()

    kept = nodes(fetch, size)
    waits: dict[str, list[float]] = {"first proof of a process": [], "proof": []}
    for _ in range(2000):
        index = chance.randrange(size)
        for name, several in waits.items():
            node = kept if name == "proof" else nodes(fetch, size)
            start = time.perf_counter()
            proof = inclusion(node, index, size)
            several.append(time.perf_counter() - start)
        at = index % WIDTH * HASH_BYTES
        leaf = fetch(tile_at(0, index // WIDTH, size))[at : at + HASH_BYTES]
        check_inclusion(leaf, index, root, size, proof)
    return {
        f"{name}, p{at + 1} ms": statistics.quantiles(several, n=100)[at] * 1000
        for name, several in waits.items()
        for at in (49, 98)
    }


def write(path: Path, data: bytes) -> None:
    """Write a file, and its directory if that isn't there."""
    try:
        path.write_bytes(data)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main()
