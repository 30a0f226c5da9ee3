"""Whether the ports are free, before anything is started."""

from __future__ import annotations

import errno
import shlex
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from wardlight.problems import BadConfig, Conflict
from wardlight.stack.plan import Part


def check(parts: Sequence[Part], settings: Path) -> None:
    """See that every part can listen. Raises Conflict naming each port, who holds it and the setting to change."""
    taken, seen = [], dict[int, str]()
    for part in parts:
        if not (part.command and part.address):
            continue
        host, _, number = part.address.rpartition(":")
        port = int(number)
        if port in seen:
            raise BadConfig(f"{settings}: {seen[port]} and {part.setting} both ask for port {port}")
        seen[port] = part.setting
        if not _free(host, port):
            taken.append(f"port {port} ({part.name}) is in use by {_holder(port)}; the setting is {part.setting}")
    if taken:
        raise Conflict(
            "\n  ".join([f"nothing was started; free these ports or change the settings in {settings}", *taken])
        )


def _free(host: str, port: int) -> bool:
    """Try to listen; an old connection that lingers is no obstacle."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host.strip("[]"), port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _holder(port: int) -> str:
    """Name the process that listens on a port, as far as we may know."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                process = psutil.Process(connection.pid)
                command = shlex.join(process.cmdline()[:3])
                return f"process {process.pid} (`{command[:80]}`)"
    return "another user's process"
