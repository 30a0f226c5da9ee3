"""`wardlight alerts test`: an alert goes the whole way, and is followed step by step."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx

from wardlight.cli import options
from wardlight.cli.incidents import ask, safe
from wardlight.config import load
from wardlight.incidents import SEVERITIES
from wardlight.problems import TimedOut, Unavailable

_PAUSE = 0.2
_LASTS = timedelta(minutes=5)
T = TypeVar("T")


@click.group()
def alerts() -> None:
    """Try the way of alerts."""


@alerts.command()
@click.argument("name")
@click.option("--severity", type=click.Choice(SEVERITIES), default="critical", show_default=True,
              help="Whom it may wake is decided by it.")  # fmt: skip
@click.option("--wait", "seconds", type=click.IntRange(1, 3600), default=60, show_default=True,
              help="Seconds to wait for each step.")  # fmt: skip
@options.data
def test(name: str, severity: str, seconds: int, data: Path) -> None:
    """Send an alert NAME down the whole way, tell when it arrives where, and end it again.

    It is a real alert: whoever is on call for its severity is called. Exits with 75 when it becomes no incident in time.
    """
    manager = load(data / "wardlight.toml").stack.alertmanager_url.rstrip("/")
    number = f"test-{secrets.token_hex(4)}"
    labels = {"alertname": name, "severity": severity, "category": "other", "job": number}
    begun = time.monotonic()

    def told(what: str) -> None:
        click.echo(f"{time.monotonic() - begun:7.2f} s  {what}")

    started = datetime.now(UTC)
    ask(data, "GET", "/api/v1/incidents?limit=1")
    _post(manager, labels, started, started + _LASTS)
    told(f"sent to Alertmanager at {manager}")
    try:
        found = _until(lambda: _incident(data, number), seconds, "it became no incident; what routes has Alertmanager?")
        told(f"incident {found['id']} is open: {safe(found['title'])}")
        for event in _events(data, found["id"], seconds):
            told(safe(f"{event['action']} by {event['actor']}{': ' if event['note'] else ''}{event['note']}"))
    finally:
        _post(manager, labels, started, datetime.now(UTC))
        told("ended; Alertmanager tells it with the group's next notice")


def _post(manager: str, labels: dict[str, str], started: datetime, ends: datetime) -> None:
    """Tell Alertmanager of the alert. Raises Unavailable."""
    alert = {
        "labels": labels,
        "annotations": {
            "summary": "a test of the way of alerts",
            "description": "Somebody tries whether alerts arrive.",
        },
        "startsAt": started.isoformat(),
        "endsAt": ends.isoformat(),
    }
    try:
        httpx.post(f"{manager}/api/v2/alerts", json=[alert], timeout=10, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise Unavailable(f"Alertmanager at {manager} doesn't take alerts: {error}") from None


def _incident(data: Path, number: str) -> Any:
    listed = ask(data, "GET", "/api/v1/incidents?state=all&limit=100")["incidents"]
    return next((it for it in listed if it["labels"].get("job") == number), None)


def _events(data: Path, incident: int, seconds: float) -> Iterator[Any]:
    """Follow the timeline until somebody was notified, or wasn't for a reason, or the time is over."""
    seen, until = 1, time.monotonic() + seconds
    while time.monotonic() < until:
        timeline = ask(data, "GET", f"/api/v1/incidents/{incident}?alerts=0")["timeline"]
        yield from timeline[seen:]
        if any("notified" in event["action"] for event in timeline[seen:]):
            return
        seen = len(timeline)
        time.sleep(_PAUSE)
    click.echo(f"nobody was notified within {seconds} s", err=True)


def _until(asked: Callable[[], T | None], seconds: float, problem: str) -> T:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (found := asked()) is not None:
            return found
        time.sleep(_PAUSE)
    raise TimedOut(f"after {seconds} s {problem}")
