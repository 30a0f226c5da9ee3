"""The ruler: evaluates what is due, for as long as the server runs."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from wardlight.alertmanager.outbox import Notice
from wardlight.clock import Clock
from wardlight.config import Settings
from wardlight.looking import looking
from wardlight.problems import Cancelled
from wardlight.rules import schedule
from wardlight.rules.group import GroupRun, Tools
from wardlight.rules.memory import Memory
from wardlight.rules.metrics import Gauges, Recordings
from wardlight.rules.model import Evaluator, GroupStatus
from wardlight.rules.sources import SHIPPED, Sources
from wardlight.store.state import State

LOOK_SECONDS = 1.0
"""Between two looks at the clock and the rule files."""
AT_ONCE = 2
"""Groups that are evaluated at once: readers come first."""

_log = logging.getLogger(__name__)


class Ruler:
    """All groups of rules."""

    def __init__(
        self, evaluator: Evaluator, data: Path, settings: Settings, *, state: State, clock: Clock,
        registry: CollectorRegistry, tell: Callable[[Iterable[Notice]], None], shipped: Path | None = SHIPPED,
    ) -> None:  # fmt: skip
        interval_ns = max(1, round(settings.rules.evaluation_seconds * 1000)) * 10**6
        self._evaluator = evaluator
        self._sources = Sources(data, settings.rules.files, interval_ns, shipped)
        self._memory = Memory(state)
        self._gauges = Gauges(registry)
        self._tools = Tools(
            evaluator=evaluator,
            memory=self._memory,
            clock=clock,
            gauges=self._gauges,
            recordings=Recordings(),
            tell=tell,
            stopping=threading.Event(),
            url=f"http://{settings.server.listen}",
        )
        registry.register(self._tools.recordings)
        self._runs: dict[str, GroupRun] = {}
        self._working: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rules")

    def statuses(self) -> tuple[GroupStatus, ...]:
        """Say how every group stands."""
        faults = self._sources.faults
        return tuple(replace(run.status, fault=faults.get(run.group.file, "")) for run in list(self._runs.values()))

    def faults(self) -> dict[str, str]:
        """Say what is wrong with rule files, by file; a line each."""
        return self._sources.faults

    def look(self) -> None:
        """Read rule files that have changed, and begin to evaluate what is due."""
        self._working = {key: work for key, work in self._working.items() if not work.done()}
        if self._sources.look():
            self._gauges.refused.set(len(self._sources.faults))
        self._adopt()
        for key, run in self._runs.items():
            if key not in self._working and run.turn() is not None:
                self._working[key] = self._pool.submit(_catch_up, run)

    def settle(self) -> None:
        """Wait until what was begun is done."""
        wait(self._working.values())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look, and look again, while inside; a look that fails is logged and followed by the next."""
        try:
            async with looking(self.look, self._pause, "looking after the rules"):
                yield
        finally:
            await asyncio.to_thread(self.close)

    def _pause(self) -> float:
        """Say how long until the next look: when a group is due, and at most `LOOK_SECONDS`."""
        now_ns = self._tools.clock.now_ns()
        return min([LOOK_SECONDS, *(schedule.following(run.group, now_ns) for run in self._runs.values())])

    def close(self) -> None:
        """Stop evaluating; what is cut off is made good after the next start."""
        self._tools.stopping.set()
        while wait(self._working.values(), timeout=0.1).not_done:
            self._evaluator.cancel()
        self._pool.shutdown()

    def _adopt(self) -> None:
        """Run the groups that the files have now; one that is being evaluated is exchanged at a later look."""
        wanted = {group.key: group for group in self._sources.groups}
        if list(wanted.values()) == [run.group for run in self._runs.values()]:
            return
        kept = {key: run for key, run in self._runs.items() if key in self._working or wanted.get(key) == run.group}
        added = {key: GroupRun(group, self._tools) for key, group in wanted.items() if key not in kept}
        gone = self._runs.keys() - kept.keys()
        for key in gone:
            self._runs[key].end()
        for key in gone - added.keys():
            self._gauges.end(key)
        for key, run in added.items():
            self._gauges.begin(key, run.group.interval_ns)
        self._runs = {key: (kept | added)[key] for key in [*wanted, *(kept.keys() - wanted.keys())]}
        broken = tuple(f"{file};" for file in self._sources.faults)
        self._memory.forget(lambda key: key in self._runs or key.startswith(broken))


def _catch_up(run: GroupRun) -> None:
    """Evaluate what is due of a group; a thread of the pool tells nobody but the log."""
    try:
        run.catch_up()
    except Cancelled:
        _log.info("rules %s: evaluation was cut off", run.group.key)
    except Exception:  # noqa: BLE001 -- whatever it is, the next time may go well
        _log.exception("rules %s: evaluation failed", run.group.key)
