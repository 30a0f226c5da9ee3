"""Rules that run on answers written down in advance, with a clock turned by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from wardlight.alertmanager import Outbox
from wardlight.clock import ManualClock
from wardlight.config import Rules, Settings
from wardlight.rules import Ruler
from wardlight.rules.model import Sample
from wardlight.store.state import State

MINUTE = 60 * 10**9

Answer = Callable[[str, int], Sequence[Sample]]


@dataclass
class Answers:
    """An evaluator that says what the test says, and remembers what it was asked."""

    say: Answer = lambda _query, _at: ()
    asked: list[tuple[str, int]] = field(default_factory=list)

    def instant(self, query: str, at_ns: int) -> Sequence[Sample]:
        self.asked.append((query, at_ns))
        return self.say(query, at_ns)

    def cancel(self) -> None:
        pass


@dataclass
class House:
    """A data directory with a ruler that can be stopped and started again."""

    data: Path
    clock: ManualClock = field(default_factory=ManualClock)
    answers: Answers = field(default_factory=Answers)
    settings: Settings = field(default_factory=Settings)
    shipped: Path | None = None

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.registry = CollectorRegistry()
        self.state = State(self.data / "state.db")
        self.outbox = Outbox(self.settings.stack.alertmanager_url, self.registry)
        self.ruler = Ruler(
            self.answers, self.data, self.settings, state=self.state, clock=self.clock, registry=self.registry,
            tell=self.outbox.put, shipped=self.shipped,
        )  # fmt: skip

    def stop(self) -> None:
        self.ruler.close()
        self.state.close()

    def file(self, text: str, name: str = "a.yml") -> None:
        (self.data / "rules" / name).write_text(text)

    def minute(self, count: int = 1) -> None:
        """Let minutes pass, one by one, and have what is due evaluated in each."""
        for _ in range(count):
            self.clock.advance(60)
            self.look()

    def look(self) -> None:
        self.ruler.look()
        self.ruler.settle()
        self.ruler.look()

    def states(self) -> list[str]:
        """Say the state of every alert, in order."""
        return [alert.state for group in self.ruler.statuses() for rule in group.rules for alert in rule.alerts]

    def errors(self) -> list[str]:
        return [rule.error for group in self.ruler.statuses() for rule in group.rules]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def waiting(self) -> list[tuple[str, bool]]:
        """Say what Alertmanager is to be told: the alert's name, and whether it goes on."""
        now = self.clock.now_ns()
        return [(each.labels["alertname"], each.ends_ns > now) for each in self.outbox._waiting.values()]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "data")
    yield house
    house.stop()


def rule_file(expr: str = "vector(1)", *more: str, alert: str = "A", group: str = "g", interval: str = "1m") -> str:
    """Write a file with one alert rule."""
    lines = [f"groups: [{{name: {group}, interval: {interval}, rules: [{{alert: {alert}, expr: '{expr}'"]
    return ", ".join([*lines, *more]) + "}]}]"


def always(**labels: str) -> Answer:
    return lambda _query, _at: [Sample(labels, 1.0)]


__all__ = ["MINUTE", "Answers", "House", "Rules", "always", "rule_file"]
