"""`wardlight heartbeats`: jobs that say that they ran, and those that are silent."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click
import msgspec

from wardlight.cli import options, owner
from wardlight.heartbeats import Definition, Heartbeat, Heartbeats

_slug = click.argument("slug")


@click.group(invoke_without_command=True)
@options.data
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.pass_context
def heartbeats(context: click.Context, data: Path, *, as_json: bool) -> None:
    """List jobs that say that they ran: how they stand, when they were heard, when they are due.

    Exits with 1 when one is down.
    """
    if context.invoked_subcommand is not None:
        return
    with owner.state(data) as (state, clock):
        found = Heartbeats(state, clock).listed()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    else:
        click.echo(_as_text(found))
    context.exit(int(any(each.state == "down" for each in found)))


@heartbeats.command()
@options.data
@_slug
@click.option("--every", default="", metavar="DURATION", help="Period, as 15m, 24h or 7d.")
@click.option("--cron", default="", metavar="EXPRESSION", help="When the job runs, as in crontab: '0 3 * * *'.")
@click.option("--zone", default="UTC", show_default=True, help="Time zone of --cron, as Europe/Zurich.")
@click.option(
    "--grace",
    default="1h",
    show_default=True,
    metavar="DURATION",
    help="How late it may be, and how long a run may take.",
)
@click.option("--severity", type=click.Choice(["info", "warning", "critical"]), default="warning", show_default=True,
              help="Severity of the alert.")  # fmt: skip
@click.option("--name", default="", help="What people call it.")
@click.option("--description", default="", help="What it does, whom to ask.")
def add(*, data: Path, slug: str, **definition: str) -> None:
    """Watch a job: it is to ping /ping/SLUG each time that it ran."""
    with owner.state(data) as (state, clock):
        kept = Heartbeats(state, clock)
        kept.add(slug, msgspec.convert(definition, Definition))
        found = kept.get(slug)
    click.echo(f"{slug}: {found.schedule}, grace {found.grace}; first due at {_time(found.due)}")


@heartbeats.command()
@options.data
@_slug
def pause(data: Path, slug: str) -> None:
    """Let nobody mind it, until it is resumed or pings."""
    with owner.state(data) as (state, clock):
        Heartbeats(state, clock).pause(slug)
    click.echo(f"{slug} is paused")


@heartbeats.command()
@options.data
@_slug
def resume(data: Path, slug: str) -> None:
    """Watch it again, as if it were new."""
    with owner.state(data) as (state, clock):
        kept = Heartbeats(state, clock)
        kept.resume(slug)
        found = kept.get(slug)
    click.echo(f"{slug} is watched again; due at {_time(found.due)}")


@heartbeats.command()
@options.data
@_slug
def remove(data: Path, slug: str) -> None:
    """Forget it, and its alert."""
    with owner.state(data) as (state, clock):
        Heartbeats(state, clock).remove(slug)
    click.echo(f"{slug} is removed")


def _as_text(found: list[Heartbeat]) -> str:
    """Write them as a table, and below it why some are down."""
    if not found:
        return "no heartbeats"
    rows = [("heartbeat", "state", "schedule", "grace", "last heard", "next due")]
    rows += [
        (it.slug, it.state + "*" * it.running, it.schedule, it.grace, _time(it.heard), _time(it.due)) for it in found
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    down = [click.style(f"{it.slug}: {it.reason}", fg="red") for it in found if it.state == "down"]
    running = ["* a run goes on"] if any(it.running for it in found) else []
    return "\n".join([*lines, *running, *down])


def _time(at: datetime | None) -> str:
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
