"""A backup's manifest: what is in it, with digests; written last, so that a backup without one isn't whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

import msgspec

from wardlight.problems import BadInput, NotFound
from wardlight.store import LogStore, Table
from wardlight.store.partitions import IN_TABLE, NAMED, NO_LIMITS
from wardlight.store.places import Place

FORMAT = 1
NAME = "manifest.json"
LOGS = "logs"
"""The engine's own part of a backup, beside the files."""
FILES = "files"

_NAMED: dict[Table, str] = {
    "logs": NAMED,
    "audit": "'' AS kind, toString(YYYYMMDDToDate(100 * toUInt32(partition) + 1)) AS day",
}
_PARTS = f"""
SELECT {{named}}, lower(hex(SHA256(arrayStringConcat(arraySort(groupArray(hash_of_all_files)))))) AS parts
FROM system.parts
WHERE {IN_TABLE.replace("{", "{{").replace("}", "}}")} AND rows > 0
GROUP BY kind, day
ORDER BY day, kind
"""  # noqa: S608 -- constants  # nosec B608
_WHERE: dict[Table, str] = {
    "logs": "kind = {kind:String} AND toDate(ts) = {day:Date}",
    "audit": "toStartOfMonth(recorded) = {day:Date}",
}
_DIGEST = """
SELECT count() AS records, lower(hex(sum(sipHash64(*)))) AS digest
FROM {table:Identifier}
WHERE """


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """The records of one kind and day, or the audit trail of one month, from `day` on.

    `digest` doesn't depend on their order; it is against faults, not forgers.
    """

    table: Table = "logs"
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
        """Records in it. The audit trail has its events among them."""
        return sum(one.records for one in self.partitions if one.table == "logs")


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


def digests(store: LogStore, tables: Mapping[Table, str], known: Iterable[Partition] = ()) -> tuple[Partition, ...]:
    """Reckon the digest of each partition, of tables under the names they lie; one of `known` files isn't read again."""
    kept = {(one.table, one.kind, one.day, one.parts): one for one in known}
    found = []
    for table, name in tables.items():
        sql = _PARTS.format(named=_NAMED[table])
        for row in store.select(sql, {"table": name}, limits=NO_LIMITS).to_pylist():
            kind, day, parts = row["kind"], date.fromisoformat(row["day"]), row["parts"]
            one = kept.get((table, kind, day, parts))
            if one is None:
                named = {"table": name, "kind": kind, "day": row["day"]}
                (sums,) = store.select(_DIGEST + _WHERE[table], named, limits=NO_LIMITS).to_pylist()
                one = Partition(table=table, kind=kind, day=day, parts=parts, **sums)
            found.append(one)
    return tuple(found)
