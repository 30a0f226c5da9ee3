"""How fast the ledger is projected, what an audit event costs on disk, and how long questions to six years of them take.

The six years are made as Arrow batches and inserted past the ledger: reading accesses as the SDK sends them, 50,000
patients, 2,000 users, evenly spread. `--keep` makes the store once, month by month, and goes on where it was left.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from prometheus_client import CollectorRegistry

from wardlight.audit import table
from wardlight.audit.asked import asked
from wardlight.audit.event import Entry, decode, encode
from wardlight.audit.projection import Projection
from wardlight.audit.search import Search
from wardlight.clock import SystemClock
from wardlight.config import Query
from wardlight.ledger import Ledger
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.months import months

PATIENTS, USERS, MONTHS = 50_000, 2_000, 72
START = np.datetime64("2020-01")
BATCH = 250_000
MOST = 10_000_000


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000, help="events of the six years")
    parser.add_argument("--project", type=int, default=200_000, help="entries of the ledger that is projected")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--keep", type=Path, help="directory of a store to make once and use again")
    parser.add_argument("--fill-only", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        store = EmbeddedStore(options.keep or Path(passing))
        try:
            fill(store, options.events)
            if not options.fill_only:
                settle(store)
            figures = {} if options.fill_only else answered(store, options.runs)
        finally:
            store.close()
    if options.project and not options.fill_only:
        with tempfile.TemporaryDirectory() as passing:
            figures |= projected(Path(passing), options.project)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:52} {value:12.2f}")


def fill(store: EmbeddedStore, events: int) -> None:
    """Insert the months that the store doesn't have."""
    each = events // MONTHS
    have = {month.partition: month.events for month in months(store)}
    due = [
        (START + np.timedelta64(number, "M"), number * MOST + first, min(BATCH, each - first))
        for number in range(MONTHS)
        for first in range(have.get(str(START + np.timedelta64(number, "M")).replace("-", ""), 0), each, BATCH)
    ]
    with ThreadPoolExecutor(1) as maker:
        coming = [maker.submit(batch, *one) for one in due[:1]]
        for at, (month, *_) in enumerate(due, 1):
            rows = coming.pop().result()
            coming += [maker.submit(batch, *one) for one in due[at : at + 1]]
            store.insert([rows], table="audit")
            print(f"\r{month}", end="", file=sys.stderr)
    print(file=sys.stderr)


def settle(store: EmbeddedStore) -> None:
    """Make one part of each month, as the engine does a day after its last event."""
    for month in months(store):
        if month.parts > 1:
            store.manage(f"OPTIMIZE TABLE audit PARTITION {month.partition} FINAL")


def batch(month: np.datetime64, first: int, count: int) -> pa.RecordBatch:
    """Make events of a month, as `table.batch` would of their entries."""
    chance = np.random.default_rng(first)
    begin, end = (one.astype("datetime64[ns]").astype(np.int64) for one in (month, month + np.timedelta64(1, "M")))
    at = np.sort(chance.integers(begin, end, count))
    patient = words("pat-", chance.integers(0, PATIENTS, count))
    user = words("user-", chance.integers(0, USERS, count))
    record = words("obs-", chance.integers(0, PATIENTS * 40, count))
    address = words("10.20.30.", chance.integers(1, 255, count))
    purpose = pc.if_else(pa.array(chance.random(count) < 0.0005), "ETREAT", "TREAT")
    key = pc.binary_join_element_wise(
        words("", np.arange(first, first + count) // 50), words("-", np.full(count, first)), ""
    )
    reference = pc.binary_join_element_wise("Observation/", record, "")
    columns = {
        "idx": pa.array(np.arange(first, first + count), pa.uint64()),
        "recorded": times(at), "received": times(at + 20_000_000), "patient": patient, "patients": lists(patient),
        "user": user, "users": lists(user), "purposes": lists(purpose), "record": record, "addresses": lists(address),
        "agents": lists(user), "entities": lists(patient, reference, record), "key": key,
        "at": pa.array(np.arange(first, first + count) % 50, pa.uint32()),
        "entry": written(at, patient=patient, user=user, address=address, purpose=purpose, record=record, key=key),
    }  # fmt: skip
    like = table.batch([(0, model())])
    arrays = [
        columns[name] if name in columns else like[name].take(pa.array(np.zeros(count, np.int32)))
        for name in table.SCHEMA.names
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=table.SCHEMA)


def model() -> Entry:
    """Return an entry with a mark in each place that differs between events."""
    return decode(
        b'{"received":1577836800000000001,"format":"log","event":{"recorded":1577836800000000000,"type":[{"coding":[{"system":'
        b'"http://dicom.nema.org/resources/ontology/DCM","code":"110110","display":"Patient Record"}]}],"subtype":['
        b'{"coding":[{"system":"http://hl7.org/fhir/restful-interaction","code":"read"}]}],"action":"R","outcome":"0",'
        b'"purpose":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"@purpose"}]}],'
        b'"agent":[{"who":{"identifier":{"value":"@user"}},"requestor":true,"network":"@address","network_type":"2",'
        b'"role":[{"text":"nurse"}]}],"source":{"observer":{"display":"ehr"}},"entity":[{"what":{"identifier":{"value":'
        b'"@patient"}},"type":{"system":"http://terminology.hl7.org/CodeSystem/audit-entity-type","code":"1"},"role":'
        b'{"system":"http://terminology.hl7.org/CodeSystem/object-role","code":"1"}},{"what":{"reference":'
        b'"Observation/@record"},"type":{"system":"http://terminology.hl7.org/CodeSystem/audit-entity-type","code":"2"},'
        b'"role":{"system":"http://terminology.hl7.org/CodeSystem/object-role","code":"4"}}]},'
        b'"stream":"{\\"service_name\\":\\"ehr\\"}","key":"@key"}'
    )


def written(at: np.ndarray, **given: pa.Array) -> pa.Array:
    """Fill the model's marks."""
    text = encode(model()).decode()
    text = text.replace("1577836800000000001", "@received").replace("1577836800000000000", "@recorded")
    given |= {"received": words("", at + 20_000_000), "recorded": words("", at)}
    pieces: list[pa.Array | str] = []
    while text:
        before, mark, text = text.partition("@")
        pieces.append(before)
        if mark:
            name = max((one for one in given if text.startswith(one)), key=len)
            pieces.append(given[name])
            text = text.removeprefix(name)
    return pc.binary_join_element_wise(*pieces, "")


def words(prefix: str, numbers: np.ndarray) -> pa.Array:
    """Write numbers as words."""
    return pc.binary_join_element_wise(prefix, pc.cast(pa.array(numbers), pa.string()), "")


def times(at: np.ndarray) -> pa.Array:
    """Write nanoseconds since 1970 as times."""
    return pa.array(at).cast(pa.timestamp("ns", tz="UTC"))


def lists(*columns: pa.Array) -> pa.Array:
    """Make a column of lists of equal length."""
    count, width = len(columns[0]), len(columns)
    order = np.arange(count * width).reshape(width, count).T.ravel()
    values = pa.concat_arrays(columns).take(pa.array(order)) if width > 1 else columns[0]
    return pa.ListArray.from_arrays(pa.array(np.arange(0, count * width + 1, width, dtype=np.int32)), values)


def answered(store: EmbeddedStore, runs: int) -> dict[str, float]:
    """Ask each question for a page `runs` times in turn, each time of somebody else, as the API does."""
    found = months(store)
    events = sum(month.events for month in found)
    search = Search(store, Query())
    times_: dict[str, list[float]] = {}
    for run in range(runs):
        for name, given in questions(run).items():
            start = time.perf_counter()
            search.page(asked(**NOTHING | given))
            times_.setdefault(name, []).append((time.perf_counter() - start) * 1000)
    figures = {"events": float(events), "bytes an event, table audit": sum(one.bytes for one in found) / events}
    return figures | {f"{name}, ms": statistics.median(spent) for name, spent in times_.items()}


NOTHING: dict[str, Any] = {
    "patient": "", "user": "", "record": "", "break_glass": False, "disclosures": False, "since": "", "until": "",
    "limit": 100, "after": "",
}  # fmt: skip


def questions(run: int) -> dict[str, dict[str, Any]]:
    """Name what is asked: parameters as of `/api/v1/audit`."""
    return {
        "one patient's six years, newest 100": {"patient": f"pat-{run * 997}"},
        "one patient's six years, up to 2,500": {"patient": f"pat-{run * 991 + 1}", "limit": 2500},
        "one user, newest 100": {"user": f"user-{run * 97}"},
        "break the glass, newest 100": {"break_glass": True},
        "one record's history, newest 100": {"record": f"Observation/obs-{run * 1009 + 5}"},
    }


def projected(directory: Path, count: int) -> dict[str, float]:
    """Append entries to a ledger, then project all of them."""
    ledger = Ledger(directory / "ledger" / "log", "bench.example/ledger", SystemClock())
    entries = [text.encode() for text in made(count)]
    for first in range(0, count, 20_000):
        ledger.append([ledger.entry(one, bytes(16)) for one in entries[first : first + 20_000]])
        ledger.settle(60)
    store = EmbeddedStore(directory / "logs")
    projection = Projection(ledger, store, CollectorRegistry())
    processor, start = time.process_time(), time.perf_counter()
    projection.start()
    while not projection.settle(600):
        pass
    took, processor = time.perf_counter() - start, time.process_time() - processor
    projection.close()
    numbered: Sequence[tuple[int, Entry]] = [(at, decode(one)) for at, one in enumerate(entries[:20_000])]
    rows = time.process_time()
    table.batch(numbered)
    rows = time.process_time() - rows
    store.close()
    ledger.close()
    return {
        "projection, entries/s": count / took,
        "projection, µs of processor an entry": processor / count * 1e6,
        "of them making rows of table audit, µs": rows / len(numbered) * 1e6,
    }


def made(count: int) -> Iterator[str]:
    """Make entries of the last month."""
    for first in range(0, count, BATCH):
        yield from batch(START + MONTHS - 1, first, min(BATCH, count - first))["entry"].to_pylist()


if __name__ == "__main__":
    main()
