"""Starting and ending one child so that nothing of it is left behind."""

from __future__ import annotations

import asyncio
import ctypes
import os
import pwd
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

LOG_BYTES = 8 * 1024 * 1024
"""Largest log of a part; at most one older one of the same size is kept."""

_PR_SET_PDEATHSIG = 1


async def start(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, user: pwd.struct_passwd | None
) -> Process:
    """Start a child in a session of its own, as another user if one is given; its output goes to the log.

    On Linux it dies with us however we end. Raises OSError. Must be called from the main thread, whose end is what the
    kernel watches.
    """
    rights: dict[str, Any] = {}
    if user is not None:
        rights = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
            preexec_fn=_die_with_parent(),
            **rights,
        )


def _die_with_parent() -> Callable[[], None] | None:
    """Prepare what the child does before its program starts; a change of user would undo it, and comes earlier."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def die_with_parent() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os.kill(os.getpid(), signal.SIGKILL)

    return die_with_parent


async def stop(child: Process, patience: float) -> None:
    """Ask a child to end; after `patience` seconds end it, and whatever it has left behind in any case."""
    family = _descendants(child.pid)
    for number in (signal.SIGTERM, signal.SIGCONT):  # a stopped process can't hear the first
        with suppress(ProcessLookupError):
            os.kill(child.pid, number)  # not child.send_signal: it would reap what asyncio waits for
    with suppress(TimeoutError):
        await asyncio.wait_for(child.wait(), patience)
    sweep(child.pid)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    await child.wait()


def sweep(group: int) -> None:
    """End what is left of a child's process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _descendants(pid: int) -> list[psutil.Process]:
    """List a process's children and theirs."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def ending(code: int) -> str:
    """Say how a child ended.

    >>> ending(3), ending(-9)
    ('exited with code 3', 'was ended by SIGKILL')
    """
    return f"exited with code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"


def bound(log: Path) -> None:
    """Keep a log within its size: a full one becomes the older one; its writer appends, and so goes on at the start."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        older = log.with_suffix(".log.1")
        older.write_bytes(log.read_bytes())
        os.truncate(log, 0)
