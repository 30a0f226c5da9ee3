from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from wardlight.clock import ManualClock, moment
from wardlight.escalation import Escalation
from wardlight.incidents import Alert, Incident, Incidents, Notice
from wardlight.notify import Failed, Message, Outcome, Sent
from wardlight.store.state import State

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""Of a Thursday."""

ONCALL = """
[people.ann]
name = "Ann"
channels = { mail = "json://ann.example", sms = "json://ann-sms.example" }
[people.ben]
name = "Ben"
zone = "Europe/Berlin"
hours = "Mon-Fri 08:00-17:00"
channels = { mail = "json://ben.example" }
[people.cat]
name = "Cat"
channels = { mail = "json://cat.example" }

[levels.support]
name = "first-level support"
who = ["ann"]
[levels.technical]
name = "technical team"
who = ["ben"]
[levels.emergency]
name = "emergency response"
who = ["cat", "ben"]
"""


@dataclass
class Channels:
    """What stands in for the services: who was told what, and how it goes."""

    clock: ManualClock
    sent: list[tuple[str, Message]] = field(default_factory=list)
    tried: list[tuple[str, datetime]] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def send(self, address: str, message: Message) -> Outcome:
        name = address.removeprefix("json://").removesuffix(".example")
        self.tried.append((name, moment(self.clock.now_ns())))
        outcome = self.outcomes.get(name, Sent())
        if isinstance(outcome, Sent):
            self.sent.append((name, message))
        return outcome

    def fail(self, name: str, reason: str = "connection refused", *, temporary: bool = True) -> None:
        self.outcomes[name] = Failed(reason, temporary)

    def told(self) -> list[str]:
        return [name for name, _ in self.sent]


@dataclass
class Desk:
    """Everything around an escalation, and time in the tests' hands."""

    data: Path
    clock: ManualClock
    state: State
    incidents: Incidents
    channels: Channels
    escalation: Escalation

    def configure(self, text: str) -> None:
        self.data.mkdir(exist_ok=True)
        (self.data / "oncall.toml").write_text(textwrap.dedent(text))

    def another(self) -> Escalation:
        """Start another server on the same database."""
        return Escalation(
            self.data, self.state, self.incidents, url="http://wardlight.example", clock=self.clock,
            registry=CollectorRegistry(), send=self.channels.send,
        )  # fmt: skip

    def fire(self, group: str = "db", **labels: str) -> Incident:
        told = {
            "alertname": "DatabaseDown",
            "severity": "critical",
            "category": "outage",
            "instance": "db:5432",
        } | labels
        alert = Alert(
            fingerprint=group, labels=told, annotations={"summary": "Database db:5432 is down"},
            started=moment(self.clock.now_ns()), ended=None,
        )  # fmt: skip
        self.incidents.receive(Notice(group_key=group, firing=True, alerts=(alert,)))
        return next(it for it in self.incidents.pending() if it.group_key == group)

    def end(self, incident: Incident) -> None:
        self.incidents.resolve(incident.id, "dora", "console")

    def tick(self, after: float = 0) -> None:
        """Let seconds pass, and tick."""
        self.clock.advance(after)
        self.escalation.tick()

    def wait(self, delta: timedelta, every: float = 60) -> None:
        """Let time pass, with a tick every so often."""
        left = delta.total_seconds()
        while left > 0:
            self.tick(min(every, left))
            left -= every

    def timeline(self, incident: Incident) -> list[tuple[str, str]]:
        events = self.incidents.get(incident.id).timeline
        return [(event.action, event.note) for event in events if event.source == "escalation"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    clock = ManualClock()
    clock.set_wall(int(NOON.timestamp()) * 10**9)
    state = State(tmp_path / "state.db")
    incidents = Incidents(state, clock)
    channels = Channels(clock)
    data = tmp_path / "data"
    data.mkdir()
    (data / "oncall.toml").write_text(ONCALL)
    escalation = Escalation(
        data, state, incidents, url="http://wardlight.example/", clock=clock, registry=CollectorRegistry(),
        send=channels.send,
    )  # fmt: skip
    yield Desk(data, clock, state, incidents, channels, escalation)
    state.close()
