from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest

from wardlight.clock import SystemClock
from wardlight.stack import process, state
from wardlight.stack.alarm import Alarm
from wardlight.stack.layout import Layout
from wardlight.stack.plan import Part
from wardlight.stack.render import rule_files
from wardlight.stack.supervisor import BackOff, Supervisor

NOWHERE = "http://127.0.0.1:9"


def python(code: str, *arguments: object) -> tuple[str, ...]:
    return (sys.executable, "-c", textwrap.dedent(code), *map(str, arguments))


SLEEP = python("import time; time.sleep(60)")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.make()
    return layout


@asynccontextmanager
async def supervised(
    layout: Layout, *parts: Part, alertmanager: str = NOWHERE
) -> AsyncIterator[tuple[Supervisor, list[str]]]:
    said: list[str] = []
    clock = SystemClock()
    alarm = Alarm(alertmanager, rule_files(), clock)
    supervisor = Supervisor(parts, layout, alarm=alarm, say=said.append, clock=clock)
    running = asyncio.create_task(supervisor.run())
    try:
        yield supervisor, said
    finally:
        supervisor.stopping.set()
        async with asyncio.timeout(20):
            await running


async def eventually(true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 -- what is waited for sets no event
            await asyncio.sleep(0.02)


async def soon(waiting: Awaitable[object]) -> None:
    async with asyncio.timeout(10):
        await waiting


def pid_of(supervisor: Supervisor, name: str) -> int:
    running = supervisor.children[name].process
    assert running is not None
    return running.pid


async def test_it_starts_again_what_ends_and_says_so(layout: Layout) -> None:
    async with supervised(layout, Part(name="sleeper", command=SLEEP)) as (supervisor, said):
        await soon(supervisor.ready())
        first = pid_of(supervisor, "sleeper")
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: said and supervisor.children["sleeper"].ready.is_set())
        assert pid_of(supervisor, "sleeper") != first
        assert said[0].startswith("sleeper was ended by SIGKILL; starting it again in 0.2 s")
        assert said[-1] == "sleeper is back"


def test_it_waits_longer_each_time_until_a_healthy_minute() -> None:
    back_off = BackOff()
    assert [back_off.after(1) for _ in range(4)] == [0.2, 0.4, 0.8, 1.6]
    assert [back_off.after(1) for _ in range(9)][-1] == 30
    assert back_off.after(61) == 0.2


async def test_it_says_what_cannot_be_started(layout: Layout) -> None:
    async with supervised(layout, Part(name="absent", command=("/no/such/program",))) as (_, said):
        await eventually(lambda: said)
        assert "absent can't be started: No such file or directory" in said[0]


async def test_it_gives_up_on_what_never_gets_ready(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wardlight.stack.supervisor.HOPELESS_STARTS", 2)
    async with supervised(
        layout, Part(name="broken", command=python("raise SystemExit(3)"), ready="tcp://127.0.0.1:9")
    ) as (
        supervisor,
        said,
    ):
        async with asyncio.timeout(10):
            assert not await supervisor.ready()
        assert "broken exited with code 3" in said[0]


async def test_a_part_waits_for_those_it_needs_and_stops_before_them(layout: Layout) -> None:
    trace = layout.data / "trace"
    body = """
        import signal, sys, time
        def note(what):
            with open(sys.argv[1], "a") as trace: trace.write(f"{sys.argv[2]} {what}\\n")
        signal.signal(signal.SIGTERM, lambda *_: (note("stops"), sys.exit()))
        note("starts")
        time.sleep(60)
    """
    with socket.create_server(("127.0.0.1", 0)) as ready:
        base = Part(name="base", command=python(body, trace, "base"), ready=f"tcp://127.0.0.1:{ready.getsockname()[1]}")
        user = Part(name="user", command=python(body, trace, "user"), after=("base",))
        async with supervised(layout, user, base):
            await eventually(lambda: trace.exists() and len(trace.read_text().splitlines()) == 2)
    assert trace.read_text().splitlines() == ["base starts", "user starts", "user stops", "base stops"]


async def test_a_part_waits_quietly_for_the_file_it_needs(layout: Layout) -> None:
    secret = layout.data / "secret"
    part = Part(
        name="reader",
        command=python("import os, time; print(os.environ['SECRET'], flush=True); time.sleep(60)"),
        environment=lambda: {"SECRET": secret.read_text()},
    )
    async with supervised(layout, part) as (supervisor, said):
        await asyncio.sleep(0.3)
        assert not layout.log("reader").exists()
        secret.write_text("sesame")
        await soon(supervisor.ready())
        await eventually(lambda: "sesame" in layout.log("reader").read_text())
        assert said == []


async def test_who_does_not_listen_is_ended_with_all_it_started(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardlight.stack.supervisor.STOP_SECONDS", 0.3)
    stubborn = python("""
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
        print(grandchild.pid, flush=True)
        time.sleep(60)
    """)
    async with supervised(layout, Part(name="stubborn", command=stubborn)) as (supervisor, _):
        await eventually(lambda: layout.log("stubborn").exists() and layout.log("stubborn").read_text().strip())
        pids = [pid_of(supervisor, "stubborn"), int(layout.log("stubborn").read_text())]
    await eventually(lambda: not any(alive(pid) for pid in pids))


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.stack
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def name_of(process: psutil.Process) -> str:
    """Name a process; PostgreSQL's helpers may be gone before they are asked."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def test_nothing_outlives_a_killed_supervisor_nor_does_what_its_children_started() -> None:
    program = """
        import asyncio, sys
        from pathlib import Path
        from wardlight.clock import SystemClock
        from wardlight.config import load
        from wardlight.stack import plan
        from wardlight.stack.alarm import Alarm
        from wardlight.stack.layout import Layout
        from wardlight.stack.supervisor import Supervisor
        layout = Layout(Path(sys.argv[1]))
        database = [part for part in plan.parts(load(None), layout, demo=True) if part.name == "database"]
        sleeper = plan.Part(name="sleeper", command=(sys.executable, "-c", "import time; time.sleep(60)"))
        clock = SystemClock()
        alarm = Alarm("http://127.0.0.1:9", [], clock)
        supervisor = Supervisor([*database, sleeper], layout, alarm=alarm, say=print, clock=clock)
        asyncio.run(supervisor.run())
    """
    with tempfile.TemporaryDirectory() as directory, socket.create_server(("127.0.0.1", 0)) as free:
        Path(directory).chmod(0o711)  # PostgreSQL doesn't run as root, and must get in
        layout = Layout(Path(directory))
        layout.make()
        environment = {**os.environ, "WARDLIGHT_DEMO_DATABASE_PORT": str(free.getsockname()[1])}
        free.close()
        running = subprocess.Popen(python(program, directory), env=environment)
        until = time.monotonic() + 30
        try:
            while not (found := state.read(layout)) or {part.state for part in found.parts} != {"ready"}:
                assert time.monotonic() < until
                time.sleep(0.05)
            family = psutil.Process(running.pid).children(recursive=True)
            assert "postgres" in {name_of(process) for process in family}
        finally:
            running.kill()
            running.wait()
        while any(alive(process.pid) for process in family):
            assert time.monotonic() < until
            time.sleep(0.02)


async def test_the_state_tells_what_runs_where(layout: Layout) -> None:
    async with supervised(layout, Part(name="sleeper", command=SLEEP, address="127.0.0.1:1")) as (supervisor, _):
        await soon(supervisor.ready())
        found = state.read(layout)
        assert found is not None
        assert found.supervisor.pid == os.getpid()
        (part,) = found.parts
        assert (part.name, part.address, part.state) == ("sleeper", "127.0.0.1:1", "ready")
        assert part.process is not None
        assert part.process.pid == pid_of(supervisor, "sleeper")
        assert layout.state.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def alertmanager() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """Stand where Alertmanager would, and note the alerts."""
    alerts: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            alerts.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", alerts
        server.shutdown()
        thread.join()


async def test_an_exit_raises_the_alert_that_prometheus_would_raise(
    layout: Layout, alertmanager: tuple[str, list[dict[str, Any]]]
) -> None:
    url, alerts = alertmanager
    part = Part(name="application", command=SLEEP, address="127.0.0.1:8490", alert="ApplicationDown", job="application")
    async with supervised(layout, part, alertmanager=url) as (supervisor, _):
        await soon(supervisor.ready())
        os.kill(pid_of(supervisor, "application"), signal.SIGKILL)
        await eventually(lambda: alerts)
    assert alerts[0]["labels"] == {
        "alertname": "ApplicationDown", "job": "application", "instance": "127.0.0.1:8490",
        "severity": "critical", "category": "outage",
    }  # fmt: skip
    assert alerts[0]["annotations"]["summary"] == "Application 127.0.0.1:8490 was ended by SIGKILL"


async def test_stopping_everything_is_no_alarm(layout: Layout, alertmanager: tuple[str, list[dict[str, Any]]]) -> None:
    url, alerts = alertmanager
    part = Part(name="application", command=SLEEP, address="127.0.0.1:8490", alert="ApplicationDown", job="application")
    async with supervised(layout, part, alertmanager=url) as (supervisor, _):
        await soon(supervisor.ready())
    assert alerts == []


def test_a_log_keeps_within_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOG_BYTES", 100)
    log = tmp_path / "part.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 101)
        process.bound(log)
        writer.write(b"new")
    assert log.read_bytes() == b"new"
    assert (tmp_path / "part.log.1").read_bytes() == b"x" * 101
