"""The Merkle tree of RFC 6962 with SHA-256: hashes, proofs, and the checks of proofs. Pure: nothing is read here.

Proofs are made from a function `Node` that knows the hash of every complete subtree. A subtree in the sense of
draft-ietf-plants-merkle-tree-certs, `[start, end)`, is a range whose start is a multiple of its size rounded up to a
power of two; the whole tree is the subtree that starts at 0, so one check serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from wardlight.problems import BadInput

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()

Node = Callable[[int, int], bytes]
"""Of a height and a number: the hash over the leaves `[number << height, (number + 1) << height)`."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry as a leaf."""
    return sha256(b"\0" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> bytes:
    """Hash entries as leaves, one hash after the other."""
    return b"".join([sha256(b"\0" + entry).digest() for entry in entries])


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbours into their parent."""
    return sha256(b"\1" + left + right).digest()


def fold(hashes: bytes) -> bytes:
    """Hash the tree over neighbouring hashes, given one after the other, of any number above 0; return its root."""
    while len(hashes) > HASH_BYTES:
        odd = hashes[len(hashes) - len(hashes) % 64 :]
        pairs = range(0, len(hashes) - len(odd), 64)
        hashes = b"".join([sha256(b"\1" + hashes[at : at + 64]).digest() for at in pairs]) + odd
    return hashes


def subtree(node: Node, start: int, end: int) -> bytes:
    """Return the root of the subtree `[start, end)`, which isn't empty."""
    parts = []
    while start < end:
        height = (end - start).bit_length() - 1
        parts.append(node(height, start >> height))
        start += 1 << height
    found = parts.pop()
    while parts:
        found = node_hash(parts.pop(), found)
    return found


def root(node: Node, size: int) -> bytes:
    """Return the root of the tree of `size` leaves."""
    return subtree(node, 0, size) if size else EMPTY_ROOT


def inclusion(node: Node, index: int, size: int) -> list[bytes]:
    """Prove that the tree of `size` leaves has a leaf at `index` (RFC 6962, 2.1.1): siblings from the leaf upwards."""
    if not 0 <= index < size:
        raise BadInput(f"there is no entry {index} in a log of {size}")
    proof = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(subtree(node, middle, end))
            end = middle
        else:
            proof.append(subtree(node, start, middle))
            start = middle
    return proof[::-1]


def consistency(node: Node, old: int, new: int) -> list[bytes]:
    """Prove that the tree of `new` leaves begins with the tree of `old` leaves (RFC 6962, 2.1.2); none for old 0."""
    if not 0 <= old <= new:
        raise BadInput(f"a log of {new} entries can't begin with {old}")
    if old == 0:
        return []
    proof = []
    start, end = 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(subtree(node, middle, end))
            end = middle
        else:
            proof.append(subtree(node, start, middle))
            start = middle
    if start:
        proof.append(subtree(node, start, end))
    return proof[::-1]


def check_inclusion(leaf: bytes, index: int, tree: bytes, end: int, proof: Sequence[bytes], *, start: int = 0) -> None:
    """Check that the leaf hash stands at `index` in the subtree `[start, end)` of root `tree`. Raises BadInput."""
    if not start <= index < end or not _is_subtree(start, end):
        raise BadInput(f"there is no entry {index} in a tree of entries {start} to {end}")
    if len(leaf) != HASH_BYTES:
        raise BadInput(f"a leaf's hash has {HASH_BYTES} bytes")
    at, last = index - start, end - start - 1
    found = leaf
    for hashed in proof:
        if last == 0:
            raise BadInput("the inclusion proof is too long")
        if at & 1 or at == last:
            found = node_hash(hashed, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, hashed)
        at, last = at >> 1, last >> 1
    if last or found != tree:
        raise BadInput("the inclusion proof doesn't lead to the tree's root")


def check_consistency(old: int, new: int, old_tree: bytes, new_tree: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of `new` leaves begins with the one of `old` leaves, which isn't empty. Raises BadInput."""
    if old == 0:
        raise BadInput("every log begins with an empty one: that proves nothing")
    check_subtree_consistency(old, new, old_tree, new_tree, proof)


def check_subtree_consistency(
    end: int, size: int, part: bytes, tree: bytes, proof: Sequence[bytes], *, start: int = 0
) -> None:
    """Check that the subtree `[start, end)` of root `part` is part of the tree of `size` leaves. Raises BadInput."""
    if start == end <= size:
        if part != EMPTY_ROOT or proof:
            raise BadInput("the root of nothing is the hash of nothing, and needs no proof")
        return
    if not end <= size or not _is_subtree(start, end):
        raise BadInput(f"entries {start} to {end} are no subtree of a log of {size}")
    first, last, edge = start, end - 1, size - 1
    while first != last and (last == edge or last & 1):
        first, last, edge = first >> 1, last >> 1, edge >> 1
    rest = list(proof)
    if first != last and not rest:
        raise BadInput("the consistency proof is too short")
    found_part = found_tree = part if first == last else rest.pop(0)
    for hashed in rest:
        if edge == 0:
            raise BadInput("the consistency proof is too long")
        if last & 1 or last == edge:
            if first < last:
                found_part = node_hash(hashed, found_part)
            found_tree = node_hash(hashed, found_tree)
            while not last & 1 and last:
                first, last, edge = first >> 1, last >> 1, edge >> 1
        else:
            found_tree = node_hash(found_tree, hashed)
        first, last, edge = first >> 1, last >> 1, edge >> 1
    if edge or found_part != part or found_tree != tree:
        raise BadInput("the consistency proof doesn't lead from the one root to the other")


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _is_subtree(start: int, end: int) -> bool:
    return 0 <= start < end and start % (1 << (end - start - 1).bit_length()) == 0
