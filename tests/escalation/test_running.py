"""The service as the server runs it: at once, and aside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from tests.escalation.conftest import ONCALL

from wardlight.clock import SystemClock, moment
from wardlight.escalation import Escalation
from wardlight.incidents import Alert, Incidents, Notice
from wardlight.notify import Message, Outcome, Sent
from wardlight.store.state import State


class Office:
    """A service that may hang."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.hung = threading.Event()
        self.arrived = threading.Semaphore(0)

    def send(self, address: str, message: Message) -> Outcome:
        if "ann" in address:
            self.hung.wait(20)
        self.told.append(message.subject)
        self.arrived.release()
        return Sent()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "state.db")
    yield state
    state.close()


def notice(name: str, severity: str, category: str = "other") -> Notice:
    labels = {"alertname": name, "severity": severity, "category": category}
    started = moment(SystemClock().now_ns())
    alert = Alert(fingerprint=name, labels=labels, annotations={}, started=started, ended=None)
    return Notice(group_key=name, firing=True, alerts=(alert,))


async def test_a_channel_that_hangs_holds_nobody_else_up(state: State, tmp_path: Path) -> None:
    routes = '\n[policies.second]\nsteps = [{ level = "technical" }]\n[[routes]]\ncategory = ["security"]\npolicy = "second"\n'
    (tmp_path / "oncall.toml").write_text(ONCALL + routes)
    office, registry, clock = Office(), CollectorRegistry(), SystemClock()
    incidents = Incidents(state, clock, told=lambda *_: escalation.wake())
    escalation = Escalation(
        tmp_path, state, incidents, url="http://w.example", clock=clock, registry=registry, send=office.send
    )
    async with escalation.running():
        await asyncio.to_thread(incidents.receive, notice("Hanging", "critical"))
        await asyncio.to_thread(incidents.receive, notice("Quick", "critical", "security"))
        assert await asyncio.to_thread(office.arrived.acquire, timeout=20)
        assert office.told == ["CRITICAL: Quick"]
        office.hung.set()
        assert await asyncio.to_thread(office.arrived.acquire, timeout=20)
    sent = registry.get_sample_value("wardlight_notifications_total", {"channel": "JSON", "outcome": "sent"})
    assert sent == 2
    assert registry.get_sample_value("wardlight_time_to_notify_seconds_count", {"severity": "critical"}) == 2
    assert registry.get_sample_value("wardlight_escalations_total", {"level": "support"}) == 1
