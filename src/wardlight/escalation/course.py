"""What happens next to an incident: decisions, pure. `engine` brings the rows, applies them, and sends.

    running       its next step is due at `due`: that level is told, the one after it is due next
    acknowledged  somebody is on it; at `due` they are reminded, and after `GRACE` it is taken back → running
    quiet         nobody is to be told
    over          resolved, documented or merged

Whoever was told is told once more when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import structs

from wardlight.escalation.policy import Level, OnCall, Policy, Step
from wardlight.escalation.when import Span
from wardlight.incidents.model import SEVERITIES, Incident, Severity

GRACE = timedelta(minutes=15)
"""Between the reminder of a stale acknowledgement and taking it back."""

Purpose = Literal["page", "reminder", "resolved"]


@dataclass(frozen=True, kw_only=True)
class Course:
    """One incident's way through its policy."""

    incident_id: int
    run: int
    """How often the incident had been reopened."""
    policy: str
    severity: Severity
    state: Literal["running", "acknowledged", "quiet", "over"]
    step: int = 0
    """Which step of the policy is next."""
    turn: int = 0
    """How many levels were asked."""
    due: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    reminded: bool = False
    version: int = 0
    """Changes with every change: who decides on an old one has decided in vain."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message to one person by one channel: meant, sent, or not, and why."""

    incident_id: int
    run: int
    turn: int
    purpose: Purpose
    level: str
    person: str
    channel: str
    severity: Severity
    due: datetime
    at: datetime
    state: Literal["due", "sent", "failed", "dropped"] = "due"
    reason: str = ""
    attempt: int = 0

    @property
    def id(self) -> str:
        """What makes it one: the same intent written twice is one."""
        return f"{self.incident_id}/{self.run}/{self.turn}/{self.purpose}/{self.person}/{self.channel}"


@dataclass(frozen=True)
class Note:
    """What is to be written on the incident's timeline."""

    action: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Move:
    """A decision: how the course goes on, the messages that are meant, and what is to be noted."""

    course: Course
    deliveries: tuple[Delivery, ...] = ()
    notes: tuple[Note, ...] = ()
    asked: str = ""
    """The level that was asked."""
    nobody: bool = False
    """Nobody was on call there."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What decisions go by."""

    oncall: OnCall
    now: datetime
    """Of the timers."""
    wall: datetime
    on_call: Callable[[Level], Sequence[str]]
    touched: Callable[[int], datetime | None] = field(default=lambda _: None)
    """When a person last did something about an incident, by the wall clock."""


def begin(incident: Incident, world: World) -> Move:
    """Start an incident on its way."""
    course = Course(
        incident_id=incident.id, run=incident.reopened, policy="", severity=incident.severity, state="quiet"
    )
    return _start(course, incident, world)


def follow(course: Course, incident: Incident, world: World) -> Move | None:
    """Say what is next for a pending incident; None while there is nothing."""
    if SEVERITIES.index(incident.severity) > SEVERITIES.index(course.severity):
        return _start(course, incident, world)
    if course.state == "quiet":
        policy = world.oncall.route(incident.severity, incident.category)
        return _start(course, incident, world) if world.oncall.steps(policy) else None
    if incident.state == "acknowledged":
        if (course.state, course.acknowledged_at) != ("acknowledged", incident.acknowledged_at):
            return Move(course=_acknowledged(course, incident, world))
        return _remind(course, incident, world) if _is_due(course, world) and not course.reminded else None
    if course.state == "acknowledged":
        return Move(course=replace(course, state="running", acknowledged_by="", reminded=False, due=world.now))
    return _ask(course, incident, world) if _is_due(course, world) else None


def is_stale(course: Course, incident: Incident, world: World) -> bool:
    """Whether an acknowledgement is to be taken back: it was reminded, and nothing came of it."""
    return incident.state == course.state == "acknowledged" and course.reminded and _is_due(course, world)


def refreshed(course: Course, world: World) -> Course | None:
    """Begin to wait anew where somebody has done something since; None where nobody has."""
    stale = _policy(course, world).stale.delta
    touched = world.touched(course.incident_id)
    idle = max(world.wall - touched, timedelta(0)) if touched else stale
    return replace(course, due=world.now + stale - idle, reminded=False) if idle < stale else None


def end(course: Course, told: Iterable[tuple[str, str]], world: World, *, resolved: bool) -> Move:
    """Bring it to its end; `told` are those who were told, by which channel."""
    over = replace(course, state="over", due=None)
    policy = _policy(course, world)
    if not (resolved and policy.resolved):
        return Move(course=over)
    messages = tuple(
        _delivery(course, "resolved", (person, channel), policy, world)
        for person, channel in told
        if person in world.oncall.people
    )
    return Move(course=over, deliveries=messages)


def _start(course: Course, incident: Incident, world: World) -> Move:
    """Go from the policy's first step: the incident is new, graver than before, or there is a policy for it now."""
    policy = world.oncall.route(incident.severity, incident.category)
    steps = world.oncall.steps(policy)
    chosen = replace(course, policy=policy, severity=incident.severity, step=0)
    rose = course.policy and course.severity != incident.severity
    notes = (Note("escalated", f"now {incident.severity}: from the first step of its policy"),) if rose else ()
    if not steps:
        why = f"no policy tells anybody of {incident.severity} incidents of the category {incident.category}"
        return Move(course=replace(chosen, state="quiet", due=None), notes=(*notes, Note("not notified", why)))
    if incident.state == "acknowledged":
        return Move(course=_acknowledged(chosen, incident, world), notes=notes)
    return Move(course=replace(chosen, state="running", due=world.now + steps[0].after.delta), notes=notes)


def _ask(course: Course, incident: Incident, world: World) -> Move:
    """Take the step that is due: tell its level, or go on at once where nobody is on call."""
    policy, steps = _policy(course, world), world.oncall.steps(course.policy)
    if not steps:
        return _start(course, incident, world)
    at = min(course.step, len(steps) - 1)
    level = world.oncall.levels[steps[at].level]
    name = world.oncall.level_name(steps[at].level)
    people = tuple(dict.fromkeys(world.on_call(level)))
    turn = course.turn + 1
    asked = replace(course, turn=turn, step=at + 1, due=_next_due(steps, at, policy, world, at_once=not people))
    if not people:
        onwards = "the next level is asked at once" if at + 1 < len(steps) else "there is no further level"
        note = Note("not notified", f"nobody on call at level {at + 1}, {name}: {onwards}")
        return Move(course=asked, notes=(note,), asked=steps[at].level, nobody=True)
    messages = tuple(
        _delivery(asked, "page", (person, way[0]), policy, world, level=steps[at].level)
        for person in people
        if (way := world.oncall.people[person].ways(course.severity, level.channels))
    )
    notes = (Note("escalated", f"level {at + 1}, {name}"),) if turn > 1 else ()
    return Move(course=asked, deliveries=messages, notes=notes, asked=steps[at].level)


def _next_due(steps: Sequence[Step], at: int, policy: Policy, world: World, *, at_once: bool) -> datetime | None:
    if at + 1 < len(steps):
        return world.now if at_once else world.now + steps[at + 1].after.delta
    return world.now + policy.repeat.delta if policy.repeat else None


def _acknowledged(course: Course, incident: Incident, world: World) -> Course:
    stale = _policy(course, world).stale
    return replace(
        course,
        state="acknowledged",
        acknowledged_by=incident.acknowledged_by,
        acknowledged_at=incident.acknowledged_at,
        reminded=False,
        due=world.now + stale.delta if stale else None,
    )


def _remind(course: Course, incident: Incident, world: World) -> Move:
    """Remind who acknowledged, unless something was done meanwhile."""
    if again := refreshed(course, world):
        return Move(course=again)
    who = incident.acknowledged_by
    if who not in world.oncall.people:
        note = Note("not notified", f"{who} can't be reminded: nobody of that name is in oncall.toml")
        return Move(course=replace(course, reminded=True, due=world.now + GRACE), notes=(note,))
    way = world.oncall.people[who].ways(course.severity)[0]
    alone = structs.replace(_policy(course, world), batch=Span())
    message = _delivery(course, "reminder", (who, way), alone, world)
    return Move(course=replace(course, reminded=True, due=message.due + GRACE), deliveries=(message,))


def _delivery(
    course: Course, purpose: Purpose, to: tuple[str, str], policy: Policy, world: World, *, level: str = ""
) -> Delivery:
    """Mean a message to a person by a channel."""
    return Delivery(
        incident_id=course.incident_id,
        run=course.run,
        turn=course.turn,
        purpose=purpose,
        level=level,
        person=to[0],
        channel=to[1],
        severity=course.severity,
        due=_when(to[0], policy, world),
        at=world.wall,
    )


def _when(person: str, policy: Policy, world: World) -> datetime:
    """Say when a message goes: at once, or at the end of the running batch, and then in working hours."""
    wall = world.wall
    if policy.batch:
        length = policy.batch.delta
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        wall = epoch + ((wall - epoch) // length + 1) * length
    if policy.working_hours:
        wall = world.oncall.people[person].hours.next_open(wall, world.oncall.people[person].zone)
    return world.now + (wall - world.wall)


def _policy(course: Course, world: World) -> Policy:
    """Find its policy; one that oncall.toml has no more counts as one without steps."""
    return world.oncall.policies.get(course.policy, Policy(steps=()))


def _is_due(course: Course, world: World) -> bool:
    return course.due is not None and course.due <= world.now
