"""Alertmanager's webhook, version 4: `POST /api/v1/alertmanager`.

Answers 204 when the notice is on disk; 400 with the field that is wrong; 413 above `MAX_BYTES`; 503 when the state
database is away, so that Alertmanager tries again. Fields we don't know are let pass.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from wardlight.api import body
from wardlight.incidents import Alert, Incidents, Notice
from wardlight.problems import BadInput

MAX_BYTES = 32 * 1024 * 1024
"""Largest notice: a storm of some 20,000 alerts. Alertmanager doesn't repeat what was refused."""

_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_Status = Literal["firing", "resolved"]


class _Alert(msgspec.Struct, rename="camel"):
    status: _Status
    labels: dict[str, str]
    starts_at: _Time
    ends_at: _Time
    fingerprint: Annotated[str, msgspec.Meta(min_length=1)]
    annotations: dict[str, str] = {}
    generator_url: str = msgspec.field(name="generatorURL", default="")


class _Webhook(msgspec.Struct, rename="camel"):
    version: Literal["4"]
    group_key: Annotated[str, msgspec.Meta(min_length=1)]
    status: _Status
    alerts: Annotated[list[_Alert], msgspec.Meta(min_length=1)]
    truncated_alerts: Annotated[int, msgspec.Meta(ge=0)] = 0


_decoder = msgspec.json.Decoder(_Webhook)


def router(incidents: Incidents) -> APIRouter:
    """Make the routes of the webhook."""
    routes = APIRouter(tags=["incidents"])

    @routes.post("/api/v1/alertmanager", status_code=204, summary="Take a notice of Alertmanager (webhook version 4)")
    async def take(request: Request) -> Response:
        notice = decode(await body.read(request, MAX_BYTES, "max_alerts of Alertmanager's webhook_configs"))
        await run_in_threadpool(incidents.receive, notice)
        return Response(status_code=204)

    return routes


def decode(sent: bytes) -> Notice:
    """Read a notice. Raises BadInput naming the field that is wrong."""
    try:
        webhook = _decoder.decode(sent)
        alerts = tuple(_alert(alert) for alert in webhook.alerts)
    except OverflowError:
        raise BadInput("Alertmanager's notice: a time lies outside the years 1 to 9999") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"Alertmanager's notice: {error}") from None
    return Notice(
        group_key=webhook.group_key,
        firing=webhook.status == "firing",
        alerts=alerts,
        truncated=webhook.truncated_alerts,
    )


def _alert(sent: _Alert) -> Alert:
    """Read one alert; the end of one that fires is a guess of its sender and left out."""
    return Alert(
        fingerprint=sent.fingerprint,
        labels=sent.labels,
        annotations=sent.annotations,
        started=sent.starts_at.astimezone(UTC),
        ended=sent.ends_at.astimezone(UTC) if sent.status == "resolved" else None,
        generator_url=sent.generator_url,
    )
