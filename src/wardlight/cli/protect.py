"""`wardlight protect`: what would be removed from log lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click
from prometheus_client import CollectorRegistry


@click.group()
def protect() -> None:
    """Try out what is removed from log lines before they are stored."""


@protect.command()
@click.argument("file", type=click.File(errors="replace"), default="-")
@click.option("--mrn", "patterns", multiple=True, metavar="PATTERN", help="A form of medical record numbers to try.")
@click.option("--action", "actions", multiple=True, metavar="KIND=ACTION", help="drop, mask or pseudonym, to try.")
@click.option(
    "--known", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Known identifiers, one a line."
)
@click.option("--json", "as_json", is_flag=True, help="A JSON document a line.")
def test(
    file: TextIO, *, patterns: tuple[str, ...], actions: tuple[str, ...], known: Path | None, as_json: bool
) -> None:
    """Show the lines of FILE as they would be stored, and what would be removed from each.

    Pseudonyms are made with a key that is thrown away. Nothing is stored or sent.
    """
    from wardlight.protect.keys import Keys
    from wardlight.protect.known import Known
    from wardlight.protect.protector import Protector
    from wardlight.protect.settings import Protect

    keys = Keys.new()
    dictionary = Known.of(keys, known.read_text().splitlines() if known else ())
    protector = Protector(Protect(mrn_patterns=patterns, actions=actions), keys, dictionary, CollectorRegistry())
    for number, line in enumerate(file, 1):
        text, told = protector.text(line.rstrip("\r\n"))
        removed = [{"kind": kind, "action": protector.actions[kind]} for kind, _ in told]
        if as_json:
            click.echo(json.dumps({"line": number, "text": text, "removed": removed}, ensure_ascii=False))
        else:
            shown = "".join(_coloured(text, [instead for _, instead in told if instead]))
            note = ", ".join(kind for kind, _ in told)
            click.echo(shown + (click.style(f"    ← {note}", dim=True) if note else ""))


def _coloured(text: str, replaced: list[str]) -> Iterator[str]:
    """Colour what stands for something removed; `click.echo` takes colours off where there is no terminal."""
    at = 0
    while places := [(place, one) for one in set(replaced) if (place := text.find(one, at)) >= 0]:
        place, one = min(places)
        yield text[at:place]
        yield click.style(one, fg="yellow")
        at = place + len(one)
    yield text[at:]
