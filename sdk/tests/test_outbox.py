"""The way out: nothing waits for it, nothing is lost without a count."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry

import wardlight_sdk as wardlight
from wardlight_sdk import client

from .conftest import Received, Receiver, eventually

Sent = Callable[[], list[Received]]
Count = Callable[..., float]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the queue hold 10 records."""
    monkeypatch.setattr(client, "CAPACITY", 10)


@pytest.fixture
def hung(receiver: Receiver) -> Iterator[Receiver]:
    """A Wardlight that takes a request and does not answer."""
    going = threading.Event()

    def wait(_: list[str]) -> int:
        going.wait(20)
        return 200

    receiver.answer, receiver.release = wait, going.set
    yield receiver
    going.set()


def outcomes(count: Count) -> tuple[float, float, float]:
    """Records sent, dropped, failed."""
    sent, dropped, failed = (
        count("wardlight_sdk_records_total", outcome=outcome) for outcome in ("sent", "dropped", "failed")
    )
    return sent, dropped, failed


def test_what_is_sent_is_counted(sent: Sent, count: Count) -> None:
    for _ in range(700):
        wardlight.feature_use("chart")
    assert len(sent()) == 700
    assert outcomes(count) == (700, 0, 0)


def test_records_leave_by_themselves(registry: CollectorRegistry, receiver: Receiver) -> None:
    wardlight.feature_use("chart")
    assert eventually(lambda: len(receiver.records) == 1)


def test_a_full_queue_drops_and_counts(small: None, hung: Receiver, registry: CollectorRegistry, count: Count) -> None:
    for _ in range(50):
        wardlight.feature_use("chart")
    assert count("wardlight_sdk_records_total", outcome="dropped") >= 50 - 2 * 10
    hung.release()


def test_the_last_tenth_of_the_queue_is_for_audit_records(
    small: None, receiver: Receiver, registry: CollectorRegistry, count: Count
) -> None:
    receiver.answer = lambda _: 503
    for _ in range(20):
        wardlight.feature_use("chart")
    before = count("wardlight_sdk_records_total", outcome="dropped")
    wardlight.record_access("Patient", "p1", patient="p1")
    assert before > 0
    assert count("wardlight_sdk_records_total", outcome="dropped") == before
    receiver.answer = lambda _: 200


def test_records_wait_until_a_busy_wardlight_takes_them(receiver: Receiver, sent: Sent, count: Count) -> None:
    answers = iter((429, 503, 500))
    receiver.answer = lambda _: next(answers, 200)
    wardlight.feature_use("chart")
    wardlight.flush(0)
    assert eventually(lambda: len(receiver.records) == 1, 20)
    assert eventually(lambda: outcomes(count) == (1, 0, 0))


def test_records_wait_until_wardlight_is_back(receiver: Receiver, registry: CollectorRegistry, count: Count) -> None:
    receiver.stop()
    wardlight.record_access("Patient", "p1", patient="p1")
    assert not wardlight.flush(0.2)
    receiver.start()
    assert eventually(lambda: len(receiver.records) == 1, 20)


def test_one_bad_record_does_not_take_the_others_with_it(receiver: Receiver, sent: Sent, count: Count) -> None:
    receiver.answer = lambda bodies: 400 if "poison used" in bodies else 200
    for number in range(100):
        wardlight.feature_use("poison" if number == 63 else "chart")
    assert len(sent()) == 99
    assert outcomes(count) == (99, 0, 1)


def test_records_that_wardlight_rejects_one_by_one_are_counted(receiver: Receiver, sent: Sent, count: Count) -> None:
    receiver.rejects = 2
    for _ in range(5):
        wardlight.feature_use("chart")
    sent()
    assert outcomes(count) == (3, 0, 2)


def test_a_refusal_of_the_sender_is_counted_and_not_repeated(receiver: Receiver, sent: Sent, count: Count) -> None:
    asked = []

    def refuse(bodies: list[str]) -> int:
        asked.append(bodies)
        return 401

    receiver.answer = refuse
    for _ in range(5):
        wardlight.feature_use("chart")
    sent()
    assert len(asked) == 1
    assert outcomes(count) == (0, 0, 5)


def test_closing_sends_what_waits(registry: CollectorRegistry, receiver: Receiver) -> None:
    for _ in range(600):
        wardlight.feature_use("chart")
    wardlight.close()
    assert len(receiver.records) == 600


def test_closing_ends_though_wardlight_hangs(hung: Receiver, registry: CollectorRegistry) -> None:
    wardlight.feature_use("chart")
    wardlight.close()
    assert hung.records == []


def test_what_waits_at_exit_is_sent(receiver: Receiver) -> None:
    program = f"""
import wardlight_sdk as w
w.setup("script", endpoint={receiver.endpoint!r})
w.feature_use("chart")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert receiver.bodies == ["chart used"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_sends_its_own_records(receiver: Receiver) -> None:
    program = f"""
import os
import wardlight_sdk as w
w.setup("script", endpoint={receiver.endpoint!r})
w.feature_use("parent")
child = os.fork()
if child == 0:
    w.feature_use("child")
    w.close()
    os._exit(0)
os.waitpid(child, 0)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert sorted(receiver.bodies) == ["child used", "parent used"]
