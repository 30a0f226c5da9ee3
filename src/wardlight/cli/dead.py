"""`wardlight store dead`: acknowledged records that the engine refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from wardlight.cli import options, owner
from wardlight.clock import moment
from wardlight.problems import Unavailable


@click.group()
def dead() -> None:
    """Dead letters: records that were acknowledged and that the engine refused. They are kept and can be replayed."""


@dead.command("list")
@options.data
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def list_(data: Path, *, as_json: bool) -> None:
    """List dead letters, oldest first."""
    found = _asked(data, "GET", "/api/v1/store/dead")
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    for letters in found:
        since = moment(letters["since_ns"])
        click.echo(f"{letters['name']}  {since:%Y-%m-%d %H:%M:%S} UTC  {letters['records']:,} records")
    if not found:
        click.echo("there are no dead letters")


@dead.command()
@options.data
@click.argument("names", nargs=-1)
def replay(data: Path, names: tuple[str, ...]) -> None:
    """Offer dead letters to the engine once more: those named, or all."""
    chosen = names or [letters["name"] for letters in _asked(data, "GET", "/api/v1/store/dead")]
    for name in chosen:
        done = _asked(data, "POST", f"/api/v1/store/dead/{name}/replay")
        click.echo(f"{name}: {done['records']:,} records replayed")


def _asked(data: Path, method: str, path: str) -> Any:
    found = owner.ask(data, method, path)
    if found is None:
        raise Unavailable("no server runs on this data directory (--data): dead letters are replayed by a running one")
    return found
