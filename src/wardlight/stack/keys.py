"""What lets the parts into the server: a token each and the certificate to trust, in files of theirs, renewed in time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wardlight import tls
from wardlight.clock import Clock
from wardlight.config import Server
from wardlight.problems import BadConfig
from wardlight.stack.layout import Layout

TOKEN = "wardlight.token"  # noqa: S105 -- a file's name
CERTIFICATE = "wardlight.pem"
PARTS = ("prometheus", "alertmanager", "grafana")
"""Those that ask the server something: metrics, to be told of alerts, logs."""
_RENEWED = ("prometheus", "alertmanager")
"""Those that read their token anew; making another one for Grafana would end the one that it has read."""

RENEW_SECONDS = 10 * 86400.0
"""How often tokens are made anew, while everything runs; at a start they are in any case."""
LOOK_SECONDS = 2.0
"""How soon the parts trust a new certificate."""

Make = Callable[[str], str]
"""Makes a token for a part."""


class Keys:
    """The files in the parts' rooms. Programs read them at each request; Grafana does at its start."""

    def __init__(self, layout: Layout, server: Server, make: Make | None, clock: Clock) -> None:
        """Without `make` the house is open, and nobody needs a token."""
        self._layout = layout
        self._make = make
        self._clock = clock
        self._certificate = server.certificate
        self._shown = ""
        self._renewed = 0.0

    def write(self) -> None:
        """Write everything anew; raises BadConfig when the certificate can't be read."""
        self._make_tokens(PARTS)
        if self._certificate:
            self._trust()

    async def keep(self, stopping: asyncio.Event) -> None:
        """Renew what must be, until everything stops."""
        while not stopping.is_set():
            try:
                await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)
            except TimeoutError:
                await asyncio.to_thread(self.renew)

    def renew(self) -> None:
        """Write what is old: tokens by their age, the certificate when the server has a new one."""
        if self._clock.monotonic() - self._renewed > RENEW_SECONDS:
            self._make_tokens(_RENEWED)
        if self._certificate:
            self._trust()

    def _make_tokens(self, parts: Sequence[str]) -> None:
        self._renewed = self._clock.monotonic()
        if self._make:
            for room in self._rooms():
                if room.name in parts:
                    self._put(room, TOKEN, self._make(room.name))

    def _trust(self) -> None:
        """Let the parts trust the certificate; one that can't be read isn't shown either."""
        try:
            shown = tls.leaf_pem(self._certificate)
        except BadConfig:
            if not self._shown:
                raise
            return
        if shown != self._shown:
            for room in self._rooms():
                self._put(room, CERTIFICATE, shown)
            self._shown = shown

    def _rooms(self) -> list[Path]:
        return [room for part in PARTS if (room := self._layout.room(part)).exists()]

    def _put(self, room: Path, name: str, content: str) -> None:
        """Replace a file at once; only the room's owner reads it."""
        fresh, owner = room / f".{name}", room.stat()
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        os.chown(fresh, owner.st_uid, owner.st_gid)
        fresh.write_text(content)
        fresh.replace(room / name)


def client(server: Server, *, demo: bool) -> Mapping[str, Any]:
    """Say how a part of Prometheus's family asks the server: `authorization` and `tls_config` of its client.

    The files are named as they lie beside the configuration.
    """
    config: dict[str, Any] = {}
    if not demo:
        config["authorization"] = {"credentials_file": TOKEN}
    if server.certificate:
        config["tls_config"] = {"ca_file": CERTIFICATE, "server_name": tls.Pin.of(server.certificate).name}
    return config
