"""Deployments: which version of a service went where, when and by whom."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import RowMapping, func, insert, select

from wardlight.changes.tables import MIGRATIONS, deployments
from wardlight.changes.window import text
from wardlight.clock import Clock, moment
from wardlight.problems import BadInput, Problem
from wardlight.store import state as database

MAX_SERVICES = 200
"""Services that have metrics of their own, the first in the alphabet; the store keeps all."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+:@/~-]{0,99}")

Log = Callable[[str, str, Mapping[str, str]], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One deployment."""

    id: int
    at: datetime
    service: str
    version: str
    environment: str
    commit: str
    by: str
    note: str


@dataclass(frozen=True, kw_only=True)
class NewDeployment:
    """A deployment that is told of."""

    service: str
    version: str
    environment: str = "production"
    commit: str = ""
    by: str = ""
    note: str = ""

    def check(self) -> None:
        """Raise BadInput naming what is wrong."""
        for name, value, form, says in (
            ("service", self.service, _NAME, "1 to 63 letters, digits, `.`, `_`, `/` and `-`"),
            ("version", self.version, _VERSION, "1 to 100 letters, digits and `.`, `_`, `+`, `:`, `@`, `/`, `~`, `-`"),
            ("environment", self.environment, _NAME, "1 to 63 letters, digits, `.`, `_`, `/` and `-`"),
        ):
            if form.fullmatch(value) is None:
                raise BadInput(f"{name}: {says}")
        for name, value in (("commit", self.commit), ("by", self.by), ("note", self.note)):
            if value:
                text(name, value)


class Deployments(Collector):
    """All deployments. Methods block: call them in a thread."""

    def __init__(self, state: database.State, clock: Clock, *, registry: CollectorRegistry, log: Log) -> None:
        self._state = state
        self._clock = clock
        self._log = log
        state.migrate("changes", MIGRATIONS)
        registry.register(self)

    def record(self, new: NewDeployment, repetition: str = "") -> Deployment:
        """Keep a deployment; on return it is on disk. One told again with the same `repetition` is the first one.

        Raises BadInput.
        """
        new.check()
        if repetition:
            text("Idempotency-Key", repetition)
        with self._state.write() as connection:
            if repetition:
                query = select(deployments).where(deployments.c.repetition == repetition)
                if (row := connection.execute(query).mappings().one_or_none()) is not None:
                    return _read(row)
            number = (connection.scalar(select(func.max(deployments.c.id))) or 0) + 1
            made = Deployment(id=number, at=moment(self._clock.now_ns()), **asdict(new))
            values = asdict(made)
            values |= {"revision": values.pop("commit"), "repetition": repetition or None}
            connection.execute(insert(deployments).values(values))
        self._write(made)
        return made

    def listed(
        self, service: str = "", environment: str = "", since: datetime | None = None, limit: int = 100
    ) -> list[Deployment]:
        """List deployments, newest first. Raises BadInput for a time without its zone."""
        query = select(deployments).order_by(deployments.c.id.desc()).limit(limit)
        if service:
            query = query.where(deployments.c.service == service)
        if environment:
            query = query.where(deployments.c.environment == environment)
        if since is not None:
            if since.tzinfo is None:
                raise BadInput("since: a time needs its zone, as 2026-03-01T02:00:00Z")
            query = query.where(deployments.c.at >= since)
        with self._state.read() as connection:
            return [_read(row) for row in connection.execute(query).mappings()]

    def latest(self) -> list[Deployment]:
        """List the newest deployment of each service and environment, in the order of their names."""
        newest = select(func.max(deployments.c.id)).group_by(deployments.c.service, deployments.c.environment)
        order = (deployments.c.service, deployments.c.environment)
        query = select(deployments).where(deployments.c.id.in_(newest)).order_by(*order)
        with self._state.read() as connection:
            return [_read(row) for row in connection.execute(query).mappings()]

    def collect(self) -> Iterator[Metric]:
        """Count a service's deployments, and say what runs where and since when."""
        total = CounterMetricFamily("wardlight_deployments", "Deployments of a service.", labels=["service"])
        labels = ["service", "environment"]
        info = GaugeMetricFamily("wardlight_deployment_info", "The version deployed last.", labels=[*labels, "version"])
        since = GaugeMetricFamily("wardlight_deployment_timestamp_seconds", "When it was deployed.", labels=labels)
        try:
            counted, latest = self._counted(), self.latest()
        except Problem as problem:
            _log.error("deployments have no metrics: %s", problem)
            return
        for service, count in counted.items():
            total.add_metric([service], count)
        for each in latest:
            if each.service in counted:
                info.add_metric([each.service, each.environment, each.version], 1)
                since.add_metric([each.service, each.environment], each.at.timestamp())
        yield from (total, info, since)

    def _counted(self) -> dict[str, int]:
        of = deployments.c.service
        query = select(of, func.count()).group_by(of).order_by(of).limit(MAX_SERVICES)
        with self._state.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def _write(self, made: Deployment) -> None:
        """Write an event into the log store, with the labels of the service's own logs."""
        by = f" by {made.by}" if made.by else ""
        note = f": {made.note}" if made.note else ""
        more = {"vcs.ref.head.revision": made.commit, "deployment.by": made.by}
        self._log(
            "deployment",
            f"{made.service} {made.version} deployed to {made.environment}{by}{note}",
            {
                "service.name": made.service,
                "service.version": made.version,
                "deployment.environment.name": made.environment,
                "deployment.id": str(made.id),
                **{name: value for name, value in more.items() if value},
            },
        )


def _read(row: RowMapping) -> Deployment:
    given = {name: row[name] for name in ("id", "at", "service", "version", "environment", "by", "note")}
    return Deployment(**given, commit=row["revision"])
