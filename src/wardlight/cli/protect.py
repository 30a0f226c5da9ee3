"""`wardlight protect`: what is removed from log lines, and by which keys and identifiers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click
from prometheus_client import CollectorRegistry

from wardlight.cli import options


@click.group()
def protect() -> None:
    """Say what is removed from log lines before they are stored: try it, change keys, name known identifiers."""


@protect.command()
@click.argument("file", type=click.File(errors="replace"), default="-")
@click.option("--mrn", "patterns", multiple=True, metavar="PATTERN", help="A form of medical record numbers to try.")
@click.option("--action", "actions", multiple=True, metavar="KIND=ACTION", help="drop, mask or pseudonym, to try.")
@click.option("--known", "dictionary", type=click.File(), help="Known identifiers, one a line.")
@click.option("--json", "as_json", is_flag=True, help="A JSON document a line.")
def test(
    file: TextIO, *, patterns: tuple[str, ...], actions: tuple[str, ...], dictionary: TextIO | None, as_json: bool
) -> None:
    """Show the lines of FILE as they would be stored, and what would be removed from each.

    Pseudonyms are made with a key that is thrown away. Nothing is stored or sent.
    """
    from wardlight.config import Protect
    from wardlight.protect.keys import Keys
    from wardlight.protect.known import Known
    from wardlight.protect.protector import Protector

    keys = Keys.new()
    identifiers = Known.of(keys, dictionary or ())
    protector = Protector(Protect(mrn_patterns=patterns, actions=actions), keys, identifiers, CollectorRegistry())
    for number, line in enumerate(file, 1):
        text, told = protector.text(line.rstrip("\r\n"))
        removed = [{"kind": kind, "action": protector.actions[kind]} for kind, _ in told]
        if as_json:
            click.echo(json.dumps({"line": number, "text": text, "removed": removed}, ensure_ascii=False))
        else:
            shown = "".join(_coloured(text, [instead for _, instead in told if instead]))
            note = ", ".join(kind for kind, _ in told)
            click.echo(shown + (click.style(f"    ← {note}", dim=True) if note else ""))


@protect.command()
@options.data
def rotate(data: Path) -> None:
    """Make a new key for pseudonyms. The older ones stay: a search still finds what they made.

    A server that runs takes it at its next start. Back the file of keys up: without it no pseudonym can be found again.
    """
    from wardlight.protect.keys import KEYS, Keys

    keys = Keys.at(data / KEYS).rotated()
    keys.write(data / KEYS)
    click.echo(f"{keys.all[-1].id} makes the pseudonyms from the next start of the server on")


@protect.command()
@options.data
@click.argument("file", type=click.File(), default="-")
def known(data: Path, file: TextIO) -> None:
    """Take the identifiers of FILE, one a line, as those that are known; they are kept as keyed hashes.

    They take the place of those known before, and are looked for in every word of every record, exactly. A server that
    runs takes them at its next start. One of several words, or shorter than four bytes, is left out.
    """
    from wardlight.protect.keys import KEYS, Keys
    from wardlight.protect.known import KNOWN, Known

    given = {line.strip() for line in file} - {""}
    found = Known.of(Keys.at(data / KEYS), given)
    found.write(data / KNOWN)
    click.echo(f"{len(found):,} identifiers are known from the next start of the server on")
    if left := len(given) - len(found):
        click.echo(f"{left:,} were left out: several words, too short, or the same but for capitals", err=True)


def _coloured(text: str, replaced: list[str]) -> Iterator[str]:
    """Colour what stands for something removed; `click.echo` takes colours off where there is no terminal."""
    at = 0
    while places := [(place, one) for one in set(replaced) if (place := text.find(one, at)) >= 0]:
        place, one = min(places)
        yield text[at:place]
        yield click.style(one, fg="yellow")
        at = place + len(one)
    yield text[at:]
