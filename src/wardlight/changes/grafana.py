"""Annotations in Grafana: a window as a region on all graphs, found again by its mark among the tags."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import httpx

from wardlight.changes.window import Window
from wardlight.problems import Unavailable

SECONDS = 5.0
"""Longest wait for an answer."""


class Grafana:
    """Annotations of windows. Methods block: call them in a thread. All raise Unavailable."""

    def __init__(self, url: str) -> None:
        """`url` may carry a user and a password: `http://user:password@host:3000`."""
        self._url = f"{url.rstrip('/')}/api/annotations"
        self._client = httpx.Client(timeout=SECONDS, trust_env=False)

    def annotate(self, window: Window) -> int:
        """See to it that a window has its annotation; return its identifier."""
        tag = f"wardlight:{window.mark}"
        found = self._ask("GET", "", {"tags": tag})
        if found:
            return int(found[0]["id"])
        tags = ["wardlight", "maintenance", tag]
        written = {"time": _ms(window, "starts"), "timeEnd": _ms(window, "ends"), "tags": tags, "text": window.what}
        return int(self._ask("POST", "", body=written)["id"])

    def shorten(self, window: Window) -> None:
        """Let a window's annotation end when the window did."""
        self._ask("PATCH", f"/{window.annotation}", body={"timeEnd": _ms(window, "ends")})

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _ask(self, method: str, path: str, parameters: dict[str, str] | None = None, body: object = None) -> Any:
        try:
            answer = self._client.request(method, self._url + path, params=parameters, json=body)
        except httpx.HTTPError as error:
            raise Unavailable(f"Grafana doesn't answer: {type(error).__name__}") from None
        if not answer.is_success:
            raise Unavailable(f"Grafana answers {answer.status_code}")
        try:
            return answer.json()
        except ValueError:
            raise Unavailable("Grafana's answer is not JSON") from None


def _ms(window: Window, name: Literal["starts", "ends"]) -> int:
    at: datetime = getattr(window, name)
    return round(at.timestamp() * 1000)
