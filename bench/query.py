"""How long LogQL takes on ten million entries, and how much of it is the engine's own time for the same SQL."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import corpus
import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from wardlight.access.principal import Principal
from wardlight.access.roles import RIGHTS, SIGHTS, Role
from wardlight.api import loki
from wardlight.clock import ManualClock
from wardlight.config import Query
from wardlight.protect.keys import Keys
from wardlight.query import QueryService
from wardlight.records import Decoded
from wardlight.store import Limits
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.params import Param

DAY = 86_400 * 10**9
HOUR = 3600 * 10**9
MINUTE = 60 * 10**9


class Recording:
    """A store that notes what it is asked and how long the engine takes."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store
        self.asked: list[tuple[str, Mapping[str, Param] | None, float]] = []

    def select(self, sql: str, params: Mapping[str, Param] | None = None, **options: Any) -> Any:
        """Ask the engine."""
        start = time.perf_counter()
        found = self.store.select(sql, params, **options)
        self.asked.append((sql, params, time.perf_counter() - start))
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="directory of a store to make once and use again")
    parser.add_argument("--role", type=Role, default=Role.AUDITOR, choices=Role, help="who asks")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        directory = options.keep or Path(passing)
        fresh = not (directory / "data").exists()
        store = EmbeddedStore(directory)
        try:
            if fresh:
                fill(store, options.records)
            rows = asyncio.run(measure(store, options.runs, options.role))
        finally:
            store.close()
    if options.json:
        print(json.dumps(rows))
        return
    print(f"{'query':34}{'answer ms':>11}{'engine ms':>11}{'ours ms':>9}{'ours %':>8}{'MB read':>9}")
    for row in rows:
        print(
            f"{row['name']:34}{row['answer_ms']:11.1f}{row['engine_ms']:11.1f}{row['ours_ms']:9.1f}"
            f"{row['ours_percent']:8.0f}{row['read_mb']:9.1f}"
        )


def fill(store: EmbeddedStore, records: int) -> None:
    """Write the corpus over a day, and let merges come to rest."""
    print(f"writing {records:,} records …", file=sys.stderr)
    lot: list[Decoded] = []
    for batch in corpus.records(records, span_ns=DAY):
        lot.append(batch)
        if len(lot) == 6:
            store.insert(lot)
            lot = []
    if lot:
        store.insert(lot)
    while store.select("SELECT count() AS n FROM system.merges")["n"][0].as_py():
        time.sleep(0.5)


class Gate:
    """Says who asks."""

    def __init__(self, app: ASGIApp, role: Role) -> None:
        self._app = app
        self._asker = Principal(name="bench", rights=RIGHTS[role], sight=SIGHTS[role], way="session")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let everything through."""
        scope["wardlight.principal"] = self._asker
        await self._app(scope, receive, send)


async def measure(store: EmbeddedStore, runs: int, role: Role) -> list[dict[str, Any]]:
    """Ask each question `runs` times in turn, through the API; return medians."""
    recording = Recording(store)
    app = FastAPI()
    service = QueryService(recording, Query(), ManualClock(corpus.START + DAY), Keys.new)  # type: ignore[arg-type]
    app.include_router(loki.router(service))
    times: dict[str, list[tuple[float, float]]] = {}
    read: dict[str, float] = {}
    transport = httpx.ASGITransport(Gate(app, role))  # type: ignore[arg-type]
    questions = asked(*needle(store))
    async with httpx.AsyncClient(transport=transport, base_url="http://bench", timeout=120) as client:
        for _ in range(runs):
            for name, path, params in questions:
                recording.asked.clear()
                start = time.perf_counter()
                answer = await client.get(path, params=params)
                took = time.perf_counter() - start
                if answer.status_code != 200:
                    sys.exit(f"{name}: {answer.status_code} {answer.text}")
                times.setdefault(name, []).append((took, sum(seconds for *_, seconds in recording.asked)))
                if name not in read:
                    read[name] = bytes_read(store, recording.asked)
    return [row(name, times[name], read[name]) for name, _, _ in questions]


def row(name: str, times: Sequence[tuple[float, float]], read: float) -> dict[str, Any]:
    """Make a line of the table from the runs of one question."""
    answer = statistics.median(total for total, _ in times) * 1000
    engine = statistics.median(inside for _, inside in times) * 1000
    ours = statistics.median(total - inside for total, inside in times) * 1000
    percent = 100 * ours / engine if engine else 0.0
    return {
        "name": name, "answer_ms": answer, "engine_ms": engine, "ours_ms": ours, "ours_percent": percent,
        "read_mb": read / 1e6,
    }  # fmt: skip


def needle(store: EmbeddedStore) -> tuple[str, str]:
    """Find a word that stands in one line only, and a patient."""
    plain = "SELECT body FROM logs WHERE kind = 'application' LIMIT 1 OFFSET 5"
    body = store.select(plain, limits=Limits())["body"][0].as_py()
    patient = store.select("SELECT patient_id FROM logs WHERE patient_id != '' LIMIT 1", limits=Limits())
    return body.rsplit(" ", 1)[1], patient["patient_id"][0].as_py()


def asked(word: str, patient: str) -> list[tuple[str, str, dict[str, str]]]:
    """List the questions: name, path, parameters."""
    end = corpus.START + DAY
    day = {"start": str(corpus.START), "end": str(end)}
    hour = {"start": str(end - HOUR), "end": str(end)}
    ranged = "/loki/api/v1/query_range"
    return [
        ("a rare token, a day", ranged, day | {"query": f'{{service_name=~".+"}} |= "{word}"'}),
        ("newest 100, all", ranged, day | {"query": '{service_name=~".+"}', "limit": "100"}),
        ("newest 100 of a service", ranged, day | {"query": '{service_name="billing"}', "limit": "100"}),
        (
            "count a minute by level, an hour", ranged,
            hour | {"query": 'sum by (level) (count_over_time({service_name=~".+"}[1m]))', "step": "60"},
        ),
        (
            "topk of rates by service, a day", ranged,
            day | {"query": 'topk(10, sum by (service_name) (rate({service_name=~".+"}[5m])))', "step": "300"},
        ),
        (
            "a regex over an hour", ranged,
            hour | {"query": '{service_name=~".+"} |~ "plan .* took [0-9]{4,} ms"', "limit": "100"},
        ),
        ("one patient", ranged, day | {"query": f'{{service_name=~".+"}} | health_patient_id="{patient}"', "limit": "100"}),
        (
            "patients of a service, an hour", ranged,
            hour | {
                "query": 'topk(5, sum by (health_patient_id) (count_over_time({service_name="billing"}[1h])))', "step": "3600",
            },
        ),
        ("label names, a day", "/loki/api/v1/labels", day),
        ("label values, a day", "/loki/api/v1/label/service_name/values", day),
    ]  # fmt: skip


def bytes_read(store: EmbeddedStore, statements: Sequence[tuple[str, Mapping[str, Param] | None, float]]) -> float:
    """Ask the engine what the same statements read, uncompressed."""
    from chdb.session import Session

    from wardlight.store.params import bind

    session = Session(store._address)  # noqa: SLF001 -- the engine's own figures aren't in the answer
    try:
        total = 0
        for sql, params, _ in statements:
            bound = {name: bind(value) for name, value in (params or {}).items()}
            total += session.query(sql, "Null", params=bound).storage_bytes_read()
        return float(total)
    finally:
        session.close()


if __name__ == "__main__":
    main()
