"""Asking Prometheus: every fact of the page in one query, every curve in another.

The expressions are joined by `or`, each marked with the label `fact`, so that a page costs two requests and all its
numbers are of one moment.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import msgspec

from wardlight.problems import Unavailable

_DISKS = 'fstype!~"tmpfs|ramfs|squashfs|iso9660|nfs.*"'
_REQUESTS = "http_server_request_duration_seconds"
_P95 = f"histogram_quantile(0.95, sum by (le) (rate({_REQUESTS}_bucket[1m])))"
_FAILED = f'(sum(rate({_REQUESTS}_count{{http_response_status_code=~"5.."}}[1m])) or vector(0))'
_HIT = "sum by (instance) (rate(pg_stat_database_blks_hit[5m]))"
_READ = "sum by (instance) (rate(pg_stat_database_blks_read[5m]))"
# Idle against all modes, so that it is right from the second scrape on.
_IDLE = 'sum by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m]))'
_CPU = f"1 - {_IDLE} / sum by (instance) (rate(node_cpu_seconds_total[1m]))"


def _counted(counter: str, label: str) -> str:
    """Compose: which values of a label were counted most in 5 minutes."""
    return f"topk(5, round(sum by ({label}) (increase({counter}[5m]))) > 0)"


FACTS: Mapping[str, str] = {
    "up": "up",
    "probe": "probe_success",
    "name": "node_uname_info",
    "boot": "max by (instance) (node_boot_time_seconds)",
    "cpu": _CPU,
    "cores": 'count by (instance) (node_cpu_seconds_total{mode="idle"})',
    "load": "max by (instance) (node_load1)",
    "memory": "max by (instance) (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
    "memory_bytes": "max by (instance) (node_memory_MemTotal_bytes)",
    "disk": f"topk by (instance) (1, 1 - node_filesystem_avail_bytes{{{_DISKS}}} / (node_filesystem_size_bytes > 0))",
    "received": 'sum by (instance) (rate(node_network_receive_bytes_total{device!="lo"}[1m]))',
    "sent": 'sum by (instance) (rate(node_network_transmit_bytes_total{device!="lo"}[1m]))',
    "pg_up": "min by (instance) (pg_up)",
    "pg_used": "max by (instance) (wardlight_pg_connections_used)",
    "pg_max": "max by (instance) (wardlight_pg_connections_max)",
    "pg_longest": "max by (instance) (wardlight_pg_transactions_longest_seconds)",
    "pg_blocked": "max by (instance) (wardlight_pg_blocked_sessions)",
    "pg_transactions": "sum by (instance) "
    "(rate(pg_stat_database_xact_commit[1m]) + rate(pg_stat_database_xact_rollback[1m]))",
    "pg_cache": f"{_HIT} / ({_HIT} + {_READ})",
    "pg_bytes": "sum by (instance) (pg_database_size_bytes)",
    "requests": f"sum(rate({_REQUESTS}_count[1m]))",
    "failed": f"{_FAILED} / sum(rate({_REQUESTS}_count[1m]))",
    "p95": _P95,
    "errors": _counted("app_errors_total", "type"),
    "users": "sum(app_users_active)",
    "sessions": "sum(app_sessions_active)",
    "logins": "round(sum by (outcome) (increase(app_logins_total[5m])))",
    "features": _counted("app_feature_uses_total", "feature"),
    "accesses": _counted("app_record_accesses_total", "record_type"),
}
"""What the page shows as a number."""

TRENDS: Mapping[str, str] = {
    "cpu": _CPU,
    "memory": FACTS["memory"],
    "pg_used": FACTS["pg_used"],
    "pg_transactions": FACTS["pg_transactions"],
    "requests": FACTS["requests"],
    "failed": FACTS["failed"],
    "p95": _P95,
    "users": FACTS["users"],
    "sessions": FACTS["sessions"],
}
"""What it shows as a curve besides."""

STEP = 30
POINTS = 61
"""A curve is half an hour, a point each `STEP` seconds."""


@dataclass(frozen=True)
class Sample:
    """A number and its labels."""

    labels: Mapping[str, str]
    value: float


Curve = tuple[float | None, ...]
"""Values at equal steps, the newest last; None where there was none."""


@dataclass(frozen=True)
class Readings:
    """What Prometheus told: samples by fact, curves by fact and instance (`""` where there is none)."""

    samples: Mapping[str, tuple[Sample, ...]]
    curves: Mapping[tuple[str, str], Curve]

    def all(self, fact: str) -> tuple[Sample, ...]:
        """Read all samples of a fact."""
        return self.samples.get(fact, ())

    def one(self, fact: str, **labels: str) -> float | None:
        """Read the sample that has these labels; None when there is none or it isn't a number."""
        matching = (it.value for it in self.all(fact) if labels.items() <= it.labels.items())
        return next((value for value in matching if math.isfinite(value)), None)

    def curve(self, fact: str, instance: str = "") -> Curve:
        """Read a fact's curve; empty when there is none."""
        return self.curves.get((fact, instance), ())


class _Series(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str] = (0.0, "NaN")
    values: list[tuple[float, str]] = []


class _Data(msgspec.Struct):
    result: list[_Series]


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""


_ODD = "what answers is no Prometheus"
_decoder = msgspec.json.Decoder(_Answer)


async def readings(client: httpx.AsyncClient, base: str, now: float) -> Readings:
    """Ask for everything at `now` (seconds since 1970). Raises Unavailable when Prometheus is away or odd."""
    if not base:
        raise Unavailable("no address of a Prometheus is set")
    end = now // STEP * STEP
    span = {"start": f"{end - STEP * (POINTS - 1):.0f}", "end": f"{end:.0f}", "step": str(STEP)}
    facts = await _ask(client, f"{base}/api/v1/query", {"query": _union(FACTS), "time": f"{now:.3f}"})
    trends = await _ask(client, f"{base}/api/v1/query_range", {"query": _union(TRENDS), **span})
    try:
        samples = [(it.metric.get("fact", ""), Sample(it.metric, float(it.value[1]))) for it in facts]
        curves = {(it.metric.get("fact", ""), it.metric.get("instance", "")): _curve(it, end) for it in trends}
    except ValueError:
        raise Unavailable(_ODD) from None
    return Readings({fact: tuple(it for of, it in samples if of == fact) for fact in FACTS}, curves)


def _union(expressions: Mapping[str, str]) -> str:
    """Join expressions into one query, each marked with its name."""
    return " or ".join(f'label_replace({it}, "fact", "{name}", "", "")' for name, it in expressions.items())


async def _ask(client: httpx.AsyncClient, url: str, form: Mapping[str, str]) -> list[_Series]:
    """Send one query."""
    try:
        answer = await client.post(url, data=form)
        told = _decoder.decode(answer.content)
    except httpx.TimeoutException:
        raise Unavailable("Prometheus takes too long to answer") from None
    except (httpx.HTTPError, httpx.InvalidURL):
        raise Unavailable("Prometheus does not answer") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unavailable(_ODD) from None
    if told.data is None:
        raise Unavailable(f"Prometheus refused the question: {told.error[:200]}")
    return told.data.result


def _curve(series: _Series, end: float) -> Curve:
    """Put a series' values on the grid."""
    points: list[float | None] = [None] * POINTS
    for at, value in series.values:
        number = float(value)
        place = POINTS - 1 - round((end - at) / STEP)
        if 0 <= place < POINTS and math.isfinite(number):
            points[place] = number
    return tuple(points)
