"""A backup's manifest: what is in it, with digests; written last, so that a backup without one isn't whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import msgspec

from wardlight.problems import BadInput, NotFound
from wardlight.store import LogStore
from wardlight.store.partitions import IN_LOGS, NAMED, NO_LIMITS
from wardlight.store.places import Place

FORMAT = 1
NAME = "manifest.json"
LOGS = "logs"
"""The engine's own part of a backup, beside the files."""
FILES = "files"

_PARTS = f"""
SELECT {NAMED}, lower(hex(SHA256(arrayStringConcat(arraySort(groupArray(hash_of_all_files)))))) AS parts
FROM system.parts
WHERE {IN_LOGS} AND rows > 0
GROUP BY kind, day
ORDER BY day, kind
"""  # noqa: S608 -- constants
_DIGEST = """
SELECT count() AS records, lower(hex(sum(sipHash64(*)))) AS digest
FROM {table:Identifier}
WHERE kind = {kind:String} AND toDate(ts) = {day:Date}
"""


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """The records of one kind and day. `digest` doesn't depend on their order; it is against faults, not forgers."""

    kind: str
    day: date
    records: int
    digest: str
    parts: str
    """Digest of the engine's files: equal files needn't be read again for the next backup."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file beside the log store."""

    path: str
    """In the data directory."""
    mode: int
    size: int
    sha256: str
    backup: str
    """The backup that has its bytes: this one, or the one that it builds on."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One whole backup."""

    format: int
    id: str
    made: datetime
    base: str | None
    """The full backup that this one builds on; None: it is full itself."""
    wardlight: str
    """Version that made it."""
    schema: int
    """Version of the log store's tables."""
    partitions: tuple[Partition, ...]
    files: tuple[File, ...]

    @property
    def records(self) -> int:
        """Records in it."""
        return sum(one.records for one in self.partitions)


def write(place: Place, manifest: Manifest) -> None:
    """Make a backup whole."""
    place.seal(f"{manifest.id}/{NAME}", msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def read(place: Place, entry: str) -> Manifest:
    """Read a backup's manifest. Raises NotFound, and BadInput when the backup isn't whole."""
    content = place.read(f"{entry}/{NAME}")
    if content is None:
        if entry in place.entries():
            raise BadInput(f"backup {entry} in {place.name} is unfinished: it has no manifest")
        raise NotFound(f"there is no backup {entry} in {place.name}")
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BadInput(f"the manifest of backup {entry} in {place.name} is damaged: {error}") from None
    if manifest.format != FORMAT or manifest.id != entry:
        raise BadInput(f"backup {entry} in {place.name} is of another format or has been renamed")
    return manifest


def digests(
    store: LogStore, table: str, known: Mapping[tuple[str, date, str], Partition] | None = None
) -> tuple[Partition, ...]:
    """Reckon the digest of each partition; one whose files are `known` (kind, day, parts) isn't read again."""
    found = []
    for row in store.select(_PARTS, {"table": table}, limits=NO_LIMITS).to_pylist():
        kind, day, parts = row["kind"], date.fromisoformat(row["day"]), row["parts"]
        one = (known or {}).get((kind, day, parts))
        if one is None:
            named = {"table": table, "kind": kind, "day": row["day"]}
            (sums,) = store.select(_DIGEST, named, limits=NO_LIMITS).to_pylist()
            one = Partition(kind=kind, day=day, parts=parts, **sums)
        found.append(one)
    return tuple(found)
