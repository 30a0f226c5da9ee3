"""Tiles of C2SP tlog-tiles: where they lie, what they hold, and which ones a growing tree adds. Pure.

    tile/<level>/<number>[.p/<width>]     up to 256 hashes of 32 bytes; level 0 holds the leaves' hashes
    tile/entries/<number>[.p/<width>]     the up to 256 entries of a tile of level 0, each behind its length (uint16)

A number is written in groups of three digits, all but the last behind an `x`. A tile that isn't full has its width in
its name, and stays until the full one is there.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from wardlight.ledger import merkle
from wardlight.ledger.merkle import HASH_BYTES, fold, leaf_hashes
from wardlight.problems import BadInput, NotFound

WIDTH = 256
MAX_ENTRY_BYTES = 65535
ENTRIES = -1
"""The level of entry bundles."""

_LENGTH = struct.Struct(">H")
_PATH = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


@dataclass(frozen=True, order=True)
class Tile:
    """A place in the tree: `width` hashes, or entries, of a level."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it lies.

        >>> Tile(0, 1234067).path, Tile(ENTRIES, 5, 17).path
        ('tile/0/x001/x234/067', 'tile/entries/005.p/17')
        """
        groups, rest = [f"{self.number % 1000:03d}"], self.number // 1000
        while rest:
            groups.append(f"x{rest % 1000:03d}")
            rest //= 1000
        level = "entries" if self.level == ENTRIES else self.level
        return f"tile/{level}/{'/'.join(reversed(groups))}" + (f".p/{self.width}" if self.width < WIDTH else "")

    @classmethod
    def parse(cls, path: str) -> Tile:
        """Read a path that `path` could have written. Raises NotFound for any other."""
        found = _PATH.fullmatch(path)
        if found is not None:
            level, number, width = found.groups()
            tile = cls(
                ENTRIES if level == "entries" else int(level),
                int(number.replace("x", "").replace("/", "")),
                int(width or WIDTH),
            )
            if tile.path == path:
                return tile
        raise NotFound("there is no such tile")

    @property
    def full(self) -> Tile:
        """The same tile, when it is full."""
        return Tile(self.level, self.number)


def tile_at(level: int, number: int, size: int) -> Tile:
    """Return the tile as a log of `size` entries has it."""
    width = (size >> 8 * max(level, 0)) - number * WIDTH
    return Tile(level, number, min(width, WIDTH))


def pack(entries: Sequence[bytes]) -> bytes:
    """Write entries as a bundle."""
    length = _LENGTH.pack
    return b"".join([part for entry in entries for part in (length(len(entry)), entry)])


def unpack(bundle: bytes, *, lenient: bool = False) -> list[bytes]:
    """Read a bundle. Raises BadInput when it ends within an entry; lenient: leaves that one out."""
    entries, at, end = [], 0, len(bundle)
    while at < end:
        start = at + _LENGTH.size
        at = start + _LENGTH.unpack_from(bundle, at)[0] if start <= end else end + 1
        if at <= end:
            entries.append(bundle[start:at])
        elif not lenient:
            raise BadInput("the bundle ends within an entry")
    return entries


@dataclass(frozen=True)
class Edge:
    """The right edge of a tree: all that is needed to let it grow."""

    size: int = 0
    levels: tuple[bytes, ...] = ()
    """The hashes of the tile of each level that isn't full, level 0 first."""
    bundle: bytes = b""
    """The entry bundle that isn't full."""

    @property
    def root(self) -> bytes:
        """The tree's root."""
        # A level's complete subtrees and what is smaller than one of them, to their right, hash like equal neighbours.
        found = b""
        for hashes in self.levels:
            found = fold(hashes + found) if hashes else found
        return found or merkle.EMPTY_ROOT

    def grown(self, entries: Sequence[bytes]) -> tuple[Edge, list[tuple[Tile, bytes]]]:
        """Append entries; return the new edge and the tiles that the larger tree has and this one hasn't."""
        tiles = []
        size, bundle = self.size + len(entries), self.bundle
        at, number = 0, self.size // WIDTH
        while at < len(entries):
            room = (number + 1) * WIDTH - self.size - at
            bundle += pack(entries[at : at + room])
            at = min(at + room, len(entries))
            tiles.append((tile_at(ENTRIES, number, self.size + at), bundle))
            if at + self.size == (number + 1) * WIDTH:
                number, bundle = number + 1, b""
        levels, hashes = climb(self.levels, self.size, leaf_hashes(entries))
        return Edge(size, levels, bundle), tiles + hashes


def climb(levels: tuple[bytes, ...], size: int, hashes: bytes) -> tuple[tuple[bytes, ...], list[tuple[Tile, bytes]]]:
    """Append leaf hashes to the edge of a tree of `size` leaves; return its new levels and the new tiles."""
    tiles: list[tuple[Tile, bytes]] = []
    new = list(levels)
    level, full = 0, WIDTH * HASH_BYTES
    while hashes:
        if level == len(new):
            new.append(b"")
        row = new[level] + hashes
        number = (size >> 8 * level) // WIDTH
        whole = [row[at : at + full] for at in range(0, len(row) - full + 1, full)]
        tiles += [(Tile(level, number + at), tile) for at, tile in enumerate(whole)]
        new[level] = row[len(whole) * full :]
        if new[level]:
            tiles.append((Tile(level, number + len(whole), len(new[level]) // HASH_BYTES), new[level]))
        hashes = b"".join([fold(tile) for tile in whole])
        level += 1
    return tuple(new), tiles


Fetch = Callable[[Tile], bytes]
"""Brings a tile. Raises NotFound when it isn't there."""


def cut(fetch: Fetch, tile: Tile) -> bytes:
    """Bring a hash tile of exactly its width, from the full one if that has replaced it. Raises BadInput, NotFound."""
    try:
        hashes = fetch(tile)
        wanted = tile.width
    except NotFound:
        if tile.width == WIDTH:
            raise
        hashes = fetch(tile.full)
        wanted = WIDTH
    if len(hashes) != wanted * HASH_BYTES:
        raise BadInput(f"{tile.path} has {len(hashes)} bytes instead of {wanted * HASH_BYTES}")
    return hashes[: tile.width * HASH_BYTES]


def bundle(fetch: Fetch, number: int, size: int) -> list[bytes]:
    """Bring the entries of a bundle as a log of `size` entries has them. Raises BadInput, NotFound."""
    tile = tile_at(ENTRIES, number, size)
    try:
        return unpack(fetch(tile))
    except NotFound:
        if tile.width == WIDTH:
            raise
        return unpack(fetch(tile.full))[: tile.width]


def nodes(fetch: Fetch, size: int) -> merkle.Node:
    """Make proofs possible from the tiles of a log of `size` entries."""

    @lru_cache(maxsize=64)
    def hashes(level: int, number: int) -> bytes:
        return cut(fetch, tile_at(level, number, size))

    @lru_cache(maxsize=4096)
    def node(height: int, number: int) -> bytes:
        level, inside = divmod(height, 8)
        first = number << inside
        start = first % WIDTH * HASH_BYTES
        return fold(hashes(level, first // WIDTH)[start : start + (HASH_BYTES << inside)])

    return node
