"""`wardlight tokens`: what machines send and ask with; through the server that runs, or without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from wardlight.cli import door, options

_json = click.option("--json", "as_json", is_flag=True, help="The same as JSON.")


@click.group()
def tokens() -> None:
    """Tokens of machines: each does what its scopes say, and nothing else."""


@tokens.command("list")
@options.data
@_json
def list_(data: Path, *, as_json: bool) -> None:
    """List all, the newest first: never their secrets."""
    found = door.ask(data, "GET", "tokens", lambda hand: {"tokens": hand.access.tokens.listed()})["tokens"]
    head = ("id", "name", "scopes", "state", "expires", "last used", "made by")
    click.echo(door.as_json(found) if as_json else door.table(head, [_row(one) for one in found]))


@tokens.command()
@options.data
@click.argument("name")
@click.argument("scopes", nargs=-1, required=True)
@click.option("--days", type=click.IntRange(1, 3660), default=90, show_default=True, help="How long it is good.")
@click.option("--forever", is_flag=True, help="Good until it is revoked.")
@_json
def create(*, data: Path, name: str, scopes: tuple[str, ...], days: int, forever: bool, as_json: bool) -> None:
    """Make a token and print it, this once.

    SCOPES are send, send:SERVICE (records of that service only), query:ROLE (reads what that role reads, as it sees it),
    metrics (of the platform, and how it is) and ping (heartbeats, alerts).
    """
    good = None if forever else days
    made = door.ask(
        data, "POST", "tokens", lambda hand: hand.access.tokens.create(name, scopes, days=good, by=hand.by),
        {"name": name, "scopes": list(scopes), "days": good},
    )  # fmt: skip
    if as_json:
        click.echo(door.as_json(made))
        return
    click.echo(made["secret"])
    click.echo(f"token {made['token']['id']}, good until {_end(made['token'])}; it isn't shown again", err=True)


@tokens.command()
@options.data
@click.argument("token_id", metavar="ID")
def revoke(data: Path, token_id: str) -> None:
    """End a token, within a second."""
    path = f"tokens/{quote(token_id, safe='')}/revoke"
    token = door.ask(data, "POST", path, lambda hand: hand.access.tokens.revoke(token_id, by=hand.by))
    click.echo(f"token {token['id']} ({token['name']}) is {token['state']}")


def _end(token: dict[str, Any]) -> str:
    return "it is revoked" if token["expires"] is None else door.time(token["expires"])


def _row(token: dict[str, Any]) -> tuple[str, ...]:
    """Write a token as a row of the table."""
    used = door.time(token["used"]) + (f" from {token['used_from']}" if token["used_from"] else "")
    expires = door.time(token["expires"])
    return (
        token["id"], token["name"], ", ".join(token["scopes"]), token["state"], expires, used, token["created_by"],
    )  # fmt: skip
