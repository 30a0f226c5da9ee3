"""Heartbeats on a real state database, with a clock turned by hand and what Alertmanager would be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from wardlight.alertmanager import Notice
from wardlight.clock import ManualClock
from wardlight.heartbeats import Definition, Heartbeats, Watch
from wardlight.store.state import State

SLUG = "nightly"


@dataclass
class House:
    """One data directory, and what its server does."""

    data: Path
    clock: ManualClock = field(default_factory=ManualClock)
    told: list[Notice] = field(default_factory=list)
    logged: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.state = State(self.data / "state.db")
        self.registry = CollectorRegistry()
        self.heartbeats = Heartbeats(self.state, self.clock)
        self.watch = Watch(
            self.heartbeats, self.data, self.clock, registry=self.registry, tell=self.told.extend,
            log=lambda *event: self.logged.append(event), url="http://wardlight.test",
        )  # fmt: skip

    def stop(self) -> None:
        self.state.close()

    def restart(self, away: float) -> None:
        self.stop()
        self.clock.advance(away)
        self.start()
        self.watch.look()

    def add(self, every: str = "1h", grace: str = "10m", slug: str = SLUG, **more: str) -> None:
        more = more if "cron" in more else {"every": every, **more}
        self.heartbeats.add(slug, Definition(grace=grace, **more))  # type: ignore[arg-type]

    def wait(self, seconds: float, step: float = 30) -> None:
        """Let time pass, with a look at every step."""
        while seconds > 0:
            self.clock.advance(min(step, seconds))
            seconds -= step
            self.watch.look()

    def state_of(self, slug: str = SLUG) -> str:
        return self.heartbeats.get(slug).state

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"wardlight_heartbeat_{name}", labels or {"slug": SLUG})

    def firing(self) -> list[str]:
        """Name the heartbeats of which Alertmanager was told last that they are down."""
        now = self.clock.now_ns()
        last = {notice.labels["heartbeat"]: notice for notice in self.told}
        return [slug for slug, notice in last.items() if notice.ends_ns > now]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.stop()
