"""Raising an alert at once when a part exits, seconds before Prometheus can notice.

It carries the labels of the Prometheus rule of the same name, so that Alertmanager takes both for one alert.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from wardlight.clock import Clock
from wardlight.stack.plan import Part

AGAIN_SECONDS = 5.0
LAST_SECONDS = 15
"""How long one notice holds: long enough to be noticed even if the part is back before the next."""


class Alarm:
    """Posts to Alertmanager's API, and gives way when it is not there: Prometheus will notice too."""

    def __init__(self, alertmanager: str, rules: Sequence[Path], clock: Clock) -> None:
        self._url = f"{alertmanager}/api/v2/alerts"
        self._clock = clock
        self._rules = {
            rule["alert"]: rule
            for file in rules
            for group in yaml.safe_load(file.read_text())["groups"]
            for rule in group["rules"]
            if "alert" in rule
        }

    async def ring(self, part: Part, ending: str, until: asyncio.Event) -> None:
        """Raise the part's alert, and keep it up until the event is set; then it lapses by itself."""
        started = self._clock.now_ns()
        async with httpx.AsyncClient(timeout=2) as client:
            while not until.is_set():
                with suppress(httpx.HTTPError):
                    await client.post(self._url, json=[self._alert(part, ending, started)])
                with suppress(TimeoutError):
                    await asyncio.wait_for(until.wait(), AGAIN_SECONDS)

    def _alert(self, part: Part, ending: str, started_ns: int) -> dict[str, Any]:
        rule = self._rules[part.alert]
        now = datetime.fromtimestamp(self._clock.now_ns() / 1e9, UTC)
        return {
            "labels": {"alertname": part.alert, "job": part.job, "instance": part.address, **rule["labels"]},
            "annotations": {
                "summary": f"{part.name.capitalize()} {part.address} {ending}",
                "description": "Its supervisor saw it end and starts it again.",
                "runbook": rule["annotations"]["runbook"],
            },
            "startsAt": datetime.fromtimestamp(started_ns / 1e9, UTC).isoformat(),
            "endsAt": (now + timedelta(seconds=LAST_SECONDS)).isoformat(),
        }
