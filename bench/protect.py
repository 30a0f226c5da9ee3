"""What protection finds and what it costs: recall and precision a kind, lines a second on one core."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import corpus
import numpy as np
import pyarrow as pa
from prometheus_client import CollectorRegistry
from protection import holdout, tuned
from protection.lines import Line

from wardlight.config import Protect
from wardlight.protect.keys import Keys
from wardlight.protect.known import Known
from wardlight.protect.protector import Protector
from wardlight.records import Decoded

PAGE = Path(__file__).parent.parent / "docs" / "protection.md"
BEGIN, END = "<!-- figures: script/bench protect --write -->", "<!-- end of figures -->"
BATCH = 4000

Scores = dict[str, tuple[int, int, int, int]]
"""Kind: identifiers there were, of those removed, removals of the kind, of those right."""


def main() -> None:
    """Measure, print, and with --write put the table into the documentation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--missed", type=int, default=0, metavar="N", help="show N lines of each kind of mistake")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="rewrite the figures of docs/protection.md")
    parser.add_argument("--no-speed", action="store_true")
    options = parser.parse_args()
    protector = Protector(Protect(), Keys.new(), Known(Keys.new()), CollectorRegistry())
    quality = {
        name: score(protector, made.lines(options.lines, options.seed), options.missed)
        for name, made in (("tuned", tuned), ("held out", holdout))
    }
    speed = {} if options.no_speed else speeds(protector)
    if options.json:
        print(json.dumps({"quality": quality, "lines_a_second": speed}))
        return
    text = page(quality, speed, options.lines)
    print(text)
    if options.write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


def score(protector: Protector, lines: Iterable[Line], show: int) -> Scores:
    """Compare what is found with the labels; an identifier is removed if nothing telling of it is left."""
    there: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    claimed: Counter[str] = Counter()
    right: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    for line in lines:
        found = [
            (len(line.text.encode()[:start].decode()), len(line.text.encode()[:end].decode()), kind)
            for start, end, kind in protector.find(line.text.encode())
        ]
        covered = np.zeros(len(line.text) + 1, bool)
        for start, end, kind in found:
            covered[start:end] = True
            claimed[kind] += 1
            good = any(start < label[1] and label[0] < end for label in line.labels)
            right[kind] += good
            if not good and shown["+" + kind] < show:
                shown["+" + kind] += 1
                print(f"wrong {kind} {line.text[start:end]!r} in {line.text!r}")
        for start, end, kind in line.labels:
            there[kind] += 1
            whole = all(covered[at] for at in range(start, end) if line.text[at].isalnum())
            caught[kind] += whole
            if not whole and shown["-" + kind] < show:
                shown["-" + kind] += 1
                print(f"missed {kind} {line.text[start:end]!r} in {line.text!r} {found}")
    return {kind: (there[kind], caught[kind], claimed[kind], right[kind]) for kind in sorted({*there, *claimed})}


def speeds(protector: Protector) -> dict[str, float]:
    """Lines a second of processor time, for bodies alone and for records with six attributes."""
    clean = next(corpus.records(BATCH * 5, chunk=BATCH * 5))
    bodies = [line.text for line in tuned.lines(20_000, 1) if line.labels]
    column = clean["body"].to_pylist()
    fifth = [bodies[at % len(bodies)] if at % 5 == 0 else text for at, text in enumerate(column)]
    bare = pa.MapArray.from_arrays(
        pa.array(np.zeros(len(clean) + 1, np.int32)), clean["attributes"].keys.slice(0, 0), clean["attributes"].items.slice(0, 0)
    )  # fmt: skip
    cases = {
        "nothing in them, body alone": _with(clean, column, bare),
        "nothing in them, six attributes": clean,
        "one in five has, body alone": _with(clean, fifth, bare),
        "one in five has, six attributes": _with(clean, fifth, clean["attributes"]),
    }
    return {name: _speed(protector, Decoded(batch)) for name, batch in cases.items()}


def _with(batch: pa.RecordBatch, bodies: list[str], attributes: pa.MapArray) -> pa.RecordBatch:
    columns = {name: batch[name] for name in batch.schema.names}
    columns |= {"body": pa.array(bodies, pa.string()), "attributes": attributes}
    return pa.record_batch(list(columns.values()), schema=batch.schema)


def _speed(protector: Protector, batch: Decoded, runs: int = 7) -> float:
    best = float("inf")
    for _ in range(runs):
        begin = time.process_time()
        for at in range(0, batch.num_rows, BATCH):
            protector.protect(Decoded(batch.slice(at, BATCH)))
        best = min(best, time.process_time() - begin)
    return batch.num_rows / best


def page(quality: dict[str, Scores], speed: dict[str, float], count: int) -> str:
    """Write the figures as tables."""
    rows = [
        f"{count:,} lines of each corpus. Recall: identifiers gone to the last letter; precision: removals that were right.",
        "",
        "| kind | " + " | ".join(f"recall, {name} | precision, {name} | of" for name in quality) + " |",
        "|---" * (1 + 3 * len(quality)) + "|",
    ]
    for kind in sorted({kind for scores in quality.values() for kind in scores}):
        cells = []
        for scores in quality.values():
            there, caught, claimed, right = scores.get(kind, (0, 0, 0, 0))
            cells += [_percent(caught, there), _percent(right, claimed), f"{there:,}"]
        rows.append(f"| {kind} | {' | '.join(cells)} |")
    if speed:
        rows += ["", "| lines | a second on one core |", "|---|---|"]
        rows += [f"| {name} | {value:,.0f} |" for name, value in speed.items()]
    return "\n".join(rows)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "–"


if __name__ == "__main__":
    main()
