"""Asking everything how it is: each part at its own endpoint, and Prometheus about what it watches."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx
import msgspec

from wardlight.problems import BadConfig
from wardlight.stack.state import PartState, State
from wardlight.tls import Pin


class PartHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One part: `status --json` shows these fields."""

    name: str
    address: str
    pid: int | None
    state: str
    healthy: bool
    detail: str
    """What is wrong; empty if nothing."""
    restarts: int
    url: str = ""
    """Where people open it; empty for what speaks no HTTP."""


class TargetHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that Prometheus watches."""

    job: str
    instance: str
    healthy: bool
    detail: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The shape of `wardlight status --json`; fields are only ever added."""

    healthy: bool
    """Whether everything runs, answers and is seen by Prometheus to be well."""
    data: str
    supervisor: int | None
    """Its process; None when nothing runs, and then the lists are empty."""
    parts: tuple[PartHealth, ...] = ()
    targets: tuple[TargetHealth, ...] = ()


async def check(state: State | None, data: str) -> Report:
    """Ask now. Nothing running is not healthy."""
    if state is None:
        return Report(healthy=False, data=data, supervisor=None)
    async with httpx.AsyncClient(timeout=3) as client:
        parts = await asyncio.gather(*(_part(client, part) for part in state.parts))
        targets = await _targets(client, state.prometheus)
    well = all(part.healthy for part in parts) and all(target.healthy for target in targets) and bool(targets)
    return Report(healthy=well, data=data, supervisor=state.supervisor.pid, parts=tuple(parts), targets=tuple(targets))


async def trouble(client: httpx.AsyncClient, ready: str, certificate: str = "") -> str:
    """Ask an endpoint whether it is ready; return what is wrong, empty if nothing is.

    With a certificate only that is trusted.
    """
    url = httpx.URL(ready)
    try:
        if url.scheme == "tcp":
            async with asyncio.timeout(2):
                _, writer = await asyncio.open_connection(url.host, url.port)
            writer.close()
        elif ready:
            answer = await (_pinned(url, certificate) if certificate else client.get(url))
            return "" if answer.is_success else f"{ready} answers {answer.status_code}"
    except (httpx.HTTPError, OSError) as error:
        return f"{ready} does not answer ({type(error).__name__})"
    except BadConfig as problem:
        return str(problem)
    return ""


async def _pinned(url: httpx.URL, certificate: str) -> httpx.Response:
    """Ask over TLS whoever shows this certificate."""
    pin = Pin.of(certificate)
    async with httpx.AsyncClient(timeout=3, verify=pin.context, trust_env=False) as client:
        return await client.get(url, extensions=pin.extensions)


async def _part(client: httpx.AsyncClient, part: PartState) -> PartHealth:
    """Ask one part."""
    process = part.process.find() if part.process is not None else None
    if part.state != "external" and process is None:
        detail = "no process"
    else:
        detail = await trouble(client, part.ready, part.certificate)
    return PartHealth(
        name=part.name,
        address=part.address,
        pid=process.pid if process is not None else None,
        state=part.state,
        healthy=not detail,
        detail=detail,
        restarts=part.restarts,
        url=_address(part.ready),
    )


def _address(ready: str) -> str:
    """Take scheme, host and port of where a part is asked."""
    url = httpx.URL(ready)
    return f"{url.scheme}://{url.netloc.decode()}" if url.scheme in ("http", "https") else ""


class _Target(msgspec.Struct):
    labels: dict[str, str]
    health: str
    lastError: str = ""  # noqa: N815 -- Prometheus's name


class _Series(msgspec.Struct):
    metric: dict[str, str]


class _Data(msgspec.Struct):
    activeTargets: list[_Target] = []  # noqa: N815
    result: list[_Series] = []


class _Answer(msgspec.Struct):
    data: _Data


_FAILED = '{__name__=~"probe_success|pg_up"} == 0'


async def _targets(client: httpx.AsyncClient, prometheus: str) -> list[TargetHealth]:
    """Ask Prometheus about its targets, and about what the exporters found behind them."""
    with suppress(httpx.HTTPError, msgspec.DecodeError):
        watched = await client.get(f"{prometheus}/api/v1/targets", params={"state": "active"})
        failed = await client.get(f"{prometheus}/api/v1/query", params={"query": _FAILED})
        behind = {
            (series.metric.get("job"), series.metric.get("instance"))
            for series in msgspec.json.decode(failed.content, type=_Answer).data.result
        }
        found = [
            _target(target, behind) for target in msgspec.json.decode(watched.content, type=_Answer).data.activeTargets
        ]
        return sorted(found, key=lambda target: (target.job, target.instance))
    return []


def _target(target: _Target, behind: set[tuple[str | None, str | None]]) -> TargetHealth:
    """Judge one target."""
    job, instance = target.labels.get("job", ""), target.labels.get("instance", "")
    detail = ""
    if target.health != "up":
        detail = target.lastError or "not asked yet"
    elif (job, instance) in behind:
        detail = "its exporter can't reach it"
    return TargetHealth(job=job, instance=instance, healthy=not detail, detail=detail)
