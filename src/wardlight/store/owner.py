"""How the owner of a data directory finds the server that runs on it, and proves to be its owner.

The server writes `server.json`, readable by the directory's owner only: its address and a key made anew at each start.
Whoever can read it may command the server (make a backup anywhere), as they could command the files themselves.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

NAME = "server.json"


class Running(msgspec.Struct, frozen=True):
    """A server that runs, or ran until it was killed."""

    url: str
    key: str
    certificate: str = ""
    """File of the certificate that it shows, the only one to trust; empty: no TLS."""

    @classmethod
    def at(cls, listen: str, certificate: str = "") -> Running:
        """Invent the key of a server that listens on `HOST:PORT`; it is reached from this machine only."""
        host, _, port = listen.rpartition(":")
        host = "127.0.0.1" if host in ("", "0.0.0.0", "[::]", "*") else host  # noqa: S104 -- compared, not bound  # nosec B104
        scheme = "https" if certificate else "http"
        return cls(f"{scheme}://{host}:{port}", secrets.token_urlsafe(32), certificate)


@contextmanager
def announced(data: Path, running: Running) -> Iterator[None]:
    """Tell the owner where the server is, for as long as it runs."""
    path = data / NAME
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(running))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def find(data: Path) -> Running | None:
    """Read what the server wrote; None if there is none. Whether it still runs is for the reader to see."""
    try:
        return msgspec.json.decode((data / NAME).read_bytes(), type=Running)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
