"""What the page shows: one frozen snapshot, made of what Prometheus, the incidents and the log store told.

    Snapshot
    ├── metrics    Metrics | Away     servers, databases, application, people, targets
    ├── incidents  IncidentsNow | Away
    ├── on_call    Duty… | Away
    ├── logs       lines by kind | Away
    └── users      ActiveUser… | Away

A source that is away is `Away` in its place; nothing else misses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from wardlight.console.prometheus import Curve, Readings, Sample
from wardlight.incidents import Incident
from wardlight.store.newest import ActiveUser, LogLine


@dataclass(frozen=True)
class Away:
    """A source that could not be asked, and why."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that Prometheus scrapes or probes."""

    job: str
    instance: str
    up: bool


@dataclass(frozen=True, kw_only=True)
class Server:
    """A machine. Shares are from 0 to 1; None is unknown."""

    instance: str
    name: str
    """Its host name, empty when unknown."""
    up: bool
    cpu: float | None
    cpu_curve: Curve
    cores: float | None
    load: float | None
    memory: float | None
    memory_curve: Curve
    memory_bytes: float | None
    disk: float | None
    disk_mount: str
    received: float | None
    sent: float | None
    booted: datetime | None


@dataclass(frozen=True, kw_only=True)
class Database:
    """A PostgreSQL server; `up` is None when its exporter doesn't say."""

    instance: str
    up: bool | None
    used: float | None
    used_curve: Curve
    max: float | None
    longest: float | None
    blocked: float | None
    transactions: float | None
    transactions_curve: Curve
    cache: float | None
    bytes: float | None


@dataclass(frozen=True, kw_only=True)
class Application:
    """The watched application, all of its instances together."""

    requests: float | None
    requests_curve: Curve
    failed: float | None
    failed_curve: Curve
    p95: float | None
    p95_curve: Curve
    errors: tuple[tuple[str, float], ...]
    """Kinds of exceptions and how many in 5 minutes, the most frequent first."""


@dataclass(frozen=True, kw_only=True)
class People:
    """Who uses it, in numbers of the last 5 minutes."""

    users: float | None
    users_curve: Curve
    sessions: float | None
    sessions_curve: Curve
    logins: float | None
    failed_logins: float | None
    features: tuple[tuple[str, float], ...]
    accesses: tuple[tuple[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """All that comes from Prometheus."""

    targets: tuple[Target, ...]
    servers: tuple[Server, ...]
    databases: tuple[Database, ...]
    application: Application
    people: People

    def of(self, *jobs: str) -> tuple[Target, ...]:
        """Pick the targets of some jobs."""
        return tuple(target for target in self.targets if target.job in jobs)


@dataclass(frozen=True, kw_only=True)
class IncidentsNow:
    """Open incidents, the gravest and newest first; the one resolved last; when the watchdog was heard."""

    open: tuple[Incident, ...]
    last_resolved: Incident | None
    watchdog_heard: datetime | None


@dataclass(frozen=True, kw_only=True)
class Duty:
    """Who is on call in a rotation, and until when."""

    rotation: str
    people: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything on the page, of one moment."""

    at: datetime
    since: datetime
    """When this server began to look."""
    metrics: Metrics | Away
    incidents: IncidentsNow | Away
    on_call: tuple[Duty, ...] | Away
    logs: Mapping[str, tuple[LogLine, ...]] | Away
    users: tuple[ActiveUser, ...] | Away


def metrics_of(told: Readings) -> Metrics:
    """Order what Prometheus told into what it is about."""
    return Metrics(
        targets=_targets(told),
        servers=tuple(_server(told, it) for it in told.all("up") if it.labels.get("job") == "node"),
        databases=tuple(_database(told, it) for it in told.all("up") if it.labels.get("job") == "postgres"),
        application=Application(
            requests=told.one("requests"),
            requests_curve=told.curve("requests"),
            failed=told.one("failed"),
            failed_curve=told.curve("failed"),
            p95=told.one("p95"),
            p95_curve=told.curve("p95"),
            errors=_ranked(told, "errors", "type"),
        ),
        people=People(
            users=told.one("users"),
            users_curve=told.curve("users"),
            sessions=told.one("sessions"),
            sessions_curve=told.curve("sessions"),
            logins=told.one("logins", outcome="success"),
            failed_logins=told.one("logins", outcome="failure"),
            features=_ranked(told, "features", "feature"),
            accesses=_ranked(told, "accesses", "record_type"),
        ),
    )


def _targets(told: Readings) -> tuple[Target, ...]:
    """List the targets; a probe's own answer counts, not its exporter's."""
    probed = {(it.labels.get("job"), it.labels.get("instance")): it.value for it in told.all("probe")}
    targets = []
    for it in told.all("up"):
        job, instance = it.labels.get("job", ""), it.labels.get("instance", "")
        targets.append(Target(job=job, instance=instance, up=probed.get((job, instance), it.value) == 1))
    return tuple(sorted(targets, key=lambda target: (target.job, target.instance)))


def _server(told: Readings, up: Sample) -> Server:
    instance = up.labels.get("instance", "")
    booted = told.one("boot", instance=instance)
    fullest = _labelled(told, "disk", instance)
    uname = _labelled(told, "name", instance)
    return Server(
        instance=instance,
        name=uname.labels.get("nodename", "") if uname else "",
        up=up.value == 1,
        cpu=told.one("cpu", instance=instance),
        cpu_curve=told.curve("cpu", instance),
        cores=told.one("cores", instance=instance),
        load=told.one("load", instance=instance),
        memory=told.one("memory", instance=instance),
        memory_curve=told.curve("memory", instance),
        memory_bytes=told.one("memory_bytes", instance=instance),
        disk=fullest.value if fullest else None,
        disk_mount=fullest.labels.get("mountpoint", "") if fullest else "",
        received=told.one("received", instance=instance),
        sent=told.one("sent", instance=instance),
        booted=datetime.fromtimestamp(booted, UTC) if booted is not None else None,
    )


def _database(told: Readings, up: Sample) -> Database:
    instance = up.labels.get("instance", "")
    pg_up = told.one("pg_up", instance=instance) if up.value == 1 else None
    return Database(
        instance=instance,
        up=None if pg_up is None else pg_up == 1,
        used=told.one("pg_used", instance=instance),
        used_curve=told.curve("pg_used", instance),
        max=told.one("pg_max", instance=instance),
        longest=told.one("pg_longest", instance=instance),
        blocked=told.one("pg_blocked", instance=instance),
        transactions=told.one("pg_transactions", instance=instance),
        transactions_curve=told.curve("pg_transactions", instance),
        cache=told.one("pg_cache", instance=instance),
        bytes=told.one("pg_bytes", instance=instance),
    )


def _labelled(told: Readings, fact: str, instance: str) -> Sample | None:
    return next((it for it in told.all(fact) if it.labels.get("instance") == instance), None)


def _ranked(told: Readings, fact: str, label: str) -> tuple[tuple[str, float], ...]:
    """Name and count, the most frequent first."""
    counted = [(it.labels.get(label, ""), it.value) for it in told.all(fact)]
    return tuple(sorted(counted, key=lambda pair: (-pair[1], pair[0])))
