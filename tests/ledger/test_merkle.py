from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardlight.ledger import merkle
from wardlight.ledger.merkle import EMPTY_ROOT, leaf_hash, node_hash
from wardlight.ledger.tiles import Edge, Tile, nodes
from wardlight.problems import BadInput, NotFound


def by_definition(leaves: list[bytes]) -> bytes:
    """The root as RFC 6962 defines it."""
    if len(leaves) < 2:
        return leaf_hash(leaves[0]) if leaves else EMPTY_ROOT
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node_hash(by_definition(leaves[:middle]), by_definition(leaves[middle:]))


class Log:
    """A log in memory that has grown in steps."""

    def __init__(self, steps: list[int]) -> None:
        self.leaves: list[bytes] = []
        self.files: dict[Tile, bytes] = {}
        edge = Edge()
        for step in steps:
            new = [b"%d" % at for at in range(len(self.leaves), len(self.leaves) + step)]
            edge, tiles = edge.grown(new)
            self.files |= dict(tiles)
            self.leaves += new
        self.edge = edge

    def fetch(self, tile: Tile) -> bytes:
        if tile not in self.files:
            raise NotFound(tile.path)
        return self.files[tile]


def vectors(folder: Path) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    for path in sorted((folder / "merkle-vectors").rglob("*.json")):
        yield path, path.relative_to(folder).parts[1], json.loads(path.read_text())


def accepted(kind: str, vector: dict[str, Any]) -> bool:
    proof = [b64decode(one) for one in vector["proof"] or ()]
    data = {name: b64decode(vector[name] or "") for name in ("root", "leafHash", "root1", "root2") if name in vector}
    try:
        match kind:
            case "inclusion":
                merkle.check_inclusion(data["leafHash"], vector["leafIdx"], data["root"], vector["treeSize"], proof)
            case "subtreeinclusion":
                start, end = vector["start"], vector["end"]
                merkle.check_inclusion(data["leafHash"], vector["leafIdx"], data["root"], end, proof, start=start)
            case "consistency":
                merkle.check_consistency(vector["size1"], vector["size2"], data["root1"], data["root2"], proof)
            case "subtreeconsistency":
                start, end, size = vector["start"], vector["end"], vector["size"]
                merkle.check_subtree_consistency(end, size, data["root1"], data["root2"], proof, start=start)
            case _:
                pytest.fail(f"nothing checks {kind}")
    except BadInput:
        return False
    return True


def test_all_vectors_of_others_are_judged_as_they_judge_them(conformance: Path) -> None:
    judged = [(path, accepted(kind, vector), not vector["wantErr"]) for path, kind, vector in vectors(conformance)]
    assert [path for path, ours, theirs in judged if ours != theirs] == []
    assert len(judged) == 518


@given(steps=st.lists(st.integers(1, 700), min_size=1, max_size=4))
def test_a_tree_grown_in_steps_has_the_root_of_the_definition(steps: list[int]) -> None:
    log = Log(steps)
    root = by_definition(log.leaves)
    assert log.edge.root == root
    assert merkle.root(nodes(log.fetch, log.edge.size), log.edge.size) == root


@given(steps=st.lists(st.integers(1, 700), min_size=1, max_size=3), data=st.data())
def test_every_proof_checks_and_no_other_entry_does(steps: list[int], data: st.DataObject) -> None:
    log = Log(steps)
    size = log.edge.size
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion(nodes(log.fetch, size), index, size)
    merkle.check_inclusion(leaf_hash(log.leaves[index]), index, log.edge.root, size, proof)
    with pytest.raises(BadInput):
        merkle.check_inclusion(leaf_hash(b"another"), index, log.edge.root, size, proof)
    with pytest.raises(BadInput):
        merkle.check_inclusion(leaf_hash(log.leaves[index]), index, log.edge.root, size, [*proof, bytes(32)])


@given(steps=st.lists(st.integers(1, 700), min_size=2, max_size=3), data=st.data())
def test_every_older_tree_is_proven_to_be_the_beginning(steps: list[int], data: st.DataObject) -> None:
    log = Log(steps)
    size = log.edge.size
    old = data.draw(st.integers(1, size))
    proof = merkle.consistency(nodes(log.fetch, size), old, size)
    old_root = by_definition(log.leaves[:old])
    merkle.check_consistency(old, size, old_root, log.edge.root, proof)
    with pytest.raises(BadInput):
        merkle.check_consistency(old, size, bytes(32), log.edge.root, proof)


def test_it_proves_nothing_about_entries_that_are_not_there() -> None:
    log = Log([10])
    with pytest.raises(BadInput, match="no entry 10"):
        merkle.inclusion(nodes(log.fetch, 10), 10, 10)
    with pytest.raises(BadInput, match="can't begin"):
        merkle.consistency(nodes(log.fetch, 10), 11, 10)
