"""What is expected of a heartbeat: how often, by when, how grave its silence is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim, CronSimError

from wardlight.problems import BadInput
from wardlight.query.units import parse_prometheus_duration

Severity = Literal["info", "warning", "critical"]

LONGEST = timedelta(days=366)
"""Longest period and grace."""
EARLY = timedelta(seconds=60)
"""A ping so shortly before its time by cron is meant for it: the job's machine has a clock of its own."""
MAX_TEXT = 500

_SLUG = re.compile(r"[a-z0-9-]{3,64}")
_AT_MOST = 1000


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A heartbeat as people define it: durations as `24h`, `90m`, `7d`; either `every` or `cron`."""

    every: str = ""
    """Period: the next ping is due so long after the last."""
    cron: str = ""
    """When the job runs, as in crontab: `30 2 * * *`; the next ping is due at the next of these moments."""
    zone: str = "UTC"
    """Time zone of `cron`, an IANA name."""
    grace: str = "1h"
    """How long a ping may be late, and a run may take, before it is an alarm."""
    name: str = ""
    severity: Severity = "warning"
    """Severity of the alert."""
    description: str = ""
    """What the job does, and whom to ask; it stands in the alert."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A definition that makes sense."""

    slug: str
    every: timedelta | None
    cron: str
    zone: str
    grace: timedelta
    name: str
    severity: Severity
    description: str

    def due(self, base: datetime) -> datetime:
        """Say when the next ping is due after a ping, always later than it.

        By cron as Debian's cron has it: a job of the hour that a clock leaves out runs right after it, a job of an hour
        that comes twice runs once. A ping just before its time is taken for that time.
        """
        if self.every is not None:
            return base + self.every
        first = _after(self.cron, self.zone, base)
        second = _after(self.cron, self.zone, first)
        return second if first - base <= min(EARLY, (second - first) / 2) else first


def planned(slug: str, given: Definition) -> Plan:
    """Check a definition. Raises BadInput with the name of what is wrong."""
    check_slug(slug)
    if bool(given.every) == bool(given.cron):
        raise BadInput("every: a heartbeat has either `every` or `cron`")
    for field in ("name", "description"):
        if len(getattr(given, field)) > MAX_TEXT:
            raise BadInput(f"{field}: longer than {MAX_TEXT} characters")
    if given.cron:
        _check_cron(given.cron, given.zone)
    return Plan(
        slug=slug,
        every=_duration("every", given.every) if given.every else None,
        cron=given.cron,
        zone=given.zone,
        grace=_duration("grace", given.grace),
        name=given.name or slug,
        severity=given.severity,
        description=given.description,
    )


def check_slug(slug: str) -> None:
    """Raise BadInput for what can't be a heartbeat's name."""
    if _SLUG.fullmatch(slug) is None:
        raise BadInput("slug: 3 to 64 of a-z, 0-9 and -")


def _duration(field: str, text: str) -> timedelta:
    try:
        found = timedelta(microseconds=parse_prometheus_duration(text) // 1000)
    except (ValueError, OverflowError):
        raise BadInput(f"{field}: {text[:40]!r} is not a duration like 90s, 15m, 24h or 7d") from None
    if not timedelta(seconds=1) <= found <= LONGEST:
        raise BadInput(f"{field}: from 1 second to {LONGEST.days} days, not {text[:40]}")
    return found


def _check_cron(expression: str, zone: str) -> None:
    """Raise BadInput unless it names moments, again and again."""
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        raise BadInput(f"zone: {zone[:60]!r} is not an IANA time zone like Europe/Zurich") from None
    if len(expression) > MAX_TEXT or len(expression.split()) != 5:
        raise BadInput("cron: five fields, as in crontab: minute hour day-of-month month day-of-week")
    try:
        _after(expression, zone, _after(expression, zone, datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise BadInput(f"cron: {expression!r}: {error}") from None
    except StopIteration:
        raise BadInput(f"cron: {expression!r} names no moment in 50 years") from None


@lru_cache(maxsize=_AT_MOST * 4)
def _after(expression: str, zone: str, moment: datetime) -> datetime:
    """Find the first moment of an expression after another, in UTC."""
    moments = CronSim(expression, moment.astimezone(ZoneInfo(zone)))
    # In an hour that comes twice a fixed time is found in its first pass, which may be over.
    return next(found for found in (each.astimezone(UTC) for each in moments) if found > moment)
