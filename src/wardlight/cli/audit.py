"""`wardlight audit`: ask a running server who opened whose record."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx

from wardlight.cli.reach import Reach, reaching
from wardlight.problems import (
    BadInput,
    Busy,
    Denied,
    NotFound,
    Problem,
    TimedOut,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

_PATH = "/api/v1/audit"
_PAGE = 1000
_PROBLEMS: dict[int, type[Problem]] = {
    401: Unauthenticated, 403: Denied, 404: NotFound, 413: TooLarge, 429: Busy, 503: Unavailable, 504: TimedOut,
}  # fmt: skip
_DURATION = re.compile(r"(\d{1,6})([smhdwy])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_557_600}
_ENDINGS = {"csv": "csv", "bundle": "json", "pdf": "pdf"}

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def audit() -> None:
    """Ask the audit trail: who opened whose record, when, why and from where."""


def _shared(command: Command) -> Command:
    """Add the options of all questions."""
    for option in (
        reaching,
        click.option("--json", "as_json", is_flag=True, help="A JSON object an event."),
        click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Most events."),
        click.option("--until", default="", metavar="TIME", help="Up to this day or time; now if nothing is said."),
        click.option(
            "--since", default="", metavar="TIME|DURATION", help="From this day or time on, or this far back, as 30d."
        ),
    ):
        command = option(command)
    return command


@audit.command()
@click.argument("patient")
@_shared
def who(patient: str, **options: Any) -> None:
    """Who opened the record of PATIENT? The newest first."""
    _ask({"patient": patient}, **options)


@audit.command()
@click.argument("user")
@_shared
def user(user: str, **options: Any) -> None:
    """What did USER do? The newest first."""
    _ask({"user": user}, **options)


@audit.command()
@click.argument("record", metavar="TYPE/ID")
@_shared
def record(record: str, **options: Any) -> None:
    """What happened to one record, as Observation/4? The newest first."""
    _ask({"record": record}, **options)


@audit.command("break-glass")
@_shared
def break_glass(**options: Any) -> None:
    """List who opened records in an emergency, past the usual permissions. The newest first."""
    _ask({"break_glass": "true"}, **options)


@audit.command()
@click.argument("patient")
@click.option("--format", "format_", type=click.Choice(list(_ENDINGS)), default="csv", show_default=True,
              help="A table, a FHIR Bundle, or the accounting of disclosures on paper.")  # fmt: skip
@click.option("--proofs", is_flag=True, help="With a proof of each event; CSV and Bundle become a zip.")
@click.option("--disclosures", is_flag=True, help="Only what was given to others.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@click.option(
    "--since",
    default="",
    metavar="TIME|DURATION",
    help="From this day or time on; in the PDF six years back if nothing is said.",
)
@click.option("--until", default="", metavar="TIME", help="Up to this day or time; now if nothing is said.")
@reaching
def export(
    *, patient: str, format_: str, proofs: bool, disclosures: bool, output: Path, since: str, until: str, reach: Reach
) -> None:
    """Write everything that is recorded of PATIENT to a file, to be handed over."""
    asked = {"patient": patient, "format": format_, "since": _since(since), "until": until}
    asked |= {name: "true" for name, wanted in (("proofs", proofs), ("disclosures", disclosures)) if wanted}
    written = output.with_name(f"{output.name}.part")
    try:
        with reach.client(120.0) as client, client.stream("GET", _PATH, params=_said(asked)) as answer:
            if answer.status_code != 200:
                answer.read()
                raise _problem(answer)
            with written.open("wb") as file:
                for part in answer.iter_bytes():
                    file.write(part)
        written.replace(output)
    except httpx.TransportError as error:
        raise Unavailable(
            f"the server at {reach.url} doesn't answer, or stopped before all was told: {error}"
        ) from None
    finally:
        written.unlink(missing_ok=True)
    click.echo(f"{output}: {output.stat().st_size:,} bytes")


def _ask(asked: Mapping[str, str], *, since: str, until: str, limit: int, as_json: bool, reach: Reach) -> None:
    """Ask for all pages up to the limit, and print."""
    try:
        with reach.client(120.0) as client:
            rows = _rows(client, _said({**asked, "since": _since(since), "until": until}), limit)
            if as_json:
                for row in rows:
                    click.echo(json.dumps(row, ensure_ascii=False))
            else:
                _print(list(rows))
    except httpx.TransportError as error:
        raise Unavailable(f"no server answers at {reach.url}: {error}") from None
    except KeyboardInterrupt:
        sys.exit(130)


def _rows(client: httpx.Client, asked: dict[str, str], limit: int) -> Iterator[dict[str, Any]]:
    told = False
    while limit > 0:
        answer = client.get(_PATH, params={**asked, "limit": str(min(limit, _PAGE))})
        if answer.status_code != 200:
            raise _problem(answer)
        page = answer.json()
        if not (page["complete"] or told):
            click.echo("wardlight: the table is behind the ledger: newer events will be found in a while", err=True)
            told = True
        yield from page["entries"]
        limit -= len(page["entries"])
        if page["next"] is None:
            return
        asked = {**asked, "after": page["next"]}
    click.echo("wardlight: there are more: ask with a higher --limit", err=True)


def _problem(answer: httpx.Response) -> Problem:
    kind = _PROBLEMS.get(answer.status_code, BadInput if answer.status_code < 500 else Problem)
    try:
        return kind(str(answer.json()["error"]))
    except (ValueError, KeyError, TypeError):
        return kind(f"the server answered {answer.status_code}")


def _said(asked: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if value}


def _since(text: str) -> str:
    """Turn a duration into the moment that it reaches back to; a time stays one."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return text
    try:
        return f"{datetime.now(UTC) - timedelta(seconds=int(found[1]) * _SECONDS[found[2]]):%Y-%m-%dT%H:%M:%SZ}"
    except OverflowError:
        raise BadInput(f"{text} reaches too far back") from None


def _print(rows: list[dict[str, Any]]) -> None:
    """Write a table for people, times in this machine's zone."""
    if not rows:
        click.echo("nothing is recorded")
        return
    heads = ("time", "user", "action", "record", "patient", "purpose", "outcome", "from", "index")
    cells = [heads, *(tuple(_visible(cell) for cell in _cells(row)) for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(heads))]
    for line in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    name, user = str(row["name"]), str(row["user"])
    return (
        _local(str(row["time"])),
        f"{name} ({user})" if name and name != user else user,
        str(row["action"] or row["what"]),
        "/".join(filter(None, (row["record_type"], row["record"]))),
        str(row["patient"]),
        str(row["purpose"]),
        str(row["outcome"]),
        str(row["from"]),
        str(row["index"]),
    )


def _local(time: str) -> str:
    return f"{datetime.fromisoformat(time[:19] + '+00:00').astimezone():%Y-%m-%d %H:%M:%S}"


def _visible(text: str) -> str:
    """Keep what a terminal would obey from it: control characters."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
