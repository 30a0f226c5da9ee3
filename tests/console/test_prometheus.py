"""The questions to Prometheus, asked of a real one that scrapes a made-up platform."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import yaml

from wardlight.console.prometheus import FACTS, POINTS, TRENDS, Readings, readings
from wardlight.console.snapshot import Metrics, metrics_of

PROMETHEUS = shutil.which("prometheus")

METRICS = {
    "node": """
node_uname_info{{nodename="ward-3"}} 1
node_boot_time_seconds 1767225600
node_cpu_seconds_total{{cpu="0",mode="idle"}} {half}
node_cpu_seconds_total{{cpu="0",mode="user"}} {half}
node_load1 0.5
node_memory_MemAvailable_bytes 4e9
node_memory_MemTotal_bytes 16e9
node_filesystem_avail_bytes{{mountpoint="/",fstype="ext4"}} 80
node_filesystem_size_bytes{{mountpoint="/",fstype="ext4"}} 100
node_filesystem_avail_bytes{{mountpoint="/srv",fstype="ext4"}} 10
node_filesystem_size_bytes{{mountpoint="/srv",fstype="ext4"}} 100
node_filesystem_avail_bytes{{mountpoint="/run",fstype="tmpfs"}} 0
node_filesystem_size_bytes{{mountpoint="/run",fstype="tmpfs"}} 100
node_filesystem_avail_bytes{{mountpoint="/none",fstype="ext4"}} 0
node_filesystem_size_bytes{{mountpoint="/none",fstype="ext4"}} 0
node_network_receive_bytes_total{{device="eth0"}} {count}
node_network_receive_bytes_total{{device="lo"}} {many}
node_network_transmit_bytes_total{{device="eth0"}} {count}
""",
    "postgres": """
pg_up 1
wardlight_pg_connections_used 12
wardlight_pg_connections_max 100
wardlight_pg_transactions_longest_seconds 3.5
wardlight_pg_blocked_sessions 2
pg_stat_database_xact_commit{{datname="clinic"}} {many}
pg_stat_database_xact_rollback{{datname="clinic"}} 0
pg_stat_database_blks_hit{{datname="clinic"}} {many}
pg_stat_database_blks_read{{datname="clinic"}} {count}
pg_database_size_bytes{{datname="clinic"}} 1e6
""",
    "application": """
http_server_request_duration_seconds_count{{http_response_status_code="200"}} {many}
http_server_request_duration_seconds_count{{http_response_status_code="500"}} {many}
http_server_request_duration_seconds_bucket{{http_response_status_code="200",le="0.1"}} {many}
http_server_request_duration_seconds_bucket{{http_response_status_code="200",le="+Inf"}} {many}
app_logins_total{{outcome="success"}} {many}
app_logins_total{{outcome="failure"}} {many}
app_sessions_active 9
app_users_active 7
app_feature_uses_total{{feature="chart"}} {many}
app_feature_uses_total{{feature="booking"}} 1
app_record_accesses_total{{record_type="Patient",action="R",outcome="success"}} {many}
app_errors_total{{type="ValueError"}} {many}
""",
    "canary": "probe_success 0\n",
}


class Platform(BaseHTTPRequestHandler):
    """Serves each job's metrics; what is counted grows with time."""

    def do_GET(self) -> None:
        count = time.monotonic()
        text = METRICS[self.path.strip("/")].format(count=count, half=count / 2, many=count * 1000)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it so
        """Keep quiet."""


@pytest.fixture(scope="module")
def platform() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def prometheus(platform: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if PROMETHEUS is None:
        pytest.skip("prometheus is not installed")
    room = tmp_path_factory.mktemp("prometheus")
    jobs = [
        {"job_name": job, "metrics_path": f"/{job}", "static_configs": [{"targets": [platform]}]} for job in METRICS
    ]
    config = {"global": {"scrape_interval": "500ms", "scrape_timeout": "400ms"}, "scrape_configs": jobs}
    (room / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [PROMETHEUS, f"--config.file={room}/prometheus.yml", f"--storage.tsdb.path={room}/data"]
    with Path(room / "log").open("wb") as log:
        running = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        yield f"http://{address}"
    finally:
        running.terminate()
        running.wait(10)


@pytest.fixture(scope="module")
def told(prometheus: str) -> Readings:
    """Everything that it tells, once it has seen each counter twice."""
    import asyncio

    async def ask() -> Readings:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            for _ in range(40):
                try:
                    answer = await readings(client, prometheus, time.time())
                    if answer.one("accesses") and answer.one("cpu") and answer.one("pg_cache"):
                        return answer
                except Exception:  # noqa: BLE001 -- it is starting
                    pass
                await asyncio.sleep(0.25)
        pytest.fail("Prometheus has not told everything within 10 seconds")

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def metrics(told: Readings) -> Metrics:
    return metrics_of(told)


pytestmark = pytest.mark.stack


@pytest.mark.parametrize("fact", FACTS)
def test_every_fact_is_told(told: Readings, fact: str) -> None:
    assert told.all(fact)


@pytest.mark.parametrize("fact", TRENDS)
def test_every_curve_is_a_fact_and_has_its_points(told: Readings, fact: str) -> None:
    assert fact in FACTS
    assert all(len(curve) == POINTS for (of, _), curve in told.curves.items() if of == fact)


def test_a_server_is_told_by_its_name_and_fullest_disk(metrics: Metrics) -> None:
    (server,) = metrics.servers
    assert (server.name, server.up, server.cores, server.load, server.memory) == ("ward-3", True, 1, 0.5, 0.75)
    assert (server.disk, server.disk_mount) == (0.9, "/srv")
    assert server.cpu == pytest.approx(0.5, abs=0.05)
    assert server.received
    assert server.sent == pytest.approx(server.received, rel=0.1)


def test_a_database_is_told_by_its_load(metrics: Metrics) -> None:
    (database,) = metrics.databases
    assert (database.up, database.used, database.max) == (True, 12, 100)
    assert (database.longest, database.blocked, database.bytes) == (3.5, 2, 1e6)
    assert database.transactions
    assert database.cache == pytest.approx(0.999, abs=0.001)


def test_the_application_is_told_by_rate_failures_and_slowness(metrics: Metrics) -> None:
    app = metrics.application
    assert app.requests
    assert app.failed == pytest.approx(0.5, abs=0.01)
    assert app.p95 == pytest.approx(0.095)
    assert [name for name, _ in app.errors] == ["ValueError"]


def test_people_are_counted(metrics: Metrics) -> None:
    people = metrics.people
    assert (people.users, people.sessions) == (7, 9)
    assert people.logins
    assert people.failed_logins
    assert [name for name, _ in people.features] == ["chart"]
    assert [name for name, _ in people.accesses] == ["Patient"]


def test_targets_are_told_and_a_probe_by_its_own_answer(metrics: Metrics) -> None:
    assert {target.job: target.up for target in metrics.targets} == {
        "application": True, "canary": False, "node": True, "postgres": True,
    }  # fmt: skip
