"""`wardlight check`: say what is wrong with a file before it is used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from prometheus_client import CollectorRegistry

from wardlight import strength
from wardlight.cli import options
from wardlight.config import Settings, load, place
from wardlight.incidents.model import SEVERITIES
from wardlight.problems import BadConfig


@click.group()
def check() -> None:
    """Say what is wrong with files, before they are used."""


@check.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, exists=True, path_type=Path))
@options.data
def settings(file: Path | None, data: Path) -> None:
    """Check the settings: FILE, or wardlight.toml of the data directory, and the environment.

    What is wrong, and what is too weak to start with, is said with its line. Exits with 0 only if nothing is, else with
    78. What only deserves a thought is said too.
    """
    path = file or data / "wardlight.toml"
    given = load(path)
    found = [*strength.weaknesses(given), *_of_protection(given)]
    for one in found:
        click.echo(f"{place(one.setting, path)}: {'' if one.grave else 'warning: '}{one.sentence}", err=True)
    if any(one.grave for one in found):
        sys.exit(BadConfig.exit_code)
    click.echo(f"{path}: all well")


def _of_protection(settings: Settings) -> Iterator[strength.Weakness]:
    """Say what is wrong with the settings of protection."""
    from wardlight.protect.keys import Keys
    from wardlight.protect.known import Known
    from wardlight.protect.protector import Protector

    keys = Keys.new()
    try:
        Protector(settings.protect, keys, Known(keys), CollectorRegistry())
    except BadConfig as problem:
        sentence, _, setting = str(problem).rpartition(" (setting ")
        yield strength.Weakness(setting.rstrip(")"), sentence)


@check.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False, exists=True, path_type=Path))
def rules(files: tuple[Path, ...]) -> None:
    """Check rule files: alert and recording rules on logs.

    Everything that is wrong is said with its line. Exits with 0 only if all is well, else with 78.
    """
    from wardlight.rules.files import read

    well = True
    for path in files:
        try:
            groups = read(path.read_bytes(), str(path), interval_ns=1)
        except BadConfig as problem:
            click.echo(str(problem), err=True)
            well = False
        else:
            count = sum(len(group.rules) for group in groups)
            click.echo(f"{path}: {len(groups)} groups, {count} rules, all well")
    if not well:
        sys.exit(BadConfig.exit_code)


@check.command()
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
def heartbeats(file: Path) -> None:
    """Check a file of heartbeats, as DATA/heartbeats.toml.

    Everything that is wrong is said with its line. Exits with 0 only if all is well, else with 78.
    """
    from wardlight.heartbeats.files import read

    click.echo(f"{file}: {len(read(file.read_text(), str(file)))} heartbeats, all well")


@check.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, exists=True, path_type=Path))
@options.data
def oncall(file: Path | None, data: Path) -> None:
    """Check who is told of incidents: FILE, or oncall.toml of the data directory.

    Names that lead nowhere, circles, people without a channel, calendars that can't be read: everything that is wrong is
    said with its line. Calendars are read, addresses asked. Exits with 0 only if all is well, else with 78.
    """
    from wardlight.escalation.roster import check as look

    path = file or data / "oncall.toml"
    found = look(path, data, datetime.now(UTC))
    counts = f"{len(found.people)} people, {len(found.rotations)} rotations, {len(found.levels)} levels"
    click.echo(f"{path}: {counts}, all well")
    for severity in reversed(SEVERITIES):
        steps = found.steps(found.route(severity, "other"))
        way = " → ".join(found.level_name(step.level) for step in steps) or "nobody is told"
        click.echo(f"{severity}: {way}")
