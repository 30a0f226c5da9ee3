"""`wardlight backup`: saving everything, restoring it, and proving that it can be restored."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from wardlight.cli import options, owner
from wardlight.clock import moment
from wardlight.config import load
from wardlight.problems import Problem

if TYPE_CHECKING:
    from wardlight.store.manifest import Manifest

_dest = click.argument("dest", metavar="DEST")
_which = click.option("--backup", "entry", help="Which backup; the newest whole one if not given.")


@click.group()
def backup() -> None:
    """Save everything, restore it, and prove that it can be restored.

    DEST is a directory on the server's machine, or s3://BUCKET/PREFIX with the credentials of the environment.
    """


@backup.command()
@_dest
@options.data
@click.option("--incremental", is_flag=True, help="Save only what the newest full backup there lacks.")
def create(dest: str, data: Path, *, incremental: bool) -> None:
    """Make a backup: the log store, the state database, the settings. The server goes on meanwhile."""
    destination = dest if "://" in dest else str(Path(dest).expanduser().resolve())
    order = {"destination": destination, "incremental": incremental}
    made = owner.ask(data, "POST", "/api/v1/store/backups", order)
    if made is not None:
        _say(made["id"], made["base"], made["records"], made["partitions"], made["files"])
        return
    from wardlight.store.offline import opened

    with opened(data, load(data / "wardlight.toml")) as offline:
        one = offline.backups.create(destination, incremental=incremental)
    _say(one.id, one.base, one.records, len(one.partitions), len(one.files))


@backup.command("list")
@_dest
@click.option("--json", "as_json", is_flag=True, help="The same as JSON: id, base, records, problem.")
def list_(dest: str, *, as_json: bool) -> None:
    """List the backups in DEST, oldest first, also those that can't be restored, with the reason."""
    from wardlight.store.backup import listed
    from wardlight.store.places import place

    entries = listed(place(dest))
    if as_json:
        rows = [_row(entry, found) for entry, found in entries]
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2))
        return
    for entry, found in entries:
        if isinstance(found, Problem):
            click.echo(f"{entry}  {found}")
        else:
            kind = f"incremental on {found.base}" if found.base else "full"
            click.echo(f"{entry}  {kind}, {found.records:,} records")
    if not entries:
        click.echo(f"no backups in {dest}")


@backup.command()
@_dest
@click.option(
    "--data", required=True, type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    help="Directory to restore into; absent or empty.",
)  # fmt: skip
@_which
def restore(dest: str, data: Path, entry: str | None) -> None:
    """Restore a backup into an empty directory, and compare everything with the backup's manifest."""
    from wardlight.store.backup import newest
    from wardlight.store.places import place
    from wardlight.store.restore import restore as run

    target = place(dest)
    done = run(target, entry or newest(target).id, data)
    click.echo(
        f"restored {done.backup.id} into {data} in {done.seconds:.1f} s: {done.backup.records:,} records in "
        f"{len(done.backup.partitions)} partitions and {len(done.backup.files)} files are as they were"
    )


@backup.command()
@_dest
@options.data
@click.option(
    "--scratch", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory with room for everything; the system's for temporary files if not given.",
)  # fmt: skip
@_which
def drill(dest: str, data: Path, scratch: Path | None, entry: str | None) -> None:
    """Restore a backup elsewhere, compare counts and digests with its manifest, remove it again.

    Exits with 0 only if all is equal. The result is remembered in the data directory for the metrics.
    """
    from wardlight.store.backup import newest
    from wardlight.store.places import place
    from wardlight.store.restore import drill as run

    target = place(dest)
    try:
        done = run(target, entry or newest(target).id, scratch)
    except Problem as problem:
        _remember(data, target.name, good=False)
        click.echo(f"the drill failed: {problem}", err=True)
        sys.exit(problem.exit_code)
    for one in done.backup.partitions:
        click.echo(f"{one.kind} {one.day}  {one.records:,} records  {one.digest}  equal")
    click.echo(
        f"the drill of {done.backup.id} is good: {done.backup.records:,} records in {len(done.backup.partitions)} "
        f"partitions and {len(done.backup.files)} files, {done.seconds:.1f} s"
    )
    _remember(data, target.name, good=True)


def _row(entry: str, found: Manifest | Problem) -> dict[str, object]:
    if isinstance(found, Problem):
        return {"id": entry, "base": None, "records": None, "problem": str(found)}
    return {"id": entry, "base": found.base, "records": found.records, "problem": None}


def _remember(data: Path, destination: str, *, good: bool) -> None:
    """Keep a drill's result where the server finds it, if there is a data directory here."""
    from wardlight.store.facts import DRILL, Facts

    if (data / "state.db").exists():
        with owner.state(data) as (state, clock):
            Facts(state).put(DRILL, moment(clock.now_ns()), {"destination": destination, "good": good})


def _say(entry: str, base: str | None, records: int, partitions: int, files: int) -> None:
    kind = f"incremental on {base}" if base else "full"
    click.echo(f"{entry}: {kind}, {records:,} records in {partitions} partitions, {files} files")
