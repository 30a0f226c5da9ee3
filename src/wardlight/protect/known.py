"""Identifiers that the hospital knows, kept only as keyed hashes: words of a text that are one of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from wardlight.problems import BadConfig
from wardlight.protect.find import Finding
from wardlight.protect.keys import Keys

KNOWN = "protect.known"
"""The file of known identifiers, in the data directory."""
_BYTES = 16
_BITS = 24
_SHORTEST = 4
_WORD_BYTES = np.zeros(256, bool)
_WORD_BYTES[[*range(48, 58), *range(65, 91), *range(97, 123), 95, 45, *range(128, 256)]] = True
_SMALL = np.arange(256, dtype=np.uint8)
_SMALL[65:91] += 32
_HEADER = "wardlight known identifiers 1"

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


class Known:
    """A set of identifiers, each one word of letters, figures, `-` and `_`; capitals don't matter in ASCII.

    A word is first looked up by a 24-bit fingerprint, over a whole column at once, then by its BLAKE2b hash of 128
    bits. Both are keyed; the file holds nothing else.
    """

    def __init__(self, keys: Keys, hashes: Iterable[bytes] = (), prints: Iterable[int] = ()) -> None:
        secret = keys.derived("known identifiers")
        self._secret = secret
        self._factor = np.uint64(int.from_bytes(secret[:8], "big") | 1)
        self._inverse = np.uint64(pow(int(self._factor), -1, 1 << 64))
        self._hashes = set(hashes)
        self._prints = np.zeros(1 << _BITS if self._hashes else 0, bool)
        self._prints[list(prints)] = True

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def __len__(self) -> int:
        return len(self._hashes)

    @classmethod
    def of(cls, keys: Keys, identifiers: Iterable[str]) -> Self:
        """Take identifiers in clear; those shorter than four bytes or of several words are left out."""
        empty = cls(keys)
        words = {word for one in identifiers if _is_word(word := one.strip().encode())}
        if not words:
            return empty
        prints = empty._prints_of(b" ".join(sorted(words)))[2]
        return cls(keys, map(empty._hash, words), prints.tolist())

    @classmethod
    def read(cls, keys: Keys, path: Path) -> Self:
        """Read the file that `write` wrote. Raises BadConfig."""
        header, *lines = path.read_text().splitlines()
        if header != _HEADER:
            raise BadConfig(f"{path}:1: not a file of known identifiers; make it anew from the list of them")
        pairs = [line.split(" ") for line in lines]
        return cls(
            keys, (bytes.fromhex(pair[0]) for pair in pairs if pair[0] != "-"), (int(pair[1], 16) for pair in pairs)
        )

    @classmethod
    def at(cls, keys: Keys, path: Path) -> Self:
        """Read the file; where there is none, nothing is known. Raises BadConfig."""
        return cls.read(keys, path) if path.exists() else cls(keys)

    def write(self, path: Path) -> None:
        """Write hashes and fingerprints, in an order that says nothing about which belong together.

        The file is exchanged as a whole, readable by its owner only.
        """
        hashes = [one.hex() for one in sorted(self._hashes)]
        prints = [f"{one:06x}" for one in np.flatnonzero(self._prints).tolist()]
        rows = [f"{one} {prints[at % len(prints)]}" for at, one in enumerate(hashes)]
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_text("\n".join([_HEADER, *rows]) + "\n")
        fresh.replace(path)

    def add_to(self, found: list[Finding], text: bytes) -> list[Finding]:
        """Add words of a text that are known to what else was found there."""
        starts, ends, prints = self._prints_of(text)
        candidates = np.flatnonzero(self._prints[prints])
        words = [(int(starts[at]), int(ends[at])) for at in candidates]
        own = [(start, end, "known") for start, end in words if self._hash(text[start:end]) in self._hashes]
        if not own:
            return found
        merged: list[Finding] = []
        for one in sorted([*found, *own], key=itemgetter(0)):
            if not merged or one[0] >= merged[-1][1]:
                merged.append(one)
        return merged

    def _hash(self, word: bytes) -> bytes:
        return hashlib.blake2b(word.lower(), key=self._secret, digest_size=_BYTES).digest()

    def _prints_of(self, text: bytes) -> tuple[Places, Places, Words]:
        """Begin, end and fingerprint of each word: a polynomial of its bytes, for all words in a few passes."""
        raw = np.frombuffer(text, np.uint8)
        inside = np.concatenate([[False], _WORD_BYTES[raw], [False]])
        edges = np.flatnonzero(inside[1:] != inside[:-1]).astype(np.int64)
        starts, ends = edges[::2], edges[1::2]
        long = ends - starts >= _SHORTEST
        starts, ends = starts[long], ends[long]
        if not len(starts):
            return starts, ends, np.zeros(0, np.uint64)
        with np.errstate(over="ignore"):
            powers = _powers(self._factor, len(raw))
            sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(_SMALL[raw].astype(np.uint64) * powers[:-1])])
            value = (sums[ends] - sums[starts]) * _powers(self._inverse, len(raw))[starts]
        return starts, ends, value * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(64 - _BITS)


def _powers(base: np.uint64, count: int) -> Words:
    """`count` + 1 powers of a number, from 1, modulo 2^64."""
    factors = np.full(count + 1, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


def _is_word(word: bytes) -> bool:
    return (
        len(word) >= _SHORTEST
        and bool(_WORD_BYTES[np.frombuffer(word, np.uint8)].all())
        and not re.fullmatch(rb"[-_]+", word)
    )
