"""The published log: tiles, entries and the checkpoint in one directory that anybody may copy and check.

It grows in one step, `Tree.grow`, for new entries as for recovered ones. The order is what makes it safe:

1. tiles and entry bundles that the larger tree adds are written and synced, under names nobody asks for yet. Dying here
   leaves files that belong to no checkpoint; the same entries come again from the journal and overwrite them.
2. the checkpoint takes its name, and its directory is synced. From here the entries are in the log; dying before the
   journal is cleared makes recovery skip them.
3. tiles that a full one replaces are removed. Dying here leaves some; they say the same as the full one.

Every step repeated gives the same files, so a failure is answered by doing all of it again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from wardlight.ledger import merkle
from wardlight.ledger.disk import Files
from wardlight.ledger.leaf import unleaf
from wardlight.ledger.merkle import leaf_hashes
from wardlight.ledger.note import Checkpoint, Signer, open_checkpoint, split
from wardlight.ledger.proof import Proof, make
from wardlight.ledger.tiles import ENTRIES, WIDTH, Edge, Tile, bundle, cut, nodes, tile_at, unpack
from wardlight.problems import BadInput, NotFound, Unavailable

CHECKPOINT = "checkpoint"
WITNESSED = "witnessed"
"""The newest checkpoint that witnesses have cosigned. While it is the newest of all, `checkpoint` is the same."""
MINIMUM = "minimum"
"""The index below which entries were removed under the retention policy; absent: 0."""
VKEY = "vkey"
STAMPS = "stamp"
"""Time stamps, each beside the checkpoint that it stamps."""


@dataclass(frozen=True)
class _State:
    """What is published."""

    note: str
    checkpoint: Checkpoint
    edge: Edge
    node: merkle.Node


class Tree:
    """The log in `directory`. One thread lets it grow; any may read. Raises Unavailable when it isn't sound."""

    def __init__(self, directory: Path, signer: Signer, files: Files) -> None:
        self._directory = directory
        self._signer = signer
        self._files = files
        self._writing = threading.Lock()
        if not (directory / CHECKPOINT).exists():
            self._begin()
        try:
            self._now = self._load()
            self._witnessed = self._load_witnessed()
        except (BadInput, NotFound, UnicodeDecodeError) as problem:
            raise Unavailable(f"the ledger in {directory} is damaged: {problem}. Restore it from a backup") from None
        self.minimum = read_minimum(directory)
        """The index below which entries were removed."""

    @property
    def size(self) -> int:
        """How many entries are published."""
        return self._now.checkpoint.size

    @property
    def note(self) -> str:
        """The checkpoint with its signatures."""
        return self._now.note

    @property
    def witnessed(self) -> str | None:
        """The newest checkpoint with a witness's signature."""
        return self._witnessed

    def grow(self, entries: Sequence[bytes]) -> None:
        """Publish entries. Raises OSError; then it is to be called again, with these entries and perhaps more."""
        with self._writing:
            edge, tiles = self._now.edge.grown(entries)
            self._files.put({self._directory / tile.path: data for tile, data in tiles})
            self._publish(edge)
            for tile, _ in tiles:
                if tile.width == WIDTH:
                    self._remove_partials(tile)

    def cosign(self, text: str, lines: Sequence[str]) -> None:
        """Keep witnesses' signature lines of the checkpoint of this text. Raises OSError."""
        with self._writing:
            now = self._now
            known = next((note for note in (now.note, self._witnessed) if note and note.startswith(f"{text}\n")), None)
            known = known or self._signed(text)
            note = known + "".join(f"{line}\n" for line in lines if line not in split(known)[1])
            self._files.put({self._directory / WITNESSED: note.encode()})
            self._witnessed = note
            if now.checkpoint.text == text:
                self._files.put({self._directory / CHECKPOINT: note.encode()})
                self._now = replace(now, note=note)

    def fetch(self, tile: Tile) -> bytes:
        """Read a tile. Raises NotFound."""
        try:
            return (self._directory / tile.path).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"there is no {tile.path}") from None

    def bundle(self, number: int, size: int) -> list[bytes]:
        """Read the entries of a bundle as a log of `size` has them."""
        try:
            return bundle(self.fetch, number, size)
        except NotFound:
            if (number + 1) * WIDTH <= self.minimum:
                raise NotFound(f"entries below {self.minimum} were removed under the retention policy") from None
            raise

    def entries(self, first: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Read entries of the log, each with its index; those that were removed are left out."""
        size = self.size
        index = max(first, self.minimum)
        while index < min(end, size):
            number = index // WIDTH
            for entry in self.bundle(number, size)[index % WIDTH : end - number * WIDTH]:
                yield index, entry
                index += 1

    def inclusion(self, index: int) -> list[bytes]:
        """Prove that the log has an entry at this index."""
        return merkle.inclusion(self._now.node, index, self._now.checkpoint.size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Prove that the log of `new` entries begins with the one of `old`."""
        now = self._now
        if new > now.checkpoint.size:
            raise BadInput(f"the log has {now.checkpoint.size} entries, not {new}")
        return merkle.consistency(now.node, old, new)

    def prove(self, index: int) -> Proof:
        """Prove an entry, by a checkpoint that witnesses have seen if there is one."""
        if index < self.minimum:
            raise NotFound(f"entries below {self.minimum} were removed under the retention policy")
        return make(self.fetch, index, self._now.note, self._witnessed)

    def prune(self, minimum: int, large: Path) -> int:
        """Remove the entries below an index, by whole bundles, and what lies in `large` for them; return the minimum.

        The hashes stay, and with them the tree and all proofs of what is left. Raises OSError; then call it again.
        """
        with self._writing:
            minimum = max(self.minimum, min(minimum, self.size))
            self._files.put({self._directory / MINIMUM: f"{minimum}\n".encode()})
            self.minimum = minimum
            for path in sorted((self._directory / "tile" / "entries").rglob("*[0-9]")):
                if path.is_dir():
                    continue
                tile = Tile.parse(path.relative_to(self._directory).as_posix())
                if (tile.number + 1) * WIDTH <= minimum:
                    for entry in unpack(path.read_bytes()):
                        with suppress(BadInput):
                            self._files.remove(large / unleaf(entry).digest.hex())
                    self._files.remove(path)
        return minimum

    def _begin(self) -> None:
        """Publish the empty log."""
        if (self._directory / "tile").exists():
            raise Unavailable(
                f"{self._directory / CHECKPOINT} is missing, but tiles are there: restore it from a backup"
            )
        self._files.put({self._directory / VKEY: f"{self._signer.verifier.vkey}\n".encode()})
        self._publish(Edge())

    def _publish(self, edge: Edge) -> None:
        """Write the checkpoint of a tree whose tiles are there."""
        checkpoint = Checkpoint(self._signer.name, edge.size, edge.root)
        note = self._signed(checkpoint.text)
        self._files.put({self._directory / CHECKPOINT: note.encode()})
        self._now = _State(note, checkpoint, edge, nodes(self.fetch, edge.size))

    def _signed(self, text: str) -> str:
        return f"{text}\n{self._signer.line(text)}"

    def _load(self) -> _State:
        """Read the checkpoint and the right edge, and compare them."""
        note = (self._directory / CHECKPOINT).read_text()
        checkpoint = open_checkpoint(note, self._signer.verifier).checkpoint
        size, entries = checkpoint.size, b""
        levels: list[bytes] = []
        while size >> 8 * len(levels):
            tile = tile_at(len(levels), (size >> 8 * len(levels)) // WIDTH, size)
            levels.append(cut(self.fetch, tile) if tile.width else b"")
            if tile.level == 0 and tile.width:
                entries = self.fetch(Tile(ENTRIES, tile.number, tile.width))
        edge = Edge(size, tuple(levels), entries)
        if edge.root != checkpoint.root:
            raise BadInput("its newest tiles don't give the checkpoint's root")
        if levels and leaf_hashes(unpack(entries)) != levels[0]:
            raise BadInput("its newest entries aren't those whose hashes are in the tree")
        return _State(note, checkpoint, edge, nodes(self.fetch, size))

    def _load_witnessed(self) -> str | None:
        """Read the cosigned checkpoint; the log must not be smaller."""
        path = self._directory / WITNESSED
        if not path.exists():
            return None
        note = path.read_text()
        seen = open_checkpoint(note, self._signer.verifier).checkpoint
        if seen.size > self.size:
            raise BadInput(
                f"it has {self.size} entries, but witnesses have seen {seen.size}: an older state was restored"
            )
        return note

    def _remove_partials(self, tile: Tile) -> None:
        """Remove the tiles that a full one has replaced."""
        directory = self._directory / f"{tile.path}.p"
        if directory.is_dir():
            with suppress(OSError):
                for partial in directory.iterdir():
                    self._files.remove(partial)
                directory.rmdir()


def read_minimum(directory: Path) -> int:
    """Read the index below which entries were removed. Raises Unavailable when it can't be."""
    path = directory / MINIMUM
    try:
        return int(path.read_text()) if path.exists() else 0
    except ValueError:
        raise Unavailable(f"{path} is damaged: restore it from a backup") from None
