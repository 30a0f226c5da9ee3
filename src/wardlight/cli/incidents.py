"""`wardlight incidents`: what is wrong, who is on it, and what was done; asked of the server that runs."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from wardlight.cli import options, owner
from wardlight.incidents import CAUSES, SEVERITIES
from wardlight.problems import BadInput, Unavailable

_COLOURS = {"critical": "red", "warning": "yellow", "info": "cyan"}
_SECONDS = {"m": 60, "h": 3600, "d": 86400}
_STATES = ("pending", "open", "acknowledged", "resolved", "documented", "merged", "all")
_API = "/api/v1/incidents"

_number = click.argument("number", metavar="ID", type=click.IntRange(1, 2**63 - 1))
_note = click.option("--note", "-m", default="", help="What to say on the timeline.")
_json = click.option("--json", "as_json", is_flag=True, help="As the API gives it.")


class _Listing(click.Group):
    """A group that lists when nothing else is said."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` before arguments that name no command."""
        named = args and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if named else ["list", *args])


@click.group(cls=_Listing)
def incidents() -> None:
    """Say what is wrong and who is on it; take it on, call it over, document it. Alone it lists."""


@incidents.command("list")
@click.option("--state", type=click.Choice(_STATES), default="pending", show_default=True,
              help="Only these; pending is open or acknowledged.")  # fmt: skip
@click.option("--severity", type=click.Choice(SEVERITIES), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Most of them.")
@_json
@options.data
def listed(state: str, severity: str | None, limit: int, data: Path, *, as_json: bool) -> None:
    """List incidents, newest first."""
    asked = {"state": state, "limit": str(limit), **({"severity": severity} if severity else {})}
    answer = ask(data, "GET", f"{_API}?{urlencode(asked)}")
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    for it in answer["incidents"]:
        click.echo(f"{it['id']:>6}  {_severity(it)}  {_when(it['started'])}  {_state(it):24}  {safe(it['title'])}")
    if answer["total"] > len(answer["incidents"]):
        click.echo(f"{answer['total']:,} in all")
    if not answer["incidents"]:
        click.echo("none")


@incidents.command()
@_number
@_json
@options.data
def show(number: int, *, as_json: bool, data: Path) -> None:
    """Show one with its alerts, links and timeline."""
    it = ask(data, "GET", f"{_API}/{number}")
    if as_json:
        click.echo(json.dumps(it, ensure_ascii=False))
        return
    click.echo(f"incident {number}: {safe(it['title'])}")
    click.echo(f"{_severity(it)}, {it['category']}, {_state(it)}; since {_when(it['started'])}" + _until(it))
    for name, said in (("cause", it["cause"]), ("done", it["done"]), ("follow-up", it["follow_up"])):
        if said:
            click.echo(f"{name}: {safe(said)}")
    for link in it["links"]:
        click.echo(f"{link['name']}: {safe(link['url'] or link['text'])}")
    click.echo(f"{it['alerts_firing']} of {it['alerts_total']} alerts fire")
    for alert in it["alerts"][:10]:
        labels = ", ".join(f"{name}={value}" for name, value in sorted(alert["labels"].items()))
        click.echo(f"  {'over ' if alert['ended'] else 'fires'}  {_when(alert['started'])}  {safe(labels)}")
    for event in it["timeline"]:
        said = f": {event['note']}" if event["note"] else ""
        by = f"{event['action']} by {event['actor']} ({event['source']})"
        click.echo(f"{_when(event['at'])}  {safe(by)}{safe(said)}")


@incidents.command()
@_number
@_note
@options.data
def ack(number: int, note: str, data: Path) -> None:
    """Take it on."""
    _acted(data, number, "acknowledge", {"note": note})


@incidents.command()
@_number
@click.option("--note", "-m", required=True, help="Why.")
@options.data
def release(number: int, note: str, data: Path) -> None:
    """Take an acknowledgement back."""
    _acted(data, number, "release", {"note": note})


@incidents.command("note")
@_number
@click.argument("text")
@options.data
def note_(number: int, text: str, data: Path) -> None:
    """Write TEXT on its timeline."""
    _acted(data, number, "note", {"note": text})


@incidents.command()
@_number
@_note
@options.data
def resolve(number: int, note: str, data: Path) -> None:
    """Call it over."""
    _acted(data, number, "resolve", {"note": note})


@incidents.command()
@_number
@click.option("--cause", type=click.Choice(CAUSES), required=True, help="Why it happened.")
@click.option("--done", required=True, help="What was done.")
@click.option("--follow-up", required=True, help="What is still to do; `none` is an answer.")
@options.data
def document(number: int, cause: str, done: str, follow_up: str, data: Path) -> None:
    """Close it with its response."""
    _acted(data, number, "document", {"cause": cause, "done": done, "follow_up": follow_up})


@incidents.command()
@_number
@click.option("--into", type=click.IntRange(1, 2**63 - 1), required=True, help="The one that goes on.")
@options.data
def merge(number: int, into: int, data: Path) -> None:
    """Let it count for another one."""
    _acted(data, number, "merge", {"into": into})


@incidents.command()
@_number
@click.option("--for", "span", required=True, metavar="DURATION", help="How long, as 30m, 2h or 1d.")
@click.option("--why", "-m", required=True, help="Why.")
@options.data
def silence(number: int, span: str, why: str, data: Path) -> None:
    """Silence its alerts in Alertmanager."""
    until = datetime.now(UTC) + duration(span)
    body = {"actor": getpass.getuser(), "source": "cli", "note": why, "until": until.isoformat()}
    made = ask(data, "POST", f"{_API}/{number}/silence", body)["silences"]
    click.echo(
        f"incident {number} is silenced until {until.astimezone():%Y-%m-%d %H:%M:%S} (silence {', '.join(made)})"
    )


@incidents.command()
@click.option("--state", type=click.Choice(("active", "silenced", "inhibited")), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Most of them.")
@_json
@options.data
def history(state: str | None, limit: int, data: Path, *, as_json: bool) -> None:
    """List alerts as Alertmanager had them, silenced and inhibited ones too."""
    asked = {"limit": str(limit), **({"state": state} if state else {})}
    found = ask(data, "GET", f"/api/v1/alert-history?{urlencode(asked)}")["alerts"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for it in found:
        end = _when(it["ended"]) if it["ended"] else "until now".ljust(19)
        by = f" by {', '.join(it['by'])}" if it["by"] else ""
        name = f"{it['labels'].get('alertname', '')} {it['labels'].get('instance', '')}"
        click.echo(f"{_when(it['since'])}  {end}  {_severity(it)}  {safe(name)}  {it['state']}{safe(by)}")
    if not found:
        click.echo("none")


def ask(data: Path, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
    """Ask the server that runs on a data directory. Raises Unavailable when none does, and its problems."""
    answer = owner.ask(data, method, path, body)
    if answer is None:
        raise Unavailable(f"no server runs on {data}: start it with `wardlight up`, or name its directory with --data")
    return answer


def duration(text: str) -> timedelta:
    """Read a duration. Raises BadInput.

    >>> duration("90m"), duration("1h30m")
    (datetime.timedelta(seconds=5400), datetime.timedelta(seconds=5400))
    """
    if not re.fullmatch(r"(\d{1,6}[mhd])+", text):
        raise BadInput(f"{text!r} is no duration: write 30m, 2h or 1d")
    return timedelta(seconds=sum(int(count) * _SECONDS[unit] for count, unit in re.findall(r"(\d+)([mhd])", text)))


def safe(text: str) -> str:
    r"""Make text harmless for a terminal.

    >>> safe("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _acted(data: Path, number: int, action: str, body: Mapping[str, object]) -> None:
    said = {"actor": getpass.getuser(), "source": "cli", **body}
    it = ask(data, "POST", f"{_API}/{number}/{action}", said)
    click.echo(f"incident {it['id']} is {_state(it)}: {safe(it['title'])}")


def _state(it: Mapping[str, Any]) -> str:
    if it["state"] == "acknowledged":
        return safe(f"acknowledged by {it['acknowledged_by']}")
    return f"merged into {it['merged_into']}" if it["state"] == "merged" else str(it["state"])


def _until(it: Mapping[str, Any]) -> str:
    return f", ended {_when(it['ended'])}" if it["ended"] else ", fires still"


def _severity(it: Mapping[str, Any]) -> str:
    return click.style(f"{it['severity']:8}", fg=_COLOURS.get(it["severity"]))


def _when(text: str) -> str:
    """Write a moment in local time."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"
