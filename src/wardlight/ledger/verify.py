"""Checks a whole log from its files alone: every entry, every hash, every signature. Trusts only the verifier keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random

from wardlight.ledger import merkle
from wardlight.ledger.leaf import Leaf, event_digest, unleaf
from wardlight.ledger.merkle import HASH_BYTES, fold, leaf_hashes
from wardlight.ledger.note import Verifier, Witnessed, is_number, open_checkpoint
from wardlight.ledger.source import Source
from wardlight.ledger.tiles import ENTRIES, WIDTH, Tile, cut, nodes, pack, tile_at, unpack
from wardlight.ledger.tree import CHECKPOINT, MINIMUM, WITNESSED
from wardlight.problems import BadInput, NotFound


@dataclass(frozen=True)
class Report:
    """What was found to be right."""

    checkpoint: Witnessed
    minimum: int
    """The index below which entries were removed; their hashes are there, and were checked."""
    cosigners: dict[str, tuple[int, int]]
    """The witnesses: up to which size, and when they saw it, in seconds since 1970."""


def read_checkpoint(source: Source, log: Verifier, witnesses: Sequence[Verifier] = ()) -> Witnessed:
    """Read the newest checkpoint and check its signatures."""
    return open_checkpoint(_text(source, CHECKPOINT), log, witnesses)


class Verification:
    """The check of one log. `run` raises BadInput, which names the first entry, or file, that is wrong."""

    def __init__(
        self, source: Source, log: Verifier, witnesses: Sequence[Verifier] = (), large: Path | None = None
    ) -> None:
        self._source = source
        self._log = log
        self._witnesses = witnesses
        self._large = large
        self.checkpoint = read_checkpoint(source, log, witnesses)
        self.size = self.checkpoint.checkpoint.size
        self._nodes = nodes(self._fetch, self.size)
        self._full = lru_cache(maxsize=16)(self._read_full)

    def run(self, since: Sequence[str] = (), told: Callable[[int], None] = lambda _entries: None) -> Report:
        """Check everything; `since` are older checkpoints that the log must begin with. `told` hears of progress."""
        for older in since:
            self._must_begin_with(open_checkpoint(older, self._log), "the older checkpoint")
        minimum = self._minimum()
        for number in range(-(-self.size // WIDTH)):
            self._check_bundle(number, minimum)
            told(tile_at(0, number, self.size).width)
        self._check_root()
        for tile in self._source.partials():
            self._check_partial(tile, minimum)
        return Report(self.checkpoint, minimum, self._cosigners())

    def sample(self, chance: Random, bundles: int, since: str = "") -> None:
        """Check some bundles of entries picked at random, each up to the signed root; `since` as for `run`."""
        if since:
            self._must_begin_with(open_checkpoint(since, self._log), "the older checkpoint")
        minimum = self._minimum()
        kept = range(minimum // WIDTH, -(-self.size // WIDTH))
        for number in chance.sample(kept, min(bundles, len(kept))):
            self._check_bundle(number, minimum)
        self._check_root()

    def _check_root(self) -> None:
        if merkle.root(self._nodes, self.size) != self.checkpoint.checkpoint.root:
            raise BadInput("the tree's root isn't the checkpoint's, though all tiles agree: they are of another log")

    def _check_bundle(self, number: int, minimum: int) -> None:
        """Check up to 256 entries, their tile, and the hash of that in the tile above."""
        tile = tile_at(0, number, self.size)
        hashes = cut(self._fetch, tile)
        first = number * WIDTH
        above = self._hash_above(tile)
        if first + WIDTH <= minimum:
            if above != fold(hashes):
                raise BadInput(f"entries {first} to {first + WIDTH - 1}: {tile.path} and the tile above disagree")
            return
        entries = self._entries(number)
        found = leaf_hashes(entries)
        if found != hashes:
            same = (at for at in range(tile.width) if _at(found, at) != _at(hashes, at))
            wrong = first + next(same, tile.width)
            if above == fold(found):
                raise BadInput(f"entry {wrong}: its hash in {tile.path} is changed, the entry isn't")
            raise BadInput(f"entry {wrong}: it isn't the entry whose hash is in {tile.path}")
        if above is not None and above != fold(hashes):
            raise BadInput(f"entries {first} to {first + WIDTH - 1}: {tile.path} and the tile above disagree")
        self._check_large(first, entries)

    def _check_large(self, first: int, entries: Sequence[bytes]) -> None:
        """Check the events that lie beside the log."""
        if self._large is None:
            return
        for index, entry in enumerate(entries, first):
            found = _large_event(entry)
            if found is not None:
                path = self._large / found.digest.hex()
                if not path.exists() or event_digest(path.read_bytes(), found.salt) != found.digest:
                    raise BadInput(f"entry {index}: its large event is missing or changed: {path}")

    def _check_partial(self, tile: Tile, minimum: int) -> None:
        """Check that a tile of an older checkpoint says the same as the newest."""
        newest = tile_at(tile.level, tile.number, self.size)
        if newest.width <= tile.width or (tile.level == ENTRIES and (tile.number + 1) * WIDTH <= minimum):
            return
        if not self._source.read(newest.path).startswith(self._source.read(tile.path)):
            raise BadInput(f"entry {tile.number * WIDTH << 8 * max(tile.level, 0)}: {tile.path} of an older checkpoint "
                           "says otherwise than the newest")  # fmt: skip

    def _must_begin_with(self, older: Witnessed, name: str) -> None:
        size = older.checkpoint.size
        if size > self.size:
            raise BadInput(f"entry {self.size}: {name} has {size} entries, the log only {self.size}: "
                           f"{size - self.size} were removed at its end")  # fmt: skip
        if merkle.root(self._nodes, size) != older.checkpoint.root:
            raise BadInput(f"the log doesn't begin with the {size} entries of {name}: it was written anew")

    def _cosigners(self) -> dict[str, tuple[int, int]]:
        """Gather the witnesses of the newest checkpoint and of the newest witnessed one."""
        notes = [self.checkpoint]
        with suppress(NotFound):
            notes.insert(0, open_checkpoint(_text(self._source, WITNESSED), self._log, self._witnesses))
            self._must_begin_with(notes[0], "the witnessed checkpoint")
        return {who.name: (note.checkpoint.size, time) for note in notes for who, time in note.cosigners}

    def _minimum(self) -> int:
        try:
            found = _text(self._source, MINIMUM).strip()
        except NotFound:
            return 0
        if not is_number(found) or int(found) > self.size:
            raise BadInput(f"the file {MINIMUM} has no index of an entry")
        return int(found)

    def _hash_above(self, tile: Tile) -> bytes | None:
        """Return the hash of a full tile in the tile above, which is checked; None if the tile isn't full."""
        if tile.width < WIDTH:
            return None
        above = self._full(tile.level + 1, tile.number // WIDTH)
        return _at(above, tile.number % WIDTH)

    def _read_full(self, level: int, number: int) -> bytes:
        """Read a tile of a level above 0, and check it against those above it."""
        tile = tile_at(level, number, self.size)
        hashes = cut(self._fetch, tile)
        above = self._hash_above(tile)
        if above is not None and above != fold(hashes):
            first = number * WIDTH << 8 * level
            raise BadInput(f"entries from {first}: {tile.path} and the tile above disagree")
        return hashes

    def _entries(self, number: int) -> list[bytes]:
        """Read a bundle as far as it can be read."""
        tile = tile_at(ENTRIES, number, self.size)
        try:
            bundle = self._fetch(tile)
        except NotFound:
            return unpack(self._fetch(tile.full), lenient=True)[: tile.width]
        entries = unpack(bundle, lenient=True)
        if len(entries) >= tile.width and len(pack(entries[: tile.width])) != len(bundle):
            raise BadInput(f"entry {number * WIDTH + tile.width}: {tile.path} holds more than {tile.width} entries")
        return entries

    def _fetch(self, tile: Tile) -> bytes:
        return self._source.read(tile.path)


def _at(hashes: bytes, at: int) -> bytes:
    return hashes[at * HASH_BYTES : (at + 1) * HASH_BYTES]


def _large_event(entry: bytes) -> Leaf | None:
    """Read the entry of an event that lies beside the log; None if it is another, or of an encoding unknown here."""
    try:
        found = unleaf(entry)
    except BadInput:
        return None
    return found if found.event is None else None


def _text(source: Source, path: str) -> str:
    try:
        return source.read(path).decode()
    except UnicodeDecodeError:
        raise BadInput(f"{path} is damaged: it isn't text") from None
