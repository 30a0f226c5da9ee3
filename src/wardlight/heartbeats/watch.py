"""The watch: looks at the clock and the definitions, and tells Alertmanager who is silent, for as long as the server runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wardlight.alertmanager import Notice
from wardlight.clock import Clock, moment
from wardlight.heartbeats import files
from wardlight.heartbeats.service import Heartbeats, Kept
from wardlight.looking import looking
from wardlight.problems import BadConfig

LOOK_SECONDS = 1.0
LISTENS_SECONDS = 15.0
"""How often it is written down that somebody listens."""
PAUSE = timedelta(seconds=60)
"""A longer one is an absence: pings may have been lost."""
SET = timedelta(seconds=2)
"""By so much the clock and the time that passed must differ for the clock to have been set."""
RESEND = timedelta(seconds=60)
"""How often Alertmanager is told of an alert that goes on."""
HOLDS = 4
"""Tellings that may get lost before Alertmanager takes an alert for ended."""
OVER = timedelta(minutes=15)
"""How long the end of an alert is told again, in case Alertmanager was away."""

Log = Callable[[str, str, Mapping[str, str]], None]
"""Writes an event into the log store: its name, its line, its attributes. It neither blocks nor raises."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Told:
    """What Alertmanager was told last of a heartbeat, and when by the clock that never runs backwards."""

    passed: float
    fell: datetime
    rose: datetime | None
    notice: Notice


class Watch:
    """`look` runs in one thread at a time."""

    def __init__(
        self, heartbeats: Heartbeats, data: Path, clock: Clock, *, registry: CollectorRegistry,
        tell: Callable[[Iterable[Notice]], None], log: Log, url: str,
    ) -> None:  # fmt: skip
        self._heartbeats = heartbeats
        self._file = data / files.NAME
        self._clock = clock
        self._tell = tell
        self._log = log
        self._url = url
        self._stamp: tuple[int, int] | None = None
        self._looked: tuple[datetime, float] | None = None
        self._listened: float | None = None
        self._told: dict[str, _Told] = {}
        self._shown = _Gauges()
        registry.register(self._shown)
        self.fault = ""
        """What is wrong with the file of definitions, a line each; those it had before stay."""
        broken = Gauge("wardlight_heartbeat_file_broken", "1 while heartbeats.toml can't be read.", registry=registry)
        broken.set_function(lambda: bool(self.fault))
        self._failures = Counter(
            "wardlight_heartbeat_look_failures", "Looks at the heartbeats that failed.", registry=registry
        )

    def look(self) -> None:
        """Read the definitions if they changed, and tell of what fell silent or is back."""
        self._mind_the_clock()
        self._read()
        now = self._heartbeats.now()
        kept = self._heartbeats.kept()
        notices = [notice for each in kept for notice in self._notices(each, now)]
        here = {each.plan.slug for each in kept}
        gone = [slug for slug in self._told if slug not in here]
        notices.extend(replace(self._told.pop(slug).notice, ends_ns=self._clock.now_ns()) for slug in gone)
        self._tell(notices)
        self._shown.kept = kept

    def running(self) -> AbstractAsyncContextManager[None]:
        """Look, and look again, while inside; a look that fails is logged and followed by the next."""
        return looking(self.look, lambda: LOOK_SECONDS, "looking after the heartbeats", self._failures.inc)

    def _mind_the_clock(self) -> None:
        """Move what happened when the clock was set, and write down that somebody listens."""
        now, passed = self._heartbeats.now(), self._clock.monotonic()
        if self._looked is not None:
            by = now - self._looked[0] - timedelta(seconds=passed - self._looked[1])
            if abs(by) > SET:
                _log.warning("heartbeats: the clock was set by %.0f s, or the machine slept", by.total_seconds())
                self._heartbeats.clock_was_set(by)
        if self._listened is None or passed - self._listened >= LISTENS_SECONDS:
            self._heartbeats.listens(PAUSE)
            self._listened = passed
        self._looked = now, passed

    def _read(self) -> None:
        """Take the file's definitions; a broken file leaves those from before."""
        try:
            status = self._file.stat()
            stamp = status.st_mtime_ns, status.st_size
            text = self._file.read_text() if stamp != self._stamp else ""
        except FileNotFoundError:
            stamp, text = (0, 0), ""
        except (OSError, UnicodeDecodeError) as error:
            self.fault = f"{files.NAME}: {error}"
            return
        if stamp == self._stamp:
            return
        try:
            self._heartbeats.define(files.read(text, files.NAME))
        except BadConfig as problem:
            self.fault = str(problem)
            _log.error("heartbeats: the definitions from before stay: %s", problem)
        else:
            self.fault = ""
        self._stamp = stamp

    def _notices(self, each: Kept, now: datetime) -> Iterator[Notice]:
        """Say what Alertmanager is told now of one heartbeat, and remember the beginning and the end of its alert."""
        slug, down = each.plan.slug, each.stand.state == "down"
        going = each.fell is not None and each.rose is None
        fell, rose = each.fell, each.rose
        if down and not going:
            fell, rose = min(each.stand.deadline or now, now), None
            self._note(each, fell, rose, f"{each.plan.name} is down: {each.stand.reason}", "failure")
        elif going and not down:
            rose = now
            self._note(each, fell, rose, f"{each.plan.name} is {each.stand.state}", "success")
        if fell is None or (rose is not None and now - rose > OVER):
            self._told.pop(slug, None)
            return
        told, passed = self._told.get(slug), self._clock.monotonic()
        if told is None or (told.fell, told.rose) != (fell, rose) or passed - told.passed >= RESEND.total_seconds():
            notice = self._notice(each, fell, rose, told.notice if told else None)
            self._told[slug] = _Told(passed, fell, rose, notice)
            yield notice

    def _note(self, each: Kept, fell: datetime | None, rose: datetime | None, line: str, outcome: str) -> None:
        self._heartbeats.alerted(each.plan.slug, fell, rose)
        self._log("heartbeat", line, {"heartbeat": each.plan.slug, "event.outcome": outcome})

    def _notice(self, each: Kept, fell: datetime, rose: datetime | None, before: Notice | None) -> Notice:
        """Write a notice; one of an end keeps the words of the alert."""
        plan = each.plan
        annotations = {
            "summary": f"{plan.name}: {each.stand.reason}",
            "description": plan.description,
            "runbook": "docs/heartbeats.md#heartbeatmissed",
        }
        if rose is not None:
            annotations = dict(before.annotations) if before else annotations | {"summary": f"{plan.name} was down"}
        ends = rose or self._heartbeats.now() + HOLDS * RESEND
        return Notice(
            labels={
                "alertname": "HeartbeatMissed",
                "heartbeat": plan.slug,
                "severity": plan.severity,
                "category": "outage",
            },
            annotations={name: text for name, text in annotations.items() if text},
            starts_ns=_ns(fell),
            ends_ns=_ns(ends),
            link=f"{self._url}/heartbeats",
        )


class _Gauges(Collector):
    """What was seen at the last look."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []

    def collect(self) -> Iterator[Metric]:
        """Show each heartbeat that isn't paused; what isn't known has no sample."""
        watched = [each for each in self.kept if each.stand.state != "paused"]
        for name, help_, value in (
            ("up", "0 while a heartbeat is down.", lambda it: float(it.stand.state != "down")),
            ("last_ping_timestamp_seconds", "When a run ended last.", lambda it: it.beat.heard and it.beat.heard.timestamp()),
            ("duration_seconds", "How long the last run took.", lambda it: it.beat.seconds),
        ):  # fmt: skip
            family = GaugeMetricFamily(f"wardlight_heartbeat_{name}", help_, labels=["slug"])
            for each in watched:
                if (sample := value(each)) is not None:
                    family.add_metric([each.plan.slug], sample)
            yield family


def _ns(at: datetime) -> int:
    return (at - moment(0)) // timedelta(microseconds=1) * 1000
