"""The keeper of windows: lets time take them on, and makes them known to Alertmanager, Grafana and the log store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wardlight.alertmanager import Silences
from wardlight.changes.grafana import Grafana
from wardlight.changes.window import LONGEST, STATES, State, Window
from wardlight.changes.windows import Event, Windows
from wardlight.clock import Clock
from wardlight.looking import looking
from wardlight.problems import Problem

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 30.0
"""How often it is seen to that an active window is still silenced."""
PAUSE, MAX_PAUSE = 1.0, 60.0
"""First and longest pause after a failure; each is twice the one before."""
GIVE_UP = timedelta(days=1)
"""So long after a window Grafana is still told of it."""

Log = Callable[[str, str, Mapping[str, str]], None]
"""Writes an event into the log store: its name, its line, its attributes. It neither blocks nor raises."""

_log = logging.getLogger(__name__)


@dataclass
class _Pace:
    """When a window is looked at next, by the clock that never runs backwards."""

    due: float = 0.0
    pause: float = PAUSE
    state: State = "announced"


class Keeper:
    """`look` runs in one thread at a time."""

    def __init__(
        self, windows: Windows, silences: Silences, grafana: Grafana | None, clock: Clock, *,
        registry: CollectorRegistry, log: Log,
    ) -> None:  # fmt: skip
        self._windows = windows
        self._silences = silences
        self._grafana = grafana
        self._clock = clock
        self._log = log
        self._paces: dict[int, _Pace] = {}
        self._counts = _Counts()
        registry.register(self._counts)
        self._failures = Counter(
            "wardlight_maintenance_failures", "Calls that make windows known and that failed.", ["part"],
            registry=registry,
        )  # fmt: skip

    def look(self) -> None:
        """Do what is due. A window that is looked at twice, or again after a crash, is silenced once."""
        self._windows.tick()
        for event in self._windows.unlogged():
            self._write(event)
            self._windows.logged(event)
        self._counts.now, self._counts.ever = self._windows.counts()
        unsettled = self._windows.unsettled()
        self._paces = {it.id: self._paces.get(it.id, _Pace()) for it in unsettled}
        for window in unsettled:
            self._see_to(window)

    def running(self) -> AbstractAsyncContextManager[None]:
        """Look, and look again, while inside; a look that fails is logged and followed by the next."""
        return looking(self.look, lambda: LOOK_SECONDS, "looking after maintenance")

    def _see_to(self, window: Window) -> None:
        """Make a window known elsewhere, if it is its time; remember what came of it."""
        pace, passed = self._paces[window.id], self._clock.monotonic()
        if pace.state != window.state:
            pace.state, pace.due, pace.pause = window.state, passed, PAUSE
        if window.state == "announced" or passed < pace.due:
            return
        after, faults = self._silenced(window)
        after, more = self._annotated(after)
        faults += more
        after = replace(after, problem="; ".join(faults), settled=window.state != "active" and not faults)
        pace.due = passed + (pace.pause if faults else AGAIN_SECONDS)
        pace.pause = min(pace.pause * 2, MAX_PAUSE) if faults else PAUSE
        if after != window:
            self._windows.told(after)
        if after.problem and after.problem != window.problem:
            _log.error("maintenance %d: %s", window.id, after.problem)

    def _silenced(self, window: Window) -> tuple[Window, list[str]]:
        """See to the silence: there while the window is active, and gone afterwards."""
        try:
            if window.state == "active":
                why = f"Maintenance {window.id}: {window.what}"
                made = self._silences.keep(
                    window.mark, window.silenced(), starts=window.starts, ends=window.ends, by=window.by, why=why
                )
                fault = [] if made else ["not silenced: somebody has ended its silence in Alertmanager"]
                return replace(window, silence=made or ""), fault
            if self._windows.now() - window.ends < LONGEST:
                self._silences.end(window.mark)
        except Problem as problem:
            self._failures.labels("alertmanager").inc()
            return window, [f"not silenced: {problem}" if window.state == "active" else f"still silenced: {problem}"]
        return window, []

    def _annotated(self, window: Window) -> tuple[Window, list[str]]:
        """See to the annotation. Without Grafana there is none, and nothing else suffers."""
        if self._grafana is None or (window.state != "active" and self._windows.now() - window.ends > GIVE_UP):
            return window, []
        try:
            if window.annotation is None:
                window = replace(window, annotation=self._grafana.annotate(window))
            if window.state != "active":
                self._grafana.shorten(window)
        except Problem as problem:
            self._failures.labels("grafana").inc()
            return window, [f"not annotated: {problem}"]
        return window, []

    def _write(self, event: Event) -> None:
        """Write an event into the log store."""
        window = event.window
        self._log(
            "maintenance",
            f"maintenance {window.id} {event.state} by {event.actor}: {window.what}"
            f" ({window.starts:%Y-%m-%d %H:%M} to {window.ends:%Y-%m-%d %H:%M} UTC)",
            {
                "maintenance.id": str(window.id),
                "maintenance.state": event.state,
                "maintenance.by": event.actor,
                "maintenance.matchers": ",".join(window.matchers),
            },
        )


class _Counts(Collector):
    """What was counted at the last look."""

    def __init__(self) -> None:
        self.now: Mapping[State, int] = {}
        self.ever: Mapping[State, int] | None = None

    def collect(self) -> Iterator[Metric]:
        """Show how many windows are in a state, and how many ever came into it; nothing before the first look.

        A counter that began at nothing after each start would look like so many changes.
        """
        if self.ever is None:
            return
        gauge = GaugeMetricFamily("wardlight_maintenance_windows", "Maintenance windows by state.", labels=["state"])
        counter = CounterMetricFamily(
            "wardlight_maintenance_changes", "Maintenance windows that came into a state.", labels=["state"]
        )
        for state in STATES:
            gauge.add_metric([state], self.now.get(state, 0))
            counter.add_metric([state], self.ever.get(state, 0))
        yield from (gauge, counter)
