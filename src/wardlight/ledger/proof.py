"""A proof that one entry stands in the log, in a file of its own (C2SP tlog-proof@v1): to be checked offline.

    c2sp.org/tlog-proof@v1
    extra <the entry, base64>
    index <its index>
    <hashes of the inclusion proof, base64, a line each>
                                                an empty line
    <the checkpoint, with its signatures>

Pure: nothing is read or written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wardlight.ledger.merkle import check_inclusion, inclusion, leaf_hash
from wardlight.ledger.note import Checkpoint, Verifier, Witnessed, is_number, open_checkpoint, split, tobase64, unbase64
from wardlight.ledger.tiles import WIDTH, Fetch, bundle, nodes
from wardlight.problems import BadInput

_FIRST = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True)
class Proof:
    """The parts of a proof."""

    index: int
    entry: bytes
    hashes: tuple[bytes, ...]
    note: str
    """The checkpoint with its signatures."""

    @property
    def text(self) -> str:
        """The file."""
        lines = (_FIRST, f"extra {tobase64(self.entry)}", f"index {self.index}", *map(tobase64, self.hashes))
        return "\n".join(lines) + "\n\n" + self.note

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Read a file. Raises BadInput."""
        head, _, note = text.partition("\n\n")
        lines = head.split("\n")
        if len(lines) < 3 or lines[0] != _FIRST or not lines[1].startswith("extra ") or not note:
            raise BadInput(f"that is no proof of an entry: it begins with {_FIRST} and the entry as extra data")
        index = lines[2].removeprefix("index ")
        if not lines[2].startswith("index ") or not is_number(index):
            raise BadInput("the proof has no index")
        hashes = tuple(unbase64(line) for line in lines[3:])
        return cls(int(index), unbase64(lines[1].removeprefix("extra ")), hashes, note)

    def check(self, log: Verifier, witnesses: Sequence[Verifier] = ()) -> Witnessed:
        """Check everything; return the checkpoint that vouches for the entry. Raises BadInput."""
        found = open_checkpoint(self.note, log, witnesses)
        hashed = leaf_hash(self.entry)
        check_inclusion(hashed, self.index, found.checkpoint.root, found.checkpoint.size, self.hashes)
        return found


def make(fetch: Fetch, index: int, newest: str, witnessed: str | None) -> Proof:
    """Prove an entry from a log's tiles, by its witnessed checkpoint if that covers it. Raises BadInput, NotFound."""
    size = Checkpoint.parse(split(newest)[0]).size
    note, covered = newest, size
    if witnessed is not None:
        seen = Checkpoint.parse(split(witnessed)[0]).size
        note, covered = (witnessed, seen) if index < seen else (newest, size)
    hashes = inclusion(nodes(fetch, size), index, covered)
    return Proof(index, bundle(fetch, index // WIDTH, size)[index % WIDTH], tuple(hashes), note)
