"""What commands need to say who gets in: the server that runs on a data directory, or its state database."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from wardlight.access.access import Access
from wardlight.access.people import Invitation
from wardlight.api.access import Link
from wardlight.cli import owner
from wardlight.config import load


@dataclass(frozen=True)
class Hand:
    """Who does something without a server."""

    access: Access
    by: str
    address: str

    def link(self, invitation: Invitation) -> Link:
        """Write an invitation as a link to the server that will run."""
        return Link.of(invitation, self.address)


def ask(
    data: Path, method: str, path: str, straight: Callable[[Hand], object], body: dict[str, object] | None = None
) -> Any:
    """Ask the server, or do it `straight` where none runs; the answer as JSON has it.

    What is changed without a server comes into the audit trail when one starts.
    """
    by = getpass.getuser()
    sent = {**(body or {}), "by": by} if method == "POST" else None
    answer = owner.ask(data, method, f"/api/v1/{path}", sent)
    if answer is not None:
        return answer
    with owner.state(data) as (state, clock):
        settings = load(data / "wardlight.toml")
        hand = Hand(Access(state, clock, settings.access), by, settings.server.address)
        return msgspec.to_builtins(straight(hand))


def link_text(link: dict[str, Any]) -> str:
    """Write a one-time link, and what to do with it."""
    return f"{link['link']}\ngood once, until {time(link['expires'])}: for {link['person']} and nobody else"


def time(text: str | None) -> str:
    """Write a time for people."""
    return "never" if text is None else f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Write rows below their heads."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    )


def as_json(answer: object) -> str:
    """Write an answer for scripts."""
    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()
