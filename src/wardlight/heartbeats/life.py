"""The life of a heartbeat: what its pings and the time make of it. Pure; what happened is stored, how it stands follows.

    new      not heard yet since it is watched
    up       heard, and the next ping is not due
    grace    the next ping is due, and its grace goes on
    down     due for longer than its grace; or a run takes longer than that; or the last ping told of a failure
    paused   nobody minds; the next ping that ends a run wakes it

A heartbeat that was never heard goes down as well: a job that never ran is the worst kind of silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from wardlight.heartbeats.plan import Plan
from wardlight.query.units import format_prometheus_duration

Action = Literal["success", "start", "fail", "log"]
State = Literal["new", "up", "grace", "down", "paused"]

MAX_RUNS = 50
"""Runs that are remembered at once; of more the earliest is forgotten."""


@dataclass(frozen=True, kw_only=True)
class Ping:
    """A word of a job."""

    action: Action
    at: datetime
    exit_code: int | None = None
    """Only with `success` (0) and `fail`."""
    rid: str = ""
    """Tells one run from others that overlap it; empty if the job doesn't."""


@dataclass(frozen=True, kw_only=True)
class Beat:
    """What happened to a heartbeat."""

    watched: datetime
    """Since when it is watched: it was added, or resumed, or its schedule changed."""
    paused: datetime | None = None
    heard: datetime | None = None
    """The last end of a run."""
    failed: bool = False
    exit_code: int | None = None
    runs: Mapping[str, datetime] = field(default_factory=dict)
    """Runs that go on: when each began, by its `rid`."""
    seconds: float | None = None
    """How long the last run took that told of its start."""
    pings: int = 0


@dataclass(frozen=True)
class Absence:
    """The last time that nobody listened here: a ping may have been lost in it."""

    left: datetime
    returned: datetime


@dataclass(frozen=True, kw_only=True)
class Stand:
    """How a heartbeat stands at a moment."""

    state: State
    running: bool
    due: datetime | None
    """When the next ping is due; None while paused."""
    deadline: datetime | None
    """When it goes down, or went; None while paused."""
    reason: str = ""
    """Why it is down."""


def pinged(beat: Beat, ping: Ping, grace: timedelta) -> tuple[Beat, float | None]:
    """Take a ping; return also how many seconds the run took that it ends, where that is known."""
    beat = replace(beat, pings=beat.pings + 1)
    if ping.action == "log":
        return beat, None
    if ping.action == "start":
        runs = {**beat.runs, ping.rid: ping.at}
        return replace(beat, runs=dict(sorted(runs.items(), key=lambda run: run[1])[-MAX_RUNS:])), None
    seconds = _taken(beat.runs, ping)
    # Without a `rid` it can't be told whose end it is; and a run that took too long has been told of.
    rest = {
        rid: start for rid, start in beat.runs.items() if ping.rid not in ("", rid) and start + grace > ping.at
    }  # fmt: skip
    ended = replace(
        beat,
        paused=None,
        watched=ping.at if beat.paused else beat.watched,
        heard=ping.at,
        failed=ping.action == "fail",
        exit_code=ping.exit_code,
        runs=rest,
        seconds=beat.seconds if seconds is None else seconds,
    )
    return ended, seconds


def _taken(runs: Mapping[str, datetime], ping: Ping) -> float | None:
    """Say how long the run took that a ping ends; None if that can't be told."""
    start = runs.get(ping.rid) if ping.rid or len(runs) != 1 else next(iter(runs.values()))
    return None if start is None else max(0.0, (ping.at - start).total_seconds())


def stand(beat: Beat, plan: Plan, now: datetime, absence: Absence | None = None) -> Stand:
    """Say how it stands."""
    running = bool(beat.runs)
    if beat.paused:
        return Stand(state="paused", running=running, due=None, deadline=None)
    heard = beat.heard if beat.heard is not None and beat.heard >= beat.watched else None
    due = plan.due(heard or beat.watched)
    if heard and beat.failed:
        code = "" if beat.exit_code is None else f", exit code {beat.exit_code}"
        return Stand(
            state="down", running=running, due=due, deadline=heard, reason=f"reported a failure at {_time(heard)}{code}"
        )
    ends = [(_excused(due + plan.grace, plan, absence), _silent(heard, due, plan))]
    ends += [(_excused(start + plan.grace, plan, absence), _overran(start, plan)) for start in beat.runs.values()]
    deadline, reason = min(ends)
    if now >= deadline:
        return Stand(state="down", running=running, due=due, deadline=deadline, reason=reason)
    state: State = "grace" if now >= due else "up" if heard else "new"
    return Stand(state=state, running=running, due=due, deadline=deadline)


def _excused(deadline: datetime, plan: Plan, absence: Absence | None) -> datetime:
    """Give senders the time of grace once more to be heard, if nobody listened when their ping may have come."""
    if absence is None or not absence.left < deadline < absence.returned + plan.grace:
        return deadline
    return absence.returned + plan.grace


def moved(beat: Beat, by: timedelta) -> Beat:
    """Move what happened along with a clock that was set."""
    return _timed(
        beat, {name: at + by for name, at in _times(beat).items()}, {r: at + by for r, at in beat.runs.items()}
    )


def held(beat: Beat, now: datetime) -> Beat:
    """Let nothing have happened after now: what says so is from before the clock was set back."""
    if all(at <= now for at in (*_times(beat).values(), *beat.runs.values())):
        return beat
    times = {name: min(at, now) for name, at in _times(beat).items()}
    return _timed(beat, times, {rid: min(at, now) for rid, at in beat.runs.items()})


def _times(beat: Beat) -> dict[str, datetime]:
    times = {"watched": beat.watched, "paused": beat.paused, "heard": beat.heard}
    return {name: at for name, at in times.items() if at is not None}


def _timed(beat: Beat, times: Mapping[str, datetime], runs: Mapping[str, datetime]) -> Beat:
    return replace(
        beat, watched=times["watched"], paused=times.get("paused"), heard=times.get("heard"), runs=dict(runs)
    )


def _silent(heard: datetime | None, due: datetime, plan: Plan) -> str:
    said = f"last heard at {_time(heard)}" if heard else "not heard yet"
    return f"silent: {said}, due at {_time(due)}, grace {written(plan.grace)}"


def _overran(start: datetime, plan: Plan) -> str:
    return f"a run goes on since {_time(start)}, for more than its grace of {written(plan.grace)}"


def written(duration: timedelta) -> str:
    """Write a duration as it is read: `1d`, `1h30m`."""
    return format_prometheus_duration(int(duration.total_seconds() * 1000) * 10**6)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
