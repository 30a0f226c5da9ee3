"""How commands reach a server: the one on this data directory, as its owner; any other by its address and a token."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx

from wardlight.cli import options
from wardlight.problems import BadConfig
from wardlight.store import owner
from wardlight.tls import Pin

_USUAL = "http://127.0.0.1:8480"

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, repr=False)
class Reach:
    """A server, and what it is shown."""

    url: str
    token: str = ""
    pin: Pin | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What every request says."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    @property
    def context(self) -> ssl.SSLContext | None:
        """Whom to trust: the one certificate, or the machine's authorities; None without TLS."""
        if self.pin:
            return self.pin.context
        return ssl.create_default_context() if self.url.startswith("https:") else None

    def client(self, seconds: float) -> httpx.Client:
        """Make a client that waits so long for an answer."""

        def named(request: httpx.Request) -> None:
            request.extensions |= self.pin.extensions if self.pin else {}

        return httpx.Client(
            base_url=self.url, headers=self.headers, timeout=httpx.Timeout(seconds, connect=5.0),
            verify=self.context or True, trust_env=False, event_hooks={"request": [named]},
        )  # fmt: skip


def reaching(command: Command) -> Command:
    """Add the options `--url`, `--token` and `--data`; the command is given a `reach`."""

    @options.data
    @click.option("--token", envvar="WARDLIGHT_TOKEN", default="", metavar="TOKEN|@FILE",
                  help="Token to show to --url; better in $WARDLIGHT_TOKEN or a file.")  # fmt: skip
    @click.option("--url", default="", help=f"The server; else the one that runs on the data directory, or {_USUAL}.")
    @functools.wraps(command)
    def reached(*given: Any, url: str, token: str, data: Path, **named: Any) -> Any:
        return command(*given, reach=reach(url, token, data), **named)

    return reached  # type: ignore[return-value]  # it takes other options than the command


def reach(url: str, token: str, data: Path) -> Reach:
    """Find the server that is meant. Raises BadConfig when the token's file can't be read."""
    shown = _read(token[1:]) if token.startswith("@") else token
    running = None if url else owner.find(data)
    if running is None:
        return Reach((url or _USUAL).rstrip("/"), shown)
    return Reach(running.url, shown or running.key, Pin.of(running.certificate) if running.certificate else None)


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise BadConfig(f"{path} can't be read: {error.strerror} (--token)") from None
