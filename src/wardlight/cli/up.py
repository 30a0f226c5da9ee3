"""`wardlight up`, `down` and `status`."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from pathlib import Path

import click
import msgspec

from wardlight.cli import options
from wardlight.config import load
from wardlight.problems import Unavailable
from wardlight.stack import health, run, state, tokens
from wardlight.stack.layout import Layout


@click.command()
@options.data
@click.option("--demo", is_flag=True, help="Also run Willow Clinic, a small platform to watch.")
@click.option("--detach", is_flag=True, help="Return when everything is ready, and leave it running.")
def up(data: Path, *, demo: bool, detach: bool) -> None:
    """Start Prometheus, Alertmanager, the exporters and the server, and watch over them.

    Everything but the server listens on 127.0.0.1 only, and lies in the data directory. What ends is started again. Ctrl-C
    stops everything. With --demo nobody signs in, and the server listens on 127.0.0.1 only too.
    """
    layout = Layout(data)

    def ready(report: health.Report) -> None:
        _show(report)
        if not demo and (told := tokens.welcome(layout, load(layout.settings), seen=sys.stdout.isatty())):
            click.echo(told)

    if not detach:
        run.up(layout, demo=demo, say=_say, show=ready)
        return
    code, said = run.detach(layout, demo=demo)
    if code:
        click.echo(said.rstrip(), err=True)
        sys.exit(code)
    ready(asyncio.run(health.check(state.running(layout), str(data))))


@click.command()
@options.data
def down(data: Path) -> None:
    """Stop what `up` started in this data directory, and wait until it has ended."""
    stopped = run.down(Layout(data))
    click.echo(f"stopped {', '.join(stopped)}" if stopped else f"nothing runs in {data}")


@click.command()
@options.data
@click.option("--json", "as_json", is_flag=True, help="The same as JSON: healthy, data, supervisor, parts, targets.")
def status(data: Path, *, as_json: bool) -> None:
    """Ask every part, and Prometheus about what it watches. Exits with 0 only if all is healthy, else with 69."""
    report = asyncio.run(health.check(state.running(Layout(data)), str(data)))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2))
    else:
        _show(report)
    if not report.healthy:
        sys.exit(Unavailable.exit_code)


def _say(sentence: str) -> None:
    """Print what happens, with the time of day."""
    click.echo(f"{datetime.now().astimezone():%H:%M:%S} {sentence}")


def _show(report: health.Report) -> None:
    """Print a report as a table: what runs where, then what is wrong with what Prometheus watches."""
    if report.supervisor is None:
        click.echo(f"nothing runs in {report.data}")
        return
    rows = [("", "part", "address", "pid", "state")]
    rows += [
        (
            _mark(healthy=part.healthy),
            part.name,
            part.address,
            str(part.pid or ""),
            f"{part.state}{f', restarts: {part.restarts}' if part.restarts else ''} {part.detail}".rstrip(),
        )
        for part in report.parts
    ]
    widths = [max(len(click.unstyle(row[column])) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join((*cells, row[-1])).rstrip())
    seen = sum(target.healthy for target in report.targets)
    click.echo(f"Prometheus sees {seen} of {len(report.targets)} targets well")
    for target in report.targets:
        if not target.healthy:
            click.echo(f"{_mark(healthy=False)}  {target.job} {target.instance}: {target.detail}")
    server = next((part.url for part in report.parts if part.name == "wardlight"), "")
    end = "all is healthy" if report.healthy else "not all is healthy"
    click.echo(click.style(end, fg="green" if report.healthy else "red") + f"; Wardlight: {server}/")


def _mark(*, healthy: bool) -> str:
    """Mark a line, in words and in colour."""
    return click.style("ok", fg="green") if healthy else click.style("!!", fg="red")
