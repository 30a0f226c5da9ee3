"""What the supervisor tells others: one lock and one JSON file in the data directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
import psutil

from wardlight.problems import Conflict
from wardlight.stack.layout import Layout


class Process(msgspec.Struct, frozen=True):
    """A process that can't be mistaken for a later one of the same number."""

    pid: int
    created: float
    """Start, in seconds since 1970, as the system keeps it."""

    @classmethod
    def of(cls, pid: int) -> Process:
        """Name a process that runs. Raises psutil.NoSuchProcess."""
        return cls(pid, psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """Return the process if it still runs."""
        with suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.pid)
            if found.create_time() == self.created and found.status() != psutil.STATUS_ZOMBIE:
                return found
        return None


class PartState(msgspec.Struct, frozen=True, kw_only=True):
    """How one part is."""

    name: str
    address: str
    ready: str
    """How it is asked; see `plan.Part.ready`."""
    certificate: str = ""
    """See `plan.Part.certificate`."""
    state: str
    """`waiting`, `starting`, `ready`, `restarting`, `stopped`; `external` for one that runs elsewhere."""
    process: Process | None
    restarts: int


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What runs in a data directory."""

    supervisor: Process
    ready: bool
    """Whether all parts have been ready since the start."""
    prometheus: str
    """Prometheus's URL."""
    parts: tuple[PartState, ...]


def write(layout: Layout, state: State) -> None:
    """Replace the file at once, so that no reader sees half of it."""
    fresh = layout.state.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(state))
    fresh.chmod(0o600)
    fresh.replace(layout.state)


def read(layout: Layout) -> State | None:
    """Read the file; None if there is none."""
    try:
        return msgspec.json.decode(layout.state.read_bytes(), type=State)
    except FileNotFoundError:
        return None


@contextmanager
def exclusive(layout: Layout) -> Iterator[None]:
    """Hold the data directory. Raises Conflict naming who holds it."""
    with layout.lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            state = read(layout)
            holder = f" by process {state.supervisor.pid}" if state and state.supervisor.find() else ""
            raise Conflict(
                f"{layout.data} is in use{holder}; `wardlight status` shows it, `wardlight down` stops it"
            ) from None
        yield


def running(layout: Layout) -> State | None:
    """Return the state if its supervisor runs."""
    state = read(layout)
    return state if state is not None and state.supervisor.find() is not None else None


def leftovers(state: State) -> list[psutil.Process]:
    """Find what still runs of the parts' process groups: a part leads its own group, whose number is its pid."""
    groups = {part.process.pid: part.process.created for part in state.parts if part.process is not None}
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            group = os.getpgid(process.pid)
            ours = group in groups and process.create_time() >= groups[group]
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
