"""Asking Alertmanager's v2 API: which alerts it has, and silencing them. Blocks: call it in a thread.

Shapes: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

import httpx
import msgspec

from wardlight.incidents.model import Alert
from wardlight.problems import BadInput, NotFound, TooLarge, Unavailable

MAX_BYTES = 128 * 1024 * 1024
"""Largest list of alerts that is read: some 100,000."""
SECONDS = 10.0

Standing = Literal["active", "silenced", "inhibited"]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An alert that fires, as Alertmanager shows it."""

    alert: Alert
    state: Standing
    by: tuple[str, ...]
    """Silences (`ID by WHOM`) or the inhibiting alerts (fingerprint and rule)."""
    receivers: tuple[str, ...]


class _Status(msgspec.Struct, rename="camel"):
    state: str
    silenced_by: list[str] = []
    inhibited_by: list[str] = []


class _Named(msgspec.Struct):
    name: str


class _Alert(msgspec.Struct, rename="camel"):
    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: _Time
    status: _Status
    receivers: list[_Named]
    generator_url: str = msgspec.field(name="generatorURL", default="")


class _Silence(msgspec.Struct, rename="camel"):
    id: str
    created_by: str


class Alertmanager:
    """One Alertmanager. Methods raise Unavailable when it doesn't answer, or answers what isn't understood."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # Alertmanager is a neighbour: a proxy of the environment is not for it.
        self._client = httpx.Client(timeout=SECONDS, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def alerts(self) -> list[Seen]:
        """List the alerts that fire, those silenced and inhibited too."""
        asked = {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}
        found = self._decoded(self._get("/api/v2/alerts", asked), list[_Alert])
        silencers = self._silencers() if any(it.status.silenced_by for it in found) else {}
        names = {it.fingerprint: it.labels.get("alertname", "") for it in found}
        return [_seen(it, silencers, names) for it in found]

    def silence(self, labels: Mapping[str, str], by: str, why: str, start: datetime, until: datetime) -> str:
        """Silence all alerts with these labels; return the silence's id."""
        matchers = [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in labels.items()]
        body = {
            "matchers": matchers,
            "startsAt": start.isoformat(),
            "endsAt": until.isoformat(),
            "createdBy": by,
            "comment": why,
        }
        made: dict[str, str] = self._decoded(self._ask("POST", "/api/v2/silences", json=body).content, dict[str, str])
        return made["silenceID"]

    def expire(self, silence: str) -> None:
        """End a silence now. Raises NotFound."""
        self._ask("DELETE", f"/api/v2/silence/{quote(silence, safe='')}")

    def _silencers(self) -> dict[str, str]:
        """Say of each silence who made it."""
        return {it.id: it.created_by for it in self._decoded(self._get("/api/v2/silences", {}), list[_Silence])}

    def _get(self, path: str, asked: Mapping[str, str]) -> bytes:
        """Read an answer, bounded. Raises Unavailable."""
        body = bytearray()
        try:
            with self._client.stream("GET", self._url + path, params=dict(asked)) as answer:
                if answer.status_code != 200:
                    raise Unavailable(f"Alertmanager answered {answer.status_code} to {path}")
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise TooLarge(f"Alertmanager's answer to {path} is larger than {MAX_BYTES} bytes")
        except httpx.HTTPError as error:
            raise Unavailable(f"Alertmanager doesn't answer: {type(error).__name__}") from None
        return bytes(body)

    def _ask(self, method: str, path: str, json: Any = None) -> httpx.Response:
        try:
            answer = self._client.request(method, self._url + path, json=json)
        except httpx.HTTPError as error:
            raise Unavailable(f"Alertmanager doesn't answer: {type(error).__name__}") from None
        if answer.status_code == 404:
            raise NotFound("Alertmanager has no such silence")
        if answer.status_code in (400, 422):
            raise BadInput(f"Alertmanager refused it: {answer.text[:200].strip()}")
        if not answer.is_success:
            raise Unavailable(f"Alertmanager answered {answer.status_code}")
        return answer

    def _decoded(self, body: bytes, shape: Any) -> Any:
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Unavailable(f"Alertmanager's answer isn't understood: {error}") from None


def _seen(told: _Alert, silencers: Mapping[str, str], names: Mapping[str, str]) -> Seen:
    status = told.status
    state: Standing = "silenced" if status.silenced_by else "inhibited" if status.inhibited_by else "active"
    by = [f"{one} {names.get(one, '')}".strip() for one in status.inhibited_by]
    if status.silenced_by:
        by = [f"{one} by {silencers[one]}" if silencers.get(one) else one for one in status.silenced_by]
    return Seen(
        alert=Alert(
            fingerprint=told.fingerprint,
            labels=told.labels,
            annotations=told.annotations,
            started=told.starts_at.astimezone(UTC),
            ended=None,
            generator_url=told.generator_url,
        ),
        state=state,
        by=tuple(by),
        receivers=tuple(it.name for it in told.receivers),
    )
