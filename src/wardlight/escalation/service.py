"""The service: looks at the incidents, decides what is due, and sees to it that it is sent.

Incidents know nothing of it: it polls them, at least every `LOOK_SECONDS`, and at once when it is woken.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry

from wardlight import notify
from wardlight.clock import Clock, moment
from wardlight.escalation.book import Book, Lot, Result
from wardlight.escalation.course import Course, Delivery, Move, World, begin, end, follow, is_stale, refreshed
from wardlight.escalation.metrics import Metrics
from wardlight.escalation.roster import Roster
from wardlight.escalation.sending import Send, Sender
from wardlight.escalation.steady import Steady
from wardlight.incidents import Incident, Incidents
from wardlight.incidents.model import PENDING
from wardlight.notify import Links
from wardlight.problems import Conflict, NotFound, Problem
from wardlight.store.state import State

LOOK_SECONDS = 1.0
"""Between two looks at incidents and timers."""
AT_ONCE = 16
"""Messages that are sent at once."""
ACTOR = "escalation"
KEY = "links.key"

_HANDS = ("console", "cli", "api", "link")
"""Sources of what people do, by which an acknowledgement stays fresh."""
_MAX_LEVELS = 100
_log = logging.getLogger(__name__)


class Escalation:
    """All escalation of one server. Methods block: call them in a thread."""

    def __init__(
        self, data: Path, state: State, incidents: Incidents, *, url: str, clock: Clock, registry: CollectorRegistry,
        send: Send = notify.send,
    ) -> None:  # fmt: skip
        self.roster = Roster(data, state, clock)
        self.links = Links(state, data / KEY, clock)
        self._book = Book(state)
        self._incidents = incidents
        self._clock = clock
        self._steady = Steady(state, clock)
        self._metrics = Metrics(registry, lambda: bool(self.roster.fault))
        self._sender = Sender(
            self._book, incidents, self.roster, self.links, url=url, steady=self._steady, clock=clock,
            metrics=self._metrics, send=send,
        )  # fmt: skip
        self._outcomes: list[tuple[str, list[Result]]] = []
        self._lock = threading.Lock()
        self._busy = 0
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="escalation")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()

    def tick(self) -> None:
        """Do all that is due at this instant, one thing after the other."""
        while True:
            self._settle()
            self._plan()
            lots = self._book.claim(self._steady.now(), AT_ONCE)
            for lot in lots:
                self._deliver(lot)
            if not lots:
                break
        self._note()

    def wake(self) -> None:
        """Let the next look be now; from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has just ended
                self._loop.call_soon_threadsafe(self._woken.set)

    def deliveries(self, incident_id: int | None = None, limit: int = 1000) -> list[Delivery]:
        """List messages that were meant, what became of them and why, the latest first."""
        return self._book.listed(incident_id, limit)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look, and look again, while inside; what is being sent at the end is waited for."""
        self._loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        task = asyncio.create_task(self._run(stop))
        try:
            yield
        finally:
            stop.set()
            self._woken.set()
            await task
            self._loop = None
            await asyncio.to_thread(self._close)

    async def _run(self, stop: asyncio.Event) -> None:
        calendars = asyncio.create_task(self._look_after_calendars(stop))
        while not stop.is_set():
            self._woken.clear()
            try:
                await asyncio.to_thread(self._look)
            except Exception:  # noqa: BLE001 -- whatever it is, the next look may go well
                _log.exception("escalation: a look failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), LOOK_SECONDS)
        await calendars

    async def _look_after_calendars(self, stop: asyncio.Event) -> None:
        """Refresh the calendars apart from all else: addresses may be slow."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.roster.refresh)
            except Exception:  # noqa: BLE001 -- as above
                _log.exception("escalation: calendars can't be refreshed")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)

    def _look(self) -> None:
        """Do what is due; messages are sent aside."""
        self._settle()
        self._plan()
        with self._lock:
            free = AT_ONCE - self._busy
        for lot in self._book.claim(self._steady.now(), free) if free else ():
            with self._lock:
                self._busy += 1
            self._pool.submit(self._deliver_aside, lot)
        self._note()

    def _deliver_aside(self, lot: Lot) -> None:
        try:
            self._deliver(lot)
        except Exception:  # noqa: BLE001 -- whatever it is, the claim lapses and others take it
            _log.exception("escalation: a message's outcome can't be kept; it is tried again")
        finally:
            with self._lock:
                self._busy -= 1
            self.wake()

    def _deliver(self, lot: Lot) -> None:
        """Send a lot, and keep what became of it until it is written."""
        results = self._sender.deliver(lot)
        with self._lock:
            self._outcomes.append((lot.claim, results))
        self._settle()

    def _settle(self) -> None:
        """Write outcomes; while the state database is away they wait here, and nothing is sent twice."""
        with self._lock:
            outcomes, self._outcomes = self._outcomes, []
        for at, (claim, results) in enumerate(outcomes):
            try:
                first = [each.delivery for each in results if self._is_first(each)]
                self._book.settle(claim, results, self._steady.now())
            except BaseException:
                with self._lock:
                    self._outcomes = outcomes[at:] + self._outcomes
                raise
            for delivery in first:
                self._measure(delivery)

    def _is_first(self, result: Result) -> bool:
        sent = result.delivery
        return sent.purpose == "page" and sent.state == "sent" and self._book.first_to(sent)

    def _measure(self, sent: Delivery) -> None:
        with suppress(NotFound):
            opened = self._incidents.get(sent.incident_id, alerts=1).opened
            self._metrics.to_notify.labels(sent.severity).observe(max(0.0, (sent.at - opened).total_seconds()))

    def _plan(self) -> None:
        """Take every step that is due, and write the messages that are meant."""
        pending = {incident.id: incident for incident in self._incidents.pending()}
        live = self._book.live()
        if live:
            self._steady.save()
        world = self._world()
        for _ in range(_MAX_LEVELS):
            done = self._book.apply(self._moves(pending, live, world))
            for made in done:
                if made.asked:
                    self._metrics.escalations.labels(made.asked).inc()
                self._metrics.nobody.inc(made.nobody)
            if not done:
                break
            live = self._book.live()
        self._take_back([(live[it.id], it) for it in pending.values() if it.id in live], world)
        self._book.apply(
            [move for it in live.values() if it.incident_id not in pending if (move := self._end(it, world))]
        )

    def _moves(self, pending: dict[int, Incident], live: dict[int, Course], world: World) -> list[Move]:
        moves = []
        for incident in pending.values():
            course = live.get(incident.id)
            if course is not None and course.run != incident.reopened:
                moves.append(end(course, (), world, resolved=False))
                course = None
            move = begin(incident, world) if course is None else follow(course, incident, world)
            if move is not None:
                moves.append(move)
        return moves

    def _take_back(self, courses: Sequence[tuple[Course, Incident]], world: World) -> None:
        """Release what was acknowledged, reminded and left alone; the next look goes on with the next level."""
        for course, incident in courses:
            if not is_stale(course, incident, world):
                continue
            if again := refreshed(course, world):
                self._book.apply([Move(course=again)])
                continue
            reason = f"{incident.acknowledged_by} was reminded, and nothing was noted"
            with suppress(Conflict, NotFound):  # somebody was quicker
                self._incidents.release(incident.id, ACTOR, ACTOR, reason)
            self.wake()

    def _end(self, course: Course, world: World) -> Move | None:
        """End a course whose incident isn't pending; one that was opened a moment ago may only seem so."""
        try:
            incident = self._incidents.get(course.incident_id, alerts=1)
        except NotFound:
            return end(course, (), world, resolved=False)
        if incident.state in PENDING:
            return None
        resolved = incident.state != "merged" and incident.reopened == course.run
        return end(course, self._book.told(course), world, resolved=resolved)

    def _note(self) -> None:
        """Write what is to be noted on the incidents' timelines."""
        claimed = self._book.claim_notes(self._steady.now())
        written: list[int] = []
        try:
            for number, incident_id, note in claimed:
                with suppress(NotFound):
                    self._incidents.record(incident_id, note.action, ACTOR, ACTOR, note.note)
                written.append(number)
        except Problem:
            self._book.unnoted([number for number, _, _ in claimed if number not in written])
            raise
        finally:
            self._book.noted(written)

    def _world(self) -> World:
        return World(
            oncall=self.roster.oncall(),
            now=self._steady.now(),
            wall=moment(self._clock.now_ns()),
            on_call=self.roster.on_call,
            touched=self._touched,
        )

    def _touched(self, incident_id: int) -> datetime | None:
        timeline = self._incidents.get(incident_id, alerts=1).timeline
        return max((event.at for event in timeline if event.source in _HANDS), default=None)

    def _close(self) -> None:
        self._pool.shutdown()
        with suppress(Problem):
            self._settle()
            self._note()
