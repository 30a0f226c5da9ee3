"""`wardlight oncall`: who is on call now and next, and standing in; from the data directory, with or without a server."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from wardlight.cli import options, owner
from wardlight.escalation import Duty, Roster, Shift
from wardlight.escalation.policy import OnCall
from wardlight.problems import BadConfig, BadInput


@click.group(invoke_without_command=True)
@options.data
@click.pass_context
def oncall(ctx: click.Context, data: Path) -> None:
    """Say who is on call now, and who is next."""
    ctx.obj = data
    if ctx.invoked_subcommand is not None:
        return
    with _roster(data) as roster:
        people = roster.oncall()
        for duty in roster.rotations():
            click.echo(f"{duty.rotation}: {_people(duty.now, people)}, until {_time(duty.now.until)}")
            if duty.next is not None:
                click.echo(f"  then {_people(duty.next, people)}, until {_time(duty.next.until)}")
        for level, found in people.levels.items():
            names = ", ".join(people.person_name(one) for one in roster.on_call(found)) or "nobody"
            click.echo(f"level {people.level_name(level)}: {names}")


@oncall.command()
@click.argument("rotation")
@click.argument("person")
@click.option("--from", "since", metavar="TIME", help="ISO 8601, like 2026-01-01T18:00+01:00; now if not given.")
@click.option("--until", required=True, metavar="TIME", help="ISO 8601; without an offset it is this machine's time.")
@click.pass_obj
def override(data: Path, rotation: str, person: str, since: str | None, until: str) -> None:
    """Let PERSON stand in in ROTATION. Of overrides that overlap, the latest made counts."""
    begin = _parsed(since) if since else datetime.now().astimezone()
    duty = Duty(person, begin, _parsed(until))
    with _roster(data) as roster:
        roster.override(rotation, duty, getpass.getuser())
    click.echo(f"{person} is on call in {rotation} from {_time(duty.since)} until {_time(duty.until)}")


@contextmanager
def _roster(data: Path) -> Iterator[Roster]:
    with owner.state(data) as (state, clock):
        roster = Roster(data, state, clock)
        roster.oncall()
        if roster.fault:
            raise BadConfig(roster.fault)
        if not (data / "oncall.toml").exists():
            raise BadConfig(f"there is no {data / 'oncall.toml'}: nobody is told of anything (docs/oncall.md)")
        roster.refresh()
        yield roster


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise BadInput(f"{text!r} isn't a time like 2026-01-01T18:00+01:00") from None


def _people(shift: Shift, oncall: OnCall) -> str:
    return ", ".join(oncall.person_name(one) for one in shift.people) or "nobody"


def _time(at: datetime) -> str:
    return f"{at.astimezone():%a %Y-%m-%d %H:%M %Z}"
