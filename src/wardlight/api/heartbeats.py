"""Heartbeats: the pings of jobs, and what comes of them.

A job says how it goes, by GET, POST or HEAD, and is answered 200 when that is on disk:

    /ping/SLUG          it ended well          /ping/SLUG/fail     it failed
    /ping/SLUG/start    it begins              /ping/SLUG/3        it ended with exit code 3 (0: well)
    /ping/SLUG/log      it has something to say

`?rid=UUID` tells runs apart that overlap. What is posted becomes a line in the log store, the last `KEPT_BYTES` of it.
404: there is no such heartbeat; 400: the address can't be understood.

`GET /api/v1/heartbeats` lists them, `GET /api/v1/heartbeats/SLUG` shows one with its newest pings; adding
(`POST`, `{"slug": "nightly-import", "cron": "30 2 * * *", "zone": "Europe/Zurich", "grace": "1h"}`), removing (`DELETE`),
`POST …/SLUG/pause` and `…/resume` are for administrators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, Counter
from starlette.requests import ClientDisconnect

from wardlight.heartbeats import Action, Definition, Heartbeat, HeartbeatFile, Heartbeats, Watch
from wardlight.heartbeats.plan import Severity
from wardlight.problems import BadInput, NotFound

KEPT_BYTES = 10_000
MAX_BYTES = 16 * 1024 * 1024
"""So much of a body is read; more isn't, and the ping counts all the same."""

_WORDS: Mapping[str, Action] = {"": "success", "start": "start", "fail": "fail", "log": "log"}
_ALSO = ["POST", "HEAD"]
"""Methods of a ping beside GET, which the OpenAPI document shows."""

Log = Callable[[str, str, Mapping[str, str]], None]


@dataclass(frozen=True, kw_only=True)
class HeartbeatList:
    """All heartbeats, and what is wrong with the file of definitions."""

    heartbeats: list[Heartbeat]
    fault: str


@dataclass(frozen=True, kw_only=True)
class NewHeartbeat:
    """A heartbeat to add; its fields are those of the file's definitions."""

    slug: str
    every: str = ""
    cron: str = ""
    zone: str = "UTC"
    grace: str = "1h"
    name: str = ""
    severity: Severity = "warning"
    description: str = ""


def router(heartbeats: Heartbeats, watch: Watch, log: Log, registry: CollectorRegistry) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["heartbeats"])
    _pings(routes, heartbeats, log, registry)

    @routes.get("/api/v1/heartbeats", summary="List heartbeats and how they stand")
    def listed() -> HeartbeatList:
        return HeartbeatList(heartbeats=heartbeats.listed(), fault=watch.fault)

    @routes.get("/api/v1/heartbeats/{slug}", summary="Show a heartbeat with its newest pings")
    def shown(slug: str) -> HeartbeatFile:
        return heartbeats.get(slug)

    @routes.post("/api/v1/heartbeats", status_code=201, summary="Add a heartbeat")
    def add(new: NewHeartbeat) -> HeartbeatFile:
        given = asdict(new)
        heartbeats.add(given.pop("slug"), Definition(**given))
        return heartbeats.get(new.slug)

    @routes.post("/api/v1/heartbeats/{slug}/pause", summary="Let nobody mind a heartbeat")
    def pause(slug: str) -> HeartbeatFile:
        heartbeats.pause(slug)
        return heartbeats.get(slug)

    @routes.post("/api/v1/heartbeats/{slug}/resume", summary="Watch a heartbeat again")
    def resume(slug: str) -> HeartbeatFile:
        heartbeats.resume(slug)
        return heartbeats.get(slug)

    @routes.delete("/api/v1/heartbeats/{slug}", status_code=204, summary="Forget a heartbeat")
    def remove(slug: str) -> None:
        heartbeats.remove(slug)

    return routes


def _pings(routes: APIRouter, heartbeats: Heartbeats, log: Log, registry: CollectorRegistry) -> None:
    """Add the routes that jobs call."""
    pings = Counter("wardlight_heartbeat_pings", "Pings that were taken.", ["action"], registry=registry)
    unknown = Counter("wardlight_heartbeat_unknown_pings", "Pings of heartbeats that don't exist.", registry=registry)

    async def take(request: Request, slug: str, word: str, rid: str) -> PlainTextResponse:
        action, exit_code = _meant(word)
        run = _rid(rid)
        try:
            await run_in_threadpool(heartbeats.ping, slug, action, exit_code=exit_code, rid=run)
        except NotFound:
            unknown.inc()
            raise
        pings.labels(action).inc()
        if said := await _tail(request):
            outcome = {"success": "success", "fail": "failure"}.get(action)
            more = {"event.outcome": outcome} if outcome else {}
            log("heartbeat.output", said, {"heartbeat": slug, **more, **({"heartbeat.run": run} if run else {})})
        return PlainTextResponse("OK\n", headers={"Cache-Control": "no-store"})

    @routes.api_route("/ping/{slug}", methods=_ALSO, include_in_schema=False)
    @routes.get("/ping/{slug}", summary="A job ended well")
    async def ended(request: Request, slug: str, rid: str = "") -> PlainTextResponse:
        return await take(request, slug, "", rid)

    @routes.api_route("/ping/{slug}/{word}", methods=_ALSO, include_in_schema=False)
    @routes.get("/ping/{slug}/{word}", summary="How a job goes")
    async def told(request: Request, slug: str, word: str, rid: str = "") -> PlainTextResponse:
        return await take(request, slug, word, rid)


def _meant(word: str) -> tuple[Action, int | None]:
    """Read the last part of a ping's address. Raises BadInput."""
    if word in _WORDS:
        return _WORDS[word], None
    if word.isascii() and word.isdecimal() and len(word) <= 3 and int(word) <= 255:
        return ("success" if int(word) == 0 else "fail"), int(word)
    raise BadInput("a ping's address ends in start, fail, log, an exit code from 0 to 255, or nothing more")


def _rid(text: str) -> str:
    """Read a run's identifier. Raises BadInput."""
    if not text:
        return ""
    try:
        return str(UUID(text))
    except ValueError:
        raise BadInput("rid: a run is named by a UUID") from None


async def _tail(request: Request) -> str:
    """Read the end of what was posted; what isn't text is written so that it can be read."""
    kept, read = b"", 0
    with suppress(ClientDisconnect):
        async for chunk in request.stream():
            kept, read = (kept + chunk)[-KEPT_BYTES:], read + len(chunk)
            if read > MAX_BYTES:
                break
    return kept.decode(errors="replace").strip()
