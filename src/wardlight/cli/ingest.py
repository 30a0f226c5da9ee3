"""`wardlight ingest`: old log files to a running server."""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, Self

import click
import httpx
import msgspec

from wardlight.cli.reach import Reach, reaching
from wardlight.problems import BadInput, Denied, Problem, Unauthenticated, Unavailable
from wardlight.receive.files import Batch, LogFile, Mark
from wardlight.receive.formats import FORMATS
from wardlight.receive.times import zone_of

_SECONDS = 60.0
_LONGEST_PAUSE = 60.0
_UNAVAILABLE_TRIES = 12
_SHOWN = 3


class FileReport(msgspec.Struct):
    """What became of a file."""

    path: str
    format: str = ""
    entries: int = 0
    accepted: int = 0
    refused: int = 0
    resumed_at: int = 0
    """Bytes of its text that an earlier run had sent."""
    problem: str = ""
    reasons: list[str] = []
    """Why the first entries were refused."""


def _labels(_context: click.Context, _option: click.Parameter, pairs: Sequence[str]) -> dict[str, str]:
    """Read `--label k=v`."""
    for pair in pairs:
        if not pair.partition("=")[0] or not pair.partition("=")[2]:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _state_file() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "wardlight" / "ingest.json"


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--service", metavar="NAME", help="Label service_name of every entry; else what its line says.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", callback=_labels, help="Another label.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), help="Else found by looking at the first lines.")
@click.option("--zone", default="", metavar="ZONE", help="Time zone of times that name none; else this machine's.")
@reaching
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), default=_state_file,
              show_default="$XDG_STATE_HOME/wardlight/ingest.json", help="What was sent already.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON.")
def ingest(
    files: tuple[Path, ...], *, service: str | None, labels: dict[str, str], form: str | None, zone: str, reach: Reach,
    state: Path, as_json: bool,
) -> None:  # fmt: skip
    """Send old log FILES, plain, gzip or zstd, to a running server.

    Lines that continue an entry, as stack traces do, are joined to it. An interrupted run goes on where it stopped when
    it is started again; what was sent is not sent twice. Exits with 65 when a file or an entry can't be read.
    """
    given = {**labels, **({"service_name": service} if service else {})}
    total = sum(path.stat().st_size for path in files if path.is_file())
    hidden = as_json or not sys.stderr.isatty()
    with (
        Sender(reach) as sender,
        click.progressbar(length=total, label="sending", file=sys.stderr, hidden=hidden) as bar,
    ):
        run = _Run(zone_of(zone, "--zone"), given, form, sender, State(state), bar.update)
        reports = [run.send(path) for path in files]
    _tell(reports, as_json=as_json)
    if any(report.problem or report.refused for report in reports):
        sys.exit(BadInput.exit_code)


@dataclass(frozen=True)
class _Run:
    """One call of the command."""

    zone: tzinfo
    labels: dict[str, str]
    form: str | None
    sender: Sender
    kept: State
    advance: Callable[[int], None]
    """Is told how many more bytes have been read."""

    def send(self, path: Path) -> FileReport:
        """Send a file from where an earlier run stopped."""
        report = FileReport(str(path))
        try:
            file = LogFile(path, self.zone, self.labels, FORMATS[self.form] if self.form else None)
            report.format = file.format.name if file.format else ""
            mark = self.kept.find(file)
            report.resumed_at = mark.offset if mark else 0
            read = 0
            for batch in file.batches(mark):
                _count(report, batch, self.sender.send(batch))
                self.kept.keep(file, batch.end)
                self.advance(file.read_bytes - read)
                read = file.read_bytes
        except BadInput as problem:
            report.problem = str(problem)
        return report


def _count(report: FileReport, batch: Batch, answer: dict[str, Any]) -> None:
    report.entries += batch.entries
    report.accepted += answer["accepted"]
    report.refused += answer["refused_lines"]
    room = _SHOWN - len(report.reasons)
    report.reasons += [
        f"entry {report.entries - batch.entries + bad['line']} {bad['reason']}" for bad in answer["refused"][:room]
    ]


class Sender:
    """Sends batches to the server and waits when it asks to. Raises Unavailable when it isn't there."""

    def __init__(self, reach: Reach) -> None:
        self._url = reach.url
        self._client = reach.client(_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def send(self, batch: Batch) -> dict[str, Any]:
        """Return the server's answer once the batch is on its disk."""
        body = gzip.compress(batch.lines, 1, mtime=0)
        headers = {
            "content-type": "application/x-ndjson", "content-encoding": "gzip", "idempotency-key": batch.key,
        }  # fmt: skip
        tries = 0
        while True:
            try:
                answer = self._client.post("/api/v1/ingest", content=body, headers=headers)
            except httpx.HTTPError as error:
                raise Unavailable(f"no Wardlight answers at {self._url}: {error or type(error).__name__}") from None
            if answer.status_code not in {429, 503} or tries >= _UNAVAILABLE_TRIES:
                return self._read(answer)
            tries += answer.status_code == 503
            time.sleep(_pause(answer))

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        """Return an answer that tells what was accepted; raise for any other."""
        try:
            told: dict[str, Any] = answer.json()
        except ValueError:
            told = {}
        if "accepted" in told:
            return told
        sentence = f"{self._url} answered {answer.status_code}: {told.get('error', answer.reason_phrase)}"
        known = {401: Unauthenticated, 403: Denied, 503: Unavailable}
        raise known.get(answer.status_code, Problem)(sentence)


def _pause(answer: httpx.Response) -> float:
    """Seconds that the server asks to wait."""
    after = answer.headers.get("retry-after", "1")
    return min(float(after), _LONGEST_PAUSE) if after.isdecimal() else 1.0


class Kept(msgspec.Struct):
    """How far a file was sent."""

    head: str
    mark: Mark


class State:
    """What was sent, in a file that is replaced after every batch."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: dict[str, Kept] = {}
        if path.exists():
            try:
                self._files = msgspec.json.decode(path.read_bytes(), type=dict[str, Kept])
            except (msgspec.DecodeError, OSError) as error:
                raise BadInput(
                    f"{path} doesn't say what was sent: {error}; remove it to send everything again"
                ) from None

    def find(self, file: LogFile) -> Mark | None:
        """Return how far a file was sent, also when it has been renamed or compressed since; None if it wasn't."""
        own = self._files.get(str(file.path.resolve()))
        renamed = [kept for kept in self._files.values() if kept.head == file.head and kept is not own]
        return next((kept.mark for kept in [*([own] if own else []), *renamed] if file.is_at(kept.mark)), None)

    def keep(self, file: LogFile, mark: Mark) -> None:
        """Note how far a file was sent."""
        self._files[str(file.path.resolve())] = Kept(file.head, mark)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.write_bytes(msgspec.json.encode(self._files))
        fresh.replace(self._path)


def _tell(reports: Sequence[FileReport], *, as_json: bool) -> None:
    """Print the summary."""
    if as_json:
        sums = {name: sum(getattr(report, name) for report in reports) for name in ("entries", "accepted", "refused")}
        click.echo(json.dumps({**sums, "files": [msgspec.to_builtins(report) for report in reports]}, indent=2))
        return
    for report in reports:
        if report.problem:
            click.echo(report.problem, err=True)
        if report.entries or not report.problem:
            resumed = f", resumed behind byte {report.resumed_at}" if report.resumed_at else ""
            refused = f", {report.refused} refused: {'; '.join(report.reasons)}" if report.refused else ""
            click.echo(f"{report.path}: {report.format or 'empty'}, {report.accepted} entries kept{refused}{resumed}")
