"""How fast gzipped OTLP goes in, durably, and what the engine alone takes on the same machine."""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import corpus
import httpx
import psutil
import pyarrow as pa
from prometheus_client import CollectorRegistry

from wardlight.config import Protect
from wardlight.protect.keys import Keys
from wardlight.protect.known import Known
from wardlight.protect.protector import Protector

REQUEST = 500
"""Records of one request."""


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="length of the saturated run")
    parser.add_argument("--records", type=int, default=400_000, help="different records to send, again and again")
    parser.add_argument("--runs", type=int, default=3, help="interleaved runs of which the median is told")
    parser.add_argument("--no-text-index", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    print(f"making {options.records:,} records …", file=sys.stderr)
    payloads = make_payloads(options.records, audit=False)
    accesses = make_payloads(options.records // 4, audit=True)
    results: dict[str, list[float]] = {}
    for _ in range(options.runs):
        for name, value in one_run(payloads, accesses, options.seconds, text_index=not options.no_text_index).items():
            results.setdefault(name, []).append(value)
    medians = {name: statistics.median(values) for name, values in results.items()}
    medians["of the engine alone"] = medians["records/s"] / medians["engine alone, records/s"]
    if options.json:
        print(json.dumps(medians))
    else:
        for name, value in medians.items():
            print(f"{name:36} {value:14,.2f}")


def one_run(payloads: list[bytes], accesses: list[bytes], seconds: float, *, text_index: bool) -> dict[str, float]:
    """Measure the server at saturation, at half of that, and with record accesses; then the engine alone."""
    with tempfile.TemporaryDirectory() as directory, server(Path(directory), text_index=text_index) as (url, process):
        before = sum(process.cpu_times()[:2])
        full = load(url, payloads, seconds, rate=0)
        late = settled(url)
        cpu = sum(process.cpu_times()[:2]) - before
        peak = most_memory(process)
        half = load(url, payloads, seconds / 3, rate=full["records/s"] / 2)
        memory = process.memory_info().rss / 1e6
        audited = load(url, accesses, seconds / 3, rate=0)
    alone = engine_alone(seconds / 3, text_index=text_index)
    return peers(payloads, seconds / 3) | {
        "records/s": full["records/s"],
        "records/s, until the engine has all": full["records"] / (seconds + late),
        "server, µs of processor a record": cpu / full["records"] * 1e6,
        "of it protection, µs": protection(),
        "refused with 429": full["refused"],
        "at saturation, ack p50 ms": full["p50"],
        "at saturation, ack p99 ms": full["p99"],
        "at half load, ack p50 ms": half["p50"],
        "at half load, ack p99 ms": half["p99"],
        "at saturation, most memory MB": peak,
        "memory MB": memory,
        "with 7 % record accesses, records/s": audited["records/s"],
        "engine alone, records/s": alone,
    }


def protection() -> float:
    """Protect the corpus as the sink does, in lots of 32 requests; return µs of processor a record."""
    keys = Keys.new()
    protector = Protector(Protect(), keys, Known(keys), CollectorRegistry())
    rows, spent = 0, 0.0
    for batch in corpus.records(200_000, audit=False, chunk=32 * REQUEST):
        before = time.process_time()
        protector.protect(batch)
        spent += time.process_time() - before
        rows += batch.num_rows
    return spent / rows * 1e6


def peers(payloads: list[bytes], seconds: float) -> dict[str, float]:
    """Give the same load to what else is on PATH, each with its own way of being durable."""
    found: dict[str, float] = {}
    for name, path, command in (
        ("victoria-logs", "/insert/opentelemetry/v1/logs",
         ["victoria-logs", "-httpListenAddr=127.0.0.1:{port}", "-storageDataPath={data}", "-retentionPeriod=100y"]),
        ("loki", "/otlp/v1/logs",
         ["loki", "-config.file={data}/loki.yml"]),
    ):  # fmt: skip
        if not shutil.which(name) or (name == "loki" and not is_loki()):
            continue
        with tempfile.TemporaryDirectory() as directory:
            port = free_port()
            (Path(directory) / "loki.yml").write_text(LOKI.format(port=port, data=directory))
            child = subprocess.Popen(
                [part.format(port=port, data=directory) for part in command],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                url = f"http://127.0.0.1:{port}"
                wait_for(f"{url}/ready" if name == "loki" else f"{url}/health")
                full = load(url, payloads, seconds, rate=0, path=path)
                used = psutil.Process(child.pid)
                found[f"{name}, records/s"] = full["records/s"]
                found[f"{name}, µs of processor a record"] = sum(used.cpu_times()[:2]) / full["records"] * 1e6
                found[f"{name}, ack p50 ms"] = full["p50"]
                found[f"{name}, memory MB"] = used.memory_info().rss / 1e6
            finally:
                child.terminate()
                child.wait(60)
    return found


LOKI = """
auth_enabled: false
server:
  {{http_listen_address: 127.0.0.1, http_listen_port: {port}, grpc_listen_address: 127.0.0.1, grpc_listen_port: 0}}
common:
  path_prefix: {data}
  replication_factor: 1
  ring: {{kvstore: {{store: inmemory}}}}
  storage: {{filesystem: {{chunks_directory: {data}/chunks, rules_directory: {data}/rules}}}}
schema_config:
  configs:
    - {{from: "2020-01-01", store: tsdb, object_store: filesystem, schema: v13, index: {{prefix: index_, period: 24h}}}}
limits_config:
  {{reject_old_samples: false, ingestion_rate_mb: 10000, ingestion_burst_size_mb: 10000,
   per_stream_rate_limit: 10GB, per_stream_rate_limit_burst: 10GB}}
"""


def is_loki() -> bool:
    """Tell Grafana's Loki from other programs of that name."""
    said = subprocess.run(["loki", "--version"], check=False, capture_output=True, text=True)
    return "loki, version" in said.stdout


def free_port() -> int:
    """Find a port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str) -> None:
    """Wait up to 30 s until a server answers 2xx."""
    for _ in range(300):
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    sys.exit(f"{url} doesn't answer")


def make_payloads(records: int, *, audit: bool) -> list[bytes]:
    """Write the corpus as gzipped OTLP requests, on all cores."""
    batches = corpus.records(records, audit=audit)
    parts = [batch.slice(at, REQUEST) for batch in batches for at in range(0, batch.num_rows, REQUEST)]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        return pool.map(corpus.gzipped, parts, chunksize=20)


@contextmanager
def server(data: Path, *, text_index: bool) -> Iterator[tuple[str, psutil.Process]]:
    """Run a server of its own on a free port."""
    port = free_port()
    environment = os.environ | {"WARDLIGHT_STORE_TEXT_INDEX": str(text_index).lower()}
    command = [sys.executable, "-m", "wardlight", "serve", "--open", "--data", str(data)]
    command += ["--listen", f"127.0.0.1:{port}"]
    child = subprocess.Popen(command, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/readyz")
        yield url, psutil.Process(child.pid)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)


def settled(url: str) -> float:
    """Wait until no record waits for the engine: what is queued at the end costs processor time too. Return seconds."""
    start = time.perf_counter()
    while time.perf_counter() - start < 60:
        waiting = re.search(r"^wardlight_receive_queue_bytes (\S+)$", httpx.get(f"{url}/metrics").text, re.MULTILINE)
        if waiting and float(waiting[1]) == 0:
            break
        time.sleep(0.05)
    return time.perf_counter() - start


def most_memory(process: psutil.Process) -> float:
    """Return the most that a process ever held, in MB; on systems without /proc what it holds now."""
    status = Path(f"/proc/{process.pid}/status")
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text() if status.exists() else "", re.MULTILINE)
    return int(peak[1]) * 1024 / 1e6 if peak else process.memory_info().rss / 1e6


def load(url: str, payloads: list[bytes], seconds: float, rate: float, path: str = "/v1/logs") -> dict[str, float]:
    """Send from another process; `rate` in records a second, 0 for as fast as it goes."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    sender = context.Process(target=_send, args=(url + path, payloads, seconds, rate, sending))
    sender.start()
    result: dict[str, float] = receiving.recv()
    sender.join()
    return result


def _send(url: str, payloads: list[bytes], seconds: float, rate: float, pipe: object) -> None:
    """Send with 16 connections by bare sockets, so that the sender costs little of the two cores."""
    result = asyncio.run(_send_all(url, payloads, seconds, rate))
    pipe.send(result)  # type: ignore[attr-defined]


async def _send_all(url: str, payloads: list[bytes], seconds: float, rate: float) -> dict[str, float]:
    address, _, path = url.removeprefix("http://").partition("/")
    host, port = address.split(":")
    waits: list[float] = []
    counts = {"sent": 0, "refused": 0}
    start = time.perf_counter()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while (now := time.perf_counter() - start) < seconds:
            at = counts["sent"]
            counts["sent"] += 1
            if rate:
                due = at * REQUEST / rate
                if due > now:
                    await asyncio.sleep(due - now)
            body = payloads[at % len(payloads)]
            # A key of its own for each, because the same records come again and again.
            head = (
                f"POST /{path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-protobuf\r\n"
                "Content-Encoding: gzip\r\n"
                f"Idempotency-Key: {at}-{rate}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            before = time.perf_counter()
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            if b"content-length: " in answer:
                await reader.readexactly(int(answer.split(b"content-length: ")[1].split(b"\r\n")[0]))
            if answer[9:10] == b"2":
                waits.append(time.perf_counter() - before)
            else:
                counts["refused"] += 1
                await asyncio.sleep(0.05)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(16)))
    took = time.perf_counter() - start
    waits.sort()
    return {
        "records": float(len(waits) * REQUEST),
        "records/s": len(waits) * REQUEST / took,
        "refused": float(counts["refused"]),
        "p50": waits[len(waits) // 2] * 1000,
        "p99": waits[int(len(waits) * 0.99)] * 1000,
    }


def engine_alone(seconds: float, *, text_index: bool) -> float:
    """Feed the engine the same columns in inserts of the journal's size, fsynced; return records a second."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=_engine_alone, args=(seconds, text_index, sending))
    child.start()
    rate: float = receiving.recv()
    child.join()
    return rate


def _engine_alone(seconds: float, text_index: bool, pipe: object) -> None:
    from wardlight.store.embedded import EmbeddedStore

    batches = list(corpus.records(400_000, audit=False))
    with tempfile.TemporaryDirectory() as directory:
        store = EmbeddedStore(Path(directory), text_index=text_index)
        rows, start, at = 0, time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            lot = [batches[(at + n) % len(batches)] for n in range(2)]
            at += 2
            store.insert(lot)
            rows += sum(batch.num_rows for batch in lot)
        rate = rows / (time.perf_counter() - start)
        store.close()
    pipe.send(rate)  # type: ignore[attr-defined]


if __name__ == "__main__":
    pa.set_cpu_count(2)
    main()
