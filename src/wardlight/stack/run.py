"""Bringing the stack up in a data directory, and down again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from wardlight import strength
from wardlight.clock import SystemClock
from wardlight.config import Server, Settings, address, is_loopback, load, place
from wardlight.problems import BadConfig, Denied, Unavailable
from wardlight.stack import health, history, plan, ports, render, settings_file, state, tokens
from wardlight.stack.alarm import Alarm
from wardlight.stack.keys import Keys
from wardlight.stack.layout import Layout
from wardlight.stack.supervisor import STOP_SECONDS, Supervisor

READY_SECONDS = 60.0
"""How long the parts have to become ready."""
SETTLE_SECONDS = 20.0
"""How long Prometheus has to ask each of its targets once."""
DOWN_SECONDS = 60.0

Say = Callable[[str], None]
Show = Callable[[health.Report], None]


def up(layout: Layout, *, demo: bool, say: Say, show: Show) -> None:
    """Start everything, show how it is once it is ready, and watch over it until a signal ends it.

    Raises BadConfig, Conflict (a port or the directory is taken) or Unavailable (a program is missing, a part does not
    get ready).
    """
    layout.make()
    settings_file.write_once(layout.settings)
    settings = load(layout.settings)
    strength.require(settings, layout.settings)
    if demo:
        _refuse_for_demo(settings.server, layout.settings)
    parts = plan.parts(settings, layout, demo=demo)
    let_in = Keys(layout, settings.server, None if demo else tokens.Issuer(layout, settings.access), SystemClock())
    with state.exclusive(layout):
        if left := state.read(layout):
            _end(state.leftovers(left))
        us = state.Process.of(os.getpid())
        state.write(layout, state.State(supervisor=us, ready=False, prometheus="", parts=()))
        try:
            ports.check(parts, layout.settings)
            render.render(parts, settings, layout, let_in, demo=demo)
            if demo and not settings.stack.prometheus:
                history.invent(layout.room("prometheus"), SystemClock().now_ns() // 10**9)
            _tell_elsewhere(settings, layout, say)
            asyncio.run(_watch(parts, layout, let_in, say, show))
        finally:
            layout.state.unlink(missing_ok=True)


def _refuse_for_demo(server: Server, path: Path) -> None:
    """See that nobody else reaches a house without sign-in. Raises BadConfig."""
    host, _ = address(server.listen, "server.listen")
    for setting, wrong in (("server.listen", not is_loopback(host)), ("server.certificate", bool(server.certificate))):
        if wrong:
            raise BadConfig(
                f"{place(setting, path)}: with --demo nobody signs in: on a loopback address, without TLS only"
            )


async def _watch(parts: Sequence[plan.Part], layout: Layout, let_in: Keys, say: Say, show: Show) -> None:
    """Run the supervisor until a signal."""
    clock = SystemClock()
    alertmanager = next(part.url for part in parts if part.name == "alertmanager")
    alarm = Alarm(alertmanager, render.rule_files(), clock)
    supervisor = Supervisor(parts, layout, alarm=alarm, say=say, clock=clock)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, supervisor.stopping.set)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run())
        tasks.create_task(let_in.keep(supervisor.stopping))
        late = await _ready(supervisor)
        if late:
            supervisor.stopping.set()
        elif not supervisor.stopping.is_set():
            show(await _settled(supervisor, layout))
            supervisor.announce()
            await supervisor.stopping.wait()
            say("stopping everything")
    if late:
        raise Unavailable(
            f"these don't get ready: {', '.join(late)}; everything was stopped. What they said is in {layout.logs}"
        )


async def _ready(supervisor: Supervisor) -> list[str]:
    """Wait until all parts are ready or a signal came; name those that aren't in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS):
            if await supervisor.ready():
                return []
    return [child.part.name for child in supervisor.children.values() if not child.ready.is_set()]


async def _settled(supervisor: Supervisor, layout: Layout) -> health.Report:
    """Wait until all is healthy, but not for long: what is watched may well be broken."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        report = await health.check(supervisor.snapshot(), str(layout.data))
        if report.healthy or supervisor.stopping.is_set() or time.monotonic() > deadline:
            return report
        await asyncio.sleep(0.5)


def _tell_elsewhere(settings: Settings, layout: Layout, say: Say) -> None:
    """Say what must be configured in the parts that run elsewhere, and who isn't told."""
    if not settings.stack.emergency:
        say("nobody is told when Wardlight itself is down: setting stack.emergency")
    if settings.stack.prometheus:
        room = layout.room("prometheus")
        say(f"Prometheus runs at {settings.stack.prometheus}: it needs the rules, jobs and tokens in {room}")
    if settings.stack.alertmanager:
        file = layout.room("alertmanager") / "alertmanager.yml"
        say(
            f"Alertmanager runs at {settings.stack.alertmanager}: it needs the receivers and routes in {file}, with the token beside"
        )
    if settings.stack.grafana:
        say(f"Grafana runs at {settings.stack.grafana}: `wardlight grafana push` brings it data sources and dashboards")


def detach(layout: Layout, *, demo: bool) -> tuple[int, str]:
    """Start `up` as a process of its own, and wait until it is ready.

    Returns 0, or the exit code with which it gave up and what it said.
    """
    layout.make()
    command = [sys.executable, "-P", "-m", "wardlight", "up", "--data", str(layout.data), *(["--demo"] if demo else [])]
    with layout.log("up").open("a+b") as log:
        said = log.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
        )
        while process.poll() is None:
            running = state.read(layout)
            if running is not None and running.supervisor.pid == process.pid and running.ready:
                return 0, ""
            time.sleep(0.1)
        log.seek(said)
        return process.returncode, log.read().decode(errors="replace")


def down(layout: Layout) -> tuple[str, ...]:
    """Stop what runs in a data directory, also what a killed supervisor may have left; return the parts' names."""
    running = state.read(layout)
    if running is None:
        return ()
    supervisor = running.supervisor.find()
    if supervisor is not None:
        _stop(supervisor, running.supervisor)
    left = state.leftovers(running)
    _end(left)
    layout.state.unlink(missing_ok=True)
    if supervisor is None and not left:
        return ()
    return tuple(part.name for part in running.parts if part.process is not None)


def _stop(supervisor: psutil.Process, identity: state.Process) -> None:
    """Ask a supervisor to stop everything and wait for it; one that takes too long is ended."""
    deadline = time.monotonic() + DOWN_SECONDS
    try:
        supervisor.terminate()
        while identity.find() is not None:
            if time.monotonic() > deadline:
                supervisor.kill()
            time.sleep(0.05)
    except psutil.AccessDenied:
        raise Denied(f"process {identity.pid} belongs to another user; ask them, or root, to stop it") from None
    except psutil.NoSuchProcess:
        return


def _end(processes: Sequence[psutil.Process]) -> None:
    """Stop processes that nobody watches over any more."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=STOP_SECONDS)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
