"""`wardlight maintenance`: windows in which alerts are silenced."""

from __future__ import annotations

import getpass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from wardlight.changes import Window, Windows
from wardlight.changes.window import Step
from wardlight.cli import options, owner
from wardlight.problems import BadInput
from wardlight.query.units import parse_prometheus_duration

_by = click.option("--by", default=getpass.getuser, show_default="you", help="Who decides it.")
_number = click.argument("number", type=int)


@click.group()
def maintenance() -> None:
    """Maintenance windows: announced beforehand; while one is active its alerts are silenced."""


@maintenance.command()
@options.data
@click.argument("what")
@click.option("--from", "starts", default="now", show_default=True, metavar="TIME",
              help="When it begins, with its zone: 2026-03-01T02:00+01:00.")  # fmt: skip
@click.option("--until", default="", metavar="TIME", help="When it ends.")
@click.option("--for", "lasts", default="", metavar="DURATION", help="Or how long it lasts: 2h, 90m.")
@click.option("--match", "matchers", multiple=True, required=True, metavar="MATCHER",
              help="Which alerts are silenced, as in Alertmanager: service=billing, 'job=~\"api|web\"'. All must match.")  # fmt: skip
@_by
def announce(*, data: Path, what: str, starts: str, until: str, lasts: str, matchers: tuple[str, ...], by: str) -> None:
    """Announce that WHAT is done, and which alerts are silenced meanwhile."""
    if bool(until) == bool(lasts):
        raise BadInput("a window needs one of --until and --for")
    with owner.state(data) as (state, clock):
        windows = Windows(state, clock)
        begins = windows.now() if starts == "now" else _time("--from", starts)
        ends = _time("--until", until) if until else begins + _duration(lasts)
        window = windows.announce(what, matchers, starts=begins, ends=ends, by=by)
    click.echo(_as_text(window))


@maintenance.command("list")
@options.data
@click.option("--all", "everything", is_flag=True, help="Also those that are over, newest first.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def list_(data: Path, *, everything: bool, as_json: bool) -> None:
    """List windows that are announced or active."""
    with owner.state(data) as (state, clock):
        found = Windows(state, clock).listed("all" if everything else "open")
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
        return
    for window in found:
        click.echo(_as_text(window))
    if not found:
        click.echo("no maintenance")


def _step(step: Step, text: str) -> Any:
    """Make the command that takes a step."""

    @maintenance.command(step, help=text)
    @options.data
    @_number
    @_by
    def command(data: Path, number: int, by: str) -> None:
        with owner.state(data) as (state, clock):
            click.echo(_as_text(Windows(state, clock).step(number, step, by)))

    return command


_step("begin", "Begin a window now, before its time.")
_step("end", "End a window now: its alerts are heard again within seconds.")
_step("cancel", "Cancel a window that hasn't begun.")


def _time(option: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{option}: {text[:60]!r} is not a time like 2026-03-01T02:00+01:00") from None


def _duration(text: str) -> timedelta:
    try:
        return timedelta(microseconds=parse_prometheus_duration(text) // 1000)
    except ValueError:
        raise BadInput(f"--for: {text[:40]!r} is not a duration like 90m or 2h") from None


def _as_text(window: Window) -> str:
    text = f"{window.id}: {window.state}, {window.starts:%Y-%m-%d %H:%M} to {window.ends:%Y-%m-%d %H:%M %Z}"
    text += f" by {window.by}: {window.what} [{', '.join(window.matchers)}]"
    return f"{text}\n   {window.problem}" if window.problem else text
