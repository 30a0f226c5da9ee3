"""Keeping the parts alive: each starts when those it needs are ready, starts again when it ends, and stops in turn."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
import psutil

from wardlight.clock import Clock
from wardlight.stack import health, process, state
from wardlight.stack.alarm import Alarm
from wardlight.stack.layout import Layout, unprivileged
from wardlight.stack.plan import Part

FIRST_DELAY = 0.2
LAST_DELAY = 30.0
HEALTHY_SECONDS = 60.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.1
HOUSEKEEPING_SECONDS = 5.0
HOPELESS_STARTS = 5
"""A part that ends so often before it is ready for the first time won't become ready."""


@dataclass
class BackOff:
    """How long to wait before the next start: twice as long each time, from the beginning after a healthy minute."""

    delay: float = FIRST_DELAY

    def after(self, ran: float) -> float:
        """Return the seconds to wait after a run of `ran` seconds."""
        now = FIRST_DELAY if ran >= HEALTHY_SECONDS else self.delay
        self.delay = min(now * 2, LAST_DELAY)
        return now


@dataclass
class Child:
    """A part at work."""

    part: Part
    phase: str = "waiting"
    """See `state.PartState.state`."""
    process: state.Process | None = None
    restarts: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    been_ready: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has stopped for good."""
    back_off: BackOff = field(default_factory=BackOff)
    ringing: asyncio.Task[None] | None = None


class Supervisor:
    """Runs the parts of one data directory until it is told to stop."""

    def __init__(
        self, parts: Sequence[Part], layout: Layout, *, alarm: Alarm, say: Callable[[str], None], clock: Clock
    ) -> None:
        self.children = {part.name: Child(part) for part in parts}
        self.stopping = asyncio.Event()
        self.hopeless = asyncio.Event()
        """Set when a part ends again and again without having been ready."""
        self._layout = layout
        self._alarm = alarm
        self._say = say
        self._clock = clock
        self._us = state.Process.of(os.getpid())
        self._prometheus = next((part.url for part in parts if part.name == "prometheus"), "")
        self._all_ready = False

    async def run(self) -> None:
        """Keep every part until `stopping` is set; return when all have stopped."""
        async with asyncio.TaskGroup() as tasks:
            for child in self.children.values():
                tasks.create_task(self._keep(child))
            tasks.create_task(self._keep_house())

    async def ready(self) -> bool:
        """Wait until every part has been ready or everything is told to stop; False if a part can't become ready."""

        async def all_ready() -> None:
            for child in self.children.values():
                await self._unless_stopping(child.ready.wait())

        return await _first(all_ready(), self.hopeless.wait())

    def announce(self) -> None:
        """Tell those who wait for it that everything is ready."""
        self._all_ready = True
        self._save()

    def snapshot(self) -> state.State:
        """Say how everything is."""
        return state.State(
            supervisor=self._us,
            ready=self._all_ready,
            prometheus=self._prometheus,
            parts=tuple(
                state.PartState(
                    name=child.part.name,
                    address=child.part.address,
                    ready=child.part.ready,
                    certificate=child.part.certificate,
                    state=child.phase,
                    process=child.process,
                    restarts=child.restarts,
                )
                for child in self.children.values()
            ),
        )

    async def _keep(self, child: Child) -> None:
        """Start a part, and start it again whenever it ends, until everything stops."""
        try:
            for name in child.part.after:
                await self._unless_stopping(self.children[name].ready.wait())
            if not child.part.command:
                await self._watch_elsewhere(child)
            while not self.stopping.is_set():
                await self._once(child)
        finally:
            if child.ringing is not None:
                child.ringing.cancel()
            self._set(child, "stopped", None)
            child.gone.set()

    async def _watch_elsewhere(self, child: Child) -> None:
        """Wait for a part that isn't ours to answer."""
        self._set(child, "external", None)
        await self._unless_stopping(self._until_ready(child))
        child.ready.set()
        await self.stopping.wait()

    async def _once(self, child: Child) -> None:
        """Start a part, attend to it until it ends, and wait for the time of the next start."""
        started = self._clock.monotonic()
        ending = await self._attend(child)
        if self.stopping.is_set():
            return
        child.restarts += 1
        if child.ready.is_set():
            child.been_ready = True
            if child.part.alert:
                self._ring(child, ending)
        elif not child.been_ready and child.restarts >= HOPELESS_STARTS:
            self.hopeless.set()
        child.ready.clear()
        self._set(child, "restarting", None)
        delay = child.back_off.after(self._clock.monotonic() - started)
        log = self._layout.log(child.part.name)
        self._say(f"{child.part.name} {ending}; starting it again in {delay:.1f} s (its log: {log})")
        await self._unless_stopping(asyncio.sleep(delay))

    async def _attend(self, child: Child) -> str:
        """Run a part once; return how it ended. Stops it, after those that need it, when everything stops."""
        part = child.part
        self._set(child, "starting", None)
        try:
            running = await process.start(
                part.command,
                environment=await self._environment(part),
                log=self._layout.log(part.name),
                user=unprivileged(self._layout.stack, *part.users),
            )
        except OSError as error:
            return f"can't be started: {error.strerror} ({error.filename})"
        with suppress(psutil.NoSuchProcess):
            self._set(child, "starting", state.Process.of(running.pid))
        getting_ready = asyncio.create_task(self._get_ready(child))
        try:
            if await self._unless_stopping(running.wait()):
                return process.ending(running.returncode or 0)
            for other in self.children.values():
                if part.name in other.part.after:
                    await other.gone.wait()
            await process.stop(running, STOP_SECONDS)
            return "was stopped"
        finally:
            getting_ready.cancel()
            process.sweep(running.pid)

    async def _environment(self, part: Part) -> Mapping[str, str]:
        """Ask for a part's environment, once the file that it needs is there."""
        while True:
            try:
                return part.environment()
            except FileNotFoundError:
                if not await self._unless_stopping(asyncio.sleep(POLL_SECONDS)):
                    raise

    async def _get_ready(self, child: Child) -> None:
        """Ask a part until it is ready."""
        await self._until_ready(child)
        self._set(child, "ready", child.process)
        child.ready.set()
        if child.restarts:
            self._say(f"{child.part.name} is back")

    async def _until_ready(self, child: Child) -> None:
        """Ask a part until it answers."""
        async with httpx.AsyncClient(timeout=2) as client:
            while await health.trouble(client, child.part.ready, child.part.certificate):  # noqa: ASYNC110 -- a part sets no event
                await asyncio.sleep(POLL_SECONDS)

    async def _unless_stopping(self, doing: Awaitable[object]) -> bool:
        """Wait for something, or for the end of everything; say whether it came to its end."""
        return await _first(doing, self.stopping.wait())

    async def _keep_house(self) -> None:
        """Keep the logs within their size."""
        while await self._unless_stopping(asyncio.sleep(HOUSEKEEPING_SECONDS)):
            for log in self._layout.logs.glob("*.log"):
                process.bound(log)

    def _ring(self, child: Child, ending: str) -> None:
        """Raise the alert of a part that was ready, until it is ready again."""
        if child.ringing is not None:
            child.ringing.cancel()
        child.ringing = asyncio.create_task(self._alarm.ring(child.part, ending, child.ready))

    def _set(self, child: Child, phase: str, running: state.Process | None) -> None:
        """Note how a part is, for others to read."""
        child.phase, child.process = phase, running
        self._save()

    def _save(self) -> None:
        """Write the state down."""
        state.write(self._layout, self.snapshot())


async def _first(doing: Awaitable[object], other: Awaitable[object]) -> bool:
    """Wait for either of two; say whether it was the first. What isn't done by then is cancelled."""
    task, rival = asyncio.ensure_future(doing), asyncio.ensure_future(other)
    try:
        await asyncio.wait({task, rival}, return_when=asyncio.FIRST_COMPLETED)
        return task.done()
    finally:
        task.cancel()
        rival.cancel()
