"""What commands need to reach a data directory: through the server that runs on it, or without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wardlight.clock import Clock, SystemClock
from wardlight.problems import Problem, Unavailable
from wardlight.store import owner
from wardlight.store.state import State
from wardlight.tls import Pin


def ask(data: Path, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
    """Ask the server that runs on a data directory, for as long as it takes; None when none runs.

    Raises the problem that it answers with.
    """
    import httpx

    running = owner.find(data)
    if running is None:
        return None
    pin = Pin.of(running.certificate) if running.certificate else None
    headers = {"Authorization": f"Bearer {running.key}"}
    try:
        with httpx.Client(verify=pin.context if pin else True, trust_env=False) as client:
            answer = client.request(
                method, running.url + path, json=body, headers=headers, extensions=pin.extensions if pin else None,
                timeout=httpx.Timeout(None, connect=5),
            )  # fmt: skip
    except httpx.ConnectError as error:
        if pin and "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise Unavailable(f"what answers at {running.url} doesn't show {running.certificate}: {error}") from None
        return None
    except httpx.TransportError as error:
        raise Unavailable(f"the server at {running.url} went away: {error}") from error
    if answer.is_success:
        return answer.json()
    kind = next((one for one in _kinds(Problem) if one.status == answer.status_code), Problem)
    try:
        sentence = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        sentence = f"the server at {running.url} answered {answer.status_code}"
    raise kind(sentence)


@contextmanager
def state(data: Path) -> Iterator[tuple[State, Clock]]:
    """Open the state database, whether or not a server runs. Raises Unavailable when there is none."""
    if not (data / "state.db").exists():
        raise Unavailable(f"{data} has no state database: is it Wardlight's data directory (--data)?")
    opened = State(data / "state.db")
    try:
        yield opened, SystemClock()
    finally:
        opened.close()


def _kinds(kind: type[Problem]) -> Iterator[type[Problem]]:
    """Go through the tree of problems, the general before the special."""
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
