"""`wardlight ledger`: checking the audit trail, proving entries of it, and checking such proofs anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import sleep
from typing import Any

import click

from wardlight.cli import options, owner
from wardlight.clock import SystemClock, moment
from wardlight.config import load
from wardlight.ledger.leaf import unleaf
from wardlight.ledger.note import Checkpoint, Verifier, split
from wardlight.ledger.proof import Proof, make
from wardlight.ledger.source import Source, opened
from wardlight.ledger.tree import CHECKPOINT, VKEY, WITNESSED
from wardlight.problems import BadConfig, BadInput, NotFound, Unavailable

_from = click.option(
    "--from", "place", metavar="URL|DIR",
    help="Where `checkpoint` lies: a directory, or a server's /ledger. The log of the data directory if not given.",
)  # fmt: skip
_vkey = click.option(
    "--vkey", metavar="KEY|FILE", help="The log's verifier key, from a source you trust; the log's own if not given."
)


_PROJECTION = "/api/v1/audit/projection"
_LOOK_SECONDS = 0.2


@click.group()
def ledger() -> None:
    """Check the audit trail, and prove entries of it."""


@ledger.command()
@_from
@_vkey
@options.data
@click.option("--since", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="An older checkpoint that the log must begin with.")  # fmt: skip
@click.option("--witness", "witnesses", metavar="[KEY]", multiple=True, is_flag=False, flag_value="",
              help="Demand a cosignature by this verifier key; without KEY, by all in the settings.")  # fmt: skip
def verify(place: str | None, vkey: str | None, data: Path, since: Path | None, witnesses: Sequence[str]) -> None:
    """Hash everything again, and name the first entry that isn't what was signed.

    It reads files only, and may run on any machine that has a copy of them, or reaches a server that publishes them.
    """
    from wardlight.ledger.verify import Verification

    demanded = list(_witnesses(witnesses, data))
    with _source(place, data) as source:
        large = None if place else _home(data) / "large"
        log = _trusted(vkey, source)
        check = Verification(source, log, demanded, large)
        with click.progressbar(length=check.size, label="entries", width=0) as bar:
            report = check.run([_read_text(since)] if since else (), bar.update)
    missing = [one.name for one in demanded if one.name not in report.cosigners]
    if missing:
        raise BadInput(f"no checkpoint carries the cosignature of {', '.join(missing)}")
    for name, (size, time) in report.cosigners.items():
        click.echo(f"cosigned by {name} at {size:,} entries, {moment(time * 1_000_000_000):%Y-%m-%d %H:%M:%S} UTC")
    if report.minimum:
        click.echo(f"entries below {report.minimum:,} were removed under the retention policy; their hashes are right")
    if vkey is None:
        click.echo("the key is the log's own: compare it with the one that you were given before")
    click.echo(f"all is right: {_described(report.checkpoint.checkpoint)}, key {log.vkey}")


@ledger.command()
@click.argument("index", type=click.IntRange(min=0))
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path),
              help="File to write, by custom *.tlog-proof.")  # fmt: skip
@_from
@options.data
def prove(index: int, output: Path, place: str | None, data: Path) -> None:
    """Write the proof that the entry INDEX is in the log, with the entry itself.

    Whoever has the log's verifier key can check it with `wardlight ledger check`, without network and without the log.
    """
    with _source(place, data) as source:
        try:
            witnessed = source.read(WITNESSED).decode()
        except NotFound:
            witnessed = None
        proof = make(lambda tile: source.read(tile.path), index, source.read(CHECKPOINT).decode(), witnessed)
        proof.check(_trusted(None, source))
    output.write_text(proof.text)
    click.echo(f"{output}: entry {index:,} of {_described(Checkpoint.parse(split(proof.note)[0]))}")


@ledger.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--vkey", metavar="KEY|FILE", required=True, help="The log's verifier key.")
@click.option("--witness", "witnesses", metavar="KEY", multiple=True, help="A witness's verifier key.")
@click.option("--show", is_flag=True, help="Print the event that is proven.")
@click.option("--event", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="The event, if it is too large for the log: it must be the one that is proven.")  # fmt: skip
def check(file: Path, vkey: str, witnesses: Sequence[str], event: Path | None, *, show: bool) -> None:
    """Check a proof offline."""
    proof = Proof.parse(_read_text(file))
    demanded = [Verifier.parse(one) for one in witnesses]
    found = proof.check(_key(vkey), demanded)
    missing = {one.name for one in demanded} - {one.name for one, _ in found.cosigners}
    if missing:
        raise BadInput(f"the proof lacks the cosignature of {', '.join(sorted(missing))}")
    for verifier, time in found.cosigners:
        click.echo(f"cosigned by {verifier.name}, {moment(time * 1_000_000_000):%Y-%m-%d %H:%M:%S} UTC")
    click.echo(f"the proof is right: entry {proof.index:,} of {_described(found.checkpoint)}")
    if event is not None:
        unleaf(proof.entry).must_be(event.read_bytes())
        click.echo(f"{event} is the event of the entry")
    if show:
        leaf = unleaf(proof.entry)
        click.echo(leaf.event if leaf.event is not None else f"SHA-256 of salt and event: {leaf.digest.hex()}")


@ledger.command()
@_from
@options.data
def vkey(place: str | None, data: Path) -> None:
    """Print the key by which others check the log. Hand it out on paper, or publish it, before it is needed."""
    with _source(place, data) as source:
        click.echo(_trusted(None, source).vkey)


@ledger.command()
@options.data
def replay(data: Path) -> None:
    """Make the tables anew that answer questions, from the entries of the log.

    Answers are incomplete until it is done. Nothing happens to the log itself.
    """
    if owner.ask(data, "POST", f"{_PROJECTION}/replay") is not None:
        _watch(lambda: owner.ask(data, "GET", _PROJECTION))
        return
    from wardlight.audit.offline import projecting

    with projecting(data, load(data / "wardlight.toml")) as projection:
        projection.rebuild()
        projection.start()
        _watch(lambda: asdict(projection.progress()))


def _watch(progress: Callable[[], Any]) -> None:
    """Show how the projection gets on, until it has what there was at the beginning."""
    size = progress()["size"]
    with click.progressbar(length=size, label="entries", width=0) as bar:
        while bar.pos < size:
            sleep(_LOOK_SECONDS)
            found = progress()
            if found["problem"]:
                raise Unavailable(found["problem"])
            bar.update(min(found["done"], size) - bar.pos)
    click.echo(f"{size:,} entries are projected")


@ledger.command("confirm-clock")
@options.data
def confirm_clock(data: Path) -> None:
    """Say that the clock is right, after the ledger refused events because it had gone back."""
    from wardlight.ledger.home import confirm

    now = SystemClock().now_ns()
    confirm(_home(data), now)
    click.echo(f"the ledger goes by {moment(now):%Y-%m-%d %H:%M:%S} UTC from now on")


@contextmanager
def _source(place: str | None, data: Path) -> Iterator[Source]:
    with opened(place or str(_home(data) / "log")) as source:
        try:
            source.read(CHECKPOINT)
        except NotFound:
            raise Unavailable(f"{place or _home(data) / 'log'} has no checkpoint: is it a log?") from None
        yield source


def _home(data: Path) -> Path:
    return data / "ledger"


def _trusted(vkey: str | None, source: Source) -> Verifier:
    return _key(vkey) if vkey else Verifier.parse(source.read(VKEY).decode())


def _key(text: str) -> Verifier:
    """Read a verifier key, or the file that has it."""
    return Verifier.parse(text if "+" in text and not Path(text).exists() else _read_text(Path(text)))


def _witnesses(keys: Iterable[str], data: Path) -> Iterator[Verifier]:
    """Read verifier keys; an empty one stands for those of the settings."""
    from wardlight.ledger.witness import Witness

    for key in keys:
        settings = () if key else load(data / "wardlight.toml").ledger.witnesses
        if not key and not settings:
            raise BadConfig("the settings name no witnesses: say whose cosignature, by its verifier key")
        yield from [Verifier.parse(key)] if key else [Witness.parse(one).verifier for one in settings]


def _read_text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        raise NotFound(f"there is no {path}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} isn't text") from None


def _described(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.size:,} entries of {checkpoint.origin}, root {checkpoint.root.hex()}"
