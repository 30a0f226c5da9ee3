"""Answers to hand over: CSV, FHIR Bundle, and a zip of either with a proof of each event.

Everything is written as it is read, a part at a time; `accounting` writes the PDF.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import msgspec

from wardlight.audit import fhir, instants
from wardlight.audit.event import Entry
from wardlight.audit.shown import shown
from wardlight.ledger.leaf import unleaf
from wardlight.problems import NotFound

Entries = Iterable[tuple[int, Entry]]
Writer = Callable[[Entries], Iterator[bytes]]

COLUMNS = (
    "time", "received", "user", "role", "action", "record type", "record", "patient", "purpose", "outcome", "from",
    "service", "index", "deviation",
)  # fmt: skip
"""Of the CSV; `docs/audit.md` says what each means."""

_ACTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Beginnings of formulas, those of full width too; spreadsheets skip blanks before them."""
_CHUNK = 64 * 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip knows: equal answers are equal files."""


class Log(Protocol):
    """What proofs need of the ledger."""

    @property
    def vkey(self) -> str:
        """The key by which proofs are checked."""
        ...

    def prove(self, index: int) -> str:
        """Prove an entry in a file of its own."""
        ...

    def read(self, first: int, count: int) -> list[bytes]:
        """Read entries."""
        ...

    def event(self, entry: bytes) -> bytes:
        """Read the event of an entry."""
        ...


def defused(cell: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula.

    >>> defused("=HYPERLINK(1)"), defused("10.0.0.1")
    ("'=HYPERLINK(1)", '10.0.0.1')
    """
    return f"'{cell}" if cell[:1] in ("\t", "\r") or cell.lstrip().startswith(_ACTS) else cell


def as_csv(entries: Entries) -> Iterator[bytes]:
    """Write CSV (RFC 4180, UTF-8): a line of `COLUMNS`, then one an event."""
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(COLUMNS)
    names = ["from_" if column == "from" else column.replace(" ", "_") for column in COLUMNS]
    for index, entry in entries:
        row = shown(index, entry)
        lines.writerow([defused(str(getattr(row, name))) for name in names])
        if text.tell() > _CHUNK:
            yield _taken(text)
    yield _taken(text)


def as_bundle(entries: Entries, base_url: str, version: fhir.Version, now_ns: int) -> Iterator[bytes]:
    """Write a FHIR Bundle of type collection, as JSON."""
    yield b'{"resourceType":"Bundle","type":"collection","timestamp":"%s"' % instants.write(now_ns).encode()
    before = b',"entry":['
    for index, entry in entries:
        resource = fhir.write(entry, index, version)
        one = {"fullUrl": f"{base_url}/AuditEvent/{index}", "resource": resource}
        yield before + msgspec.json.encode(one)
        before = b","
    yield b"]}" if before == b"," else b"}"


def proof_files(log: Log, index: int) -> Iterator[tuple[str, bytes]]:
    """Write what proves an event, by file name; the event too, where it is too large for the log. Raises NotFound."""
    yield f"{index}.tlog-proof", log.prove(index).encode()
    for leaf in log.read(index, 1):
        if unleaf(leaf).event is None:
            yield f"{index}.event", log.event(leaf)


def zipped(name: str, write: Writer, entries: Entries, log: Log) -> Iterator[bytes]:
    """Write a zip: the answer as `name`, `proofs/<index>.tlog-proof` for each of its events, `README.txt`."""
    indices: list[int] = []

    def counted() -> Iterator[tuple[int, Entry]]:
        for index, entry in entries:
            indices.append(index)
            yield index, entry

    missing: list[int] = []
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(_named(name), "w", force_zip64=True) as file:
            for part in write(counted()):
                file.write(part)
                yield from sink.taken(_CHUNK)
        for index in indices:
            try:
                for proof, data in proof_files(log, index):
                    archive.writestr(_named(f"proofs/{proof}"), data)
            except NotFound:
                missing.append(index)
            yield from sink.taken(_CHUNK)
        archive.writestr(_named("README.txt"), readme(name, log.vkey, missing))
    yield from sink.taken(0)


def readme(name: str, vkey: str, missing: Iterable[int] = ()) -> str:
    """Say how to check proofs."""
    gone = ", ".join(map(str, missing))
    removed = f"\nRemoved from the log under its retention policy since, so without proof: {gone}.\n" if gone else ""
    return f"""{name} is an answer of an audit trail kept by Wardlight. Its column "index" (in a Bundle: the id of an
AuditEvent) names the entry of the log that an event is; proofs/ has a file for each, named after it.

To check that an event stands in the log exactly as it is told here, on any machine with Wardlight, without a network:

    wardlight ledger check proofs/INDEX.tlog-proof --vkey KEY --show

KEY is the log's verifier key. Take it from a source you trust: the operator hands it out on paper, or has published
it, before it is needed. What the log says of itself is

    {vkey}

An event that is too large for the log lies beside its proof as INDEX.event: add --event proofs/INDEX.event.

The files are of a public format, C2SP tlog-proof@v1 (c2sp.org/tlog-proof): other people's tools check them too.
{removed}"""


class _Sink(io.RawIOBase):
    """Where a zip is written, to be taken away in parts."""

    def __init__(self) -> None:
        self._parts = bytearray()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # what ZipFile gives
        """Keep data until it is taken."""
        self._parts += data
        return len(data)

    def taken(self, least: int) -> Iterator[bytes]:
        """Take what is there, if it is more than `least` bytes."""
        if len(self._parts) > least:
            yield bytes(self._parts)
            self._parts.clear()


def _named(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _taken(text: io.StringIO) -> bytes:
    taken = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return taken
