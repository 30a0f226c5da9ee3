"""`wardlight store`: what the log store holds, legal holds, and the clock that retention goes by."""

from __future__ import annotations

import getpass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from wardlight.cli import options, owner
from wardlight.cli.dead import dead
from wardlight.clock import moment
from wardlight.config import load
from wardlight.problems import BadInput
from wardlight.store.facts import CLOCK, Facts
from wardlight.store.holds import Hold, Holds, Scope

_reason = click.option("--reason", required=True, help="Why: a case, a request, a decision.")
_by = click.option("--by", default=getpass.getuser, show_default="you", help="Who decides it.")
_json = click.option("--json", "as_json", is_flag=True, help="The same as JSON.")


@click.group()
def store() -> None:
    """Look after the log store."""


store.add_command(dead)


@store.command()
@options.data
@_json
def stats(data: Path, *, as_json: bool) -> None:
    """Show bytes, rows and ratios per kind and column, and how long the disk lasts.

    A ratio is bytes on disk by bytes of the columns before compression.
    """
    found = owner.ask(data, "GET", "/api/v1/store/stats")
    if found is None:
        from wardlight.store.offline import opened

        with opened(data, load(data / "wardlight.toml")) as offline:
            found = msgspec.to_builtins(offline.stats())
    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2) if as_json else _as_text(found))


@store.command("confirm-clock")
@options.data
def confirm_clock(data: Path) -> None:
    """Say that the clock is right, after retention stopped because it didn't trust it.

    Retention goes on within a minute, and removes what is past its days by that clock.
    """
    with owner.state(data) as (state, clock):
        now = moment(clock.now_ns())
        Facts(state).put(CLOCK, now)
    click.echo(f"retention goes by {now:%Y-%m-%d %H:%M:%S} UTC from now on")


@store.group()
def hold() -> None:
    """Legal holds: records that retention and a full disk must not remove."""


@hold.command()
@options.data
@click.option("--patient", help="The patient's identifier, as records have it.")
@click.option("--user", help="The user's identifier, as records have it.")
@click.option("--everything", is_flag=True, help="All records of all kinds.")
@_reason
@_by
def add(data: Path, *, patient: str | None, user: str | None, everything: bool, reason: str, by: str) -> None:
    """Place a hold on a patient's records, a user's, or everything."""
    named: list[tuple[Scope, str]] = []
    if patient is not None:
        named.append(("patient", patient))
    if user is not None:
        named.append(("user", user))
    if everything:
        named.append(("everything", ""))
    if len(named) != 1:
        raise BadInput("a hold needs exactly one of --patient, --user and --everything")
    with owner.state(data) as (state, clock):
        placed = Holds(state, clock).add(*named[0], reason=reason, by=by)
    click.echo(_hold_as_text(placed))


@hold.command("list")
@options.data
@click.option("--all", "released", is_flag=True, help="Also holds that were released.")
@_json
def list_(data: Path, *, released: bool, as_json: bool) -> None:
    """List the holds in force."""
    with owner.state(data) as (state, clock):
        found = Holds(state, clock).listed(released=released)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    for one in () if as_json else found:
        click.echo(_hold_as_text(one))
    if not found and not as_json:
        click.echo("no holds")


@hold.command()
@options.data
@click.argument("number", type=int)
@_reason
@_by
def release(data: Path, number: int, *, reason: str, by: str) -> None:
    """End a hold. What is past its days is removed within the hour."""
    with owner.state(data) as (state, clock):
        click.echo(_hold_as_text(Holds(state, clock).release(number, reason=reason, by=by)))


def _hold_as_text(one: Hold) -> str:
    text = f"{one.id}: {one.scope} {one.subject}".rstrip()
    text += f", placed {one.placed:%Y-%m-%d %H:%M} UTC by {one.placed_by}: {one.reason}"
    if one.released is not None:
        text += f"; released {one.released:%Y-%m-%d %H:%M} UTC by {one.released_by}: {one.release_reason}"
    return text


def _as_text(found: Any) -> str:
    """Write statistics as tables."""
    kinds = [
        (
            kind["kind"], f"{kind['records']:,}", _size(kind["bytes"]), _ratio(kind["ratio"]),
            str(kind["partitions"]), str(kind["parts"]), _day(kind["oldest"]), _day(kind["newest"]),
        )
        for kind in found["kinds"]
    ]  # fmt: skip
    columns = [
        (kind["kind"], one["name"], _size(one["bytes"]), _size(one["raw_bytes"]), _ratio(one["ratio"]))
        for kind in found["kinds"]
        for one in kind["columns"]
    ]
    trail, left = found["trail"], found["disk_days_left"]
    lasts = "lasts for more than a year" if left is None else f"lasts {left:.0f} days at the growth of the last day"
    disk = (
        f"disk: {_size(found['disk_free_bytes'])} free, {_size(found['disk_reserve_bytes'])} of it reserve; it {lasts}"
    )
    return "\n\n".join(
        (
            _table(("kind", "records", "bytes", "ratio", "days", "parts", "oldest", "newest"), *kinds),
            _table(("kind", "column", "bytes", "before", "ratio"), *columns),
            f"audit trail, to be asked: {trail['events']:,} events in {trail['months']:,} months, {_size(trail['bytes'])}",
            disk,
        )
    )


def _table(*rows: tuple[str, ...]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.3f}"


def _day(at: str | datetime | None) -> str:
    return "" if at is None else str(at)[:10]
