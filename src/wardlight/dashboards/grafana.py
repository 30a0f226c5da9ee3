"""A Grafana that runs elsewhere: its HTTP API (Grafana 9.4 to 12), as far as boards need it.

What was pushed carries its digest in the message of the board's version. So the newest version tells whether the board is
still ours: Grafana may write the same board differently, but never takes over a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from wardlight.problems import BadInput, Conflict, Denied, NotFound, Problem, Unauthenticated, Unavailable

SECONDS = 15.0
"""Longest wait for an answer."""
OLDEST = (9, 4)
"""The oldest version that the boards are written for."""
_PROBLEMS: dict[int, type[Problem]] = {401: Unauthenticated, 403: Denied, 404: NotFound, 409: Conflict, 412: Conflict}


class Grafana:
    """One organisation of a Grafana, asked with a service account's token.

    Methods block, and raise Unavailable (away, or no Grafana), Unauthenticated, Denied, or BadInput and Conflict with
    Grafana's own words.
    """

    def __init__(self, url: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        """`url` is where people open it, also below a path."""
        self._url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._client = httpx.Client(headers=headers, timeout=SECONDS, trust_env=False, transport=transport)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def version(self) -> str:
        """Ask for its version. Raises Unavailable when it is older than the boards are written for."""
        told = str(self.ask("GET", "/api/health").get("version", ""))
        parts = tuple(int(part) for part in told.split("-", maxsplit=1)[0].split(".")[:2] if part.isdigit())
        if len(parts) == 2 and parts < OLDEST:
            raise Unavailable(f"Grafana {told} is too old: the boards need {OLDEST[0]}.{OLDEST[1]} or later")
        return told

    def find(self, path: str) -> Any:
        """Ask for something, None if there is no such thing."""
        try:
            return self.ask("GET", path)
        except NotFound:
            return None

    def last_message(self, uid: str) -> str:
        """Return the message of a board's newest version."""
        found = self.ask("GET", f"/api/dashboards/uid/{quote(uid)}/versions?limit=1")
        versions = found.get("versions", []) if isinstance(found, Mapping) else found  # a bare list until Grafana 11
        return str(versions[0].get("message", "")) if versions else ""

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send a request and return the answer's JSON."""
        try:
            answer = self._client.request(method, self._url + path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"no Grafana answers at {self._url}: {type(error).__name__}") from None
        try:
            told = answer.json()
        except ValueError:
            raise Unavailable(f"{self._url} is not a Grafana: {answer.status_code} without JSON to {path}") from None
        if answer.is_success:
            return told
        kind = _PROBLEMS.get(answer.status_code, BadInput if answer.status_code < 500 else Unavailable)
        said = told.get("message", "") if isinstance(told, Mapping) else ""
        raise kind(f"Grafana refuses {method} {path} ({answer.status_code}){_advice(answer.status_code)}: {said}")


def _advice(status: int) -> str:
    """Say what to do about an answer."""
    return {
        401: ", the token is not one of a service account of this Grafana",
        403: ", the service account needs the role Admin, or the rights to write folders, dashboards and data sources",
    }.get(status, "")
