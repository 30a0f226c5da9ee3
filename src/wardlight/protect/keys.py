"""Keys of pseudonyms: the newest makes them, the older ones still find what they made."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from wardlight.problems import BadConfig
from wardlight.protect.kinds import ACTIONS, SECRETS

KEYS = "protect.keys"
"""The file of keys, in the data directory."""
_BYTES = 32
_NOT_PLAIN = bytes(byte for byte in range(128) if not chr(byte).isalnum() and chr(byte) not in "@+")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_FIVE = struct.Struct(">5H")
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_SHOWN = 10
"""Bytes of the HMAC that a pseudonym shows: 80 bits, 16 characters."""


@dataclass(frozen=True, repr=False)
class Key:
    """A secret and its short name: `k1`, `k2` and so on."""

    id: str
    secret: bytes

    @cached_property
    def keyed(self) -> hmac.HMAC:
        """The HMAC that every pseudonym goes on from: setting it up anew takes longer than all the rest."""
        return hmac.new(self.secret, digestmod=hashlib.sha256)


class Keys:
    """All keys there have been, oldest first."""

    def __init__(self, keys: Sequence[Key]) -> None:
        if not keys:
            raise BadConfig("there is no key for pseudonyms")
        self.all = tuple(keys)

    @classmethod
    def new(cls) -> Self:
        """Make a first key."""
        return cls((Key("k1", secrets.token_bytes(_BYTES)),))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file of keys, `ID BASE64` a line, oldest first. Raises BadConfig."""
        keys = []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            name, _, text = line.partition(" ")
            try:
                keys.append(Key(name, base64.b64decode(text, validate=True)))
            except ValueError:
                raise BadConfig(f"{path}:{number}: not a key; restore the file from a backup") from None
            if name != f"k{number}" or len(keys[-1].secret) != _BYTES:
                raise BadConfig(f"{path}:{number}: not the key k{number}; restore the file from a backup")
        return cls(keys)

    @classmethod
    def at(cls, path: Path) -> Self:
        """Read the file; where there is none, make a first key and write it. Raises BadConfig."""
        if not path.exists():
            cls.new().write(path)
        return cls.read(path)

    def write(self, path: Path) -> None:
        """Write the file anew; only its owner may read it."""
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.writelines(f"{key.id} {base64.b64encode(key.secret).decode()}\n" for key in self.all)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def rotated(self) -> Keys:
        """These keys and a newer one."""
        return Keys((*self.all, Key(f"k{len(self.all) + 1}", secrets.token_bytes(_BYTES))))

    def pseudonym(self, kind: str, value: str) -> str:
        """Make the pseudonym of an identifier: the same for the same one, whatever its case and punctuation."""
        return _pseudonym(kind, value, self.all[-1])

    def pseudonyms(self, value: str, kinds: Iterable[str] = ACTIONS.keys() - SECRETS) -> list[str]:
        """Make all the pseudonyms that an identifier may have in the store: every kind, every key."""
        return [_pseudonym(kind, value, key) for kind in sorted(kinds) for key in self.all]

    def derived(self, purpose: str) -> bytes:
        """A secret of 32 bytes for another purpose, from the first key: it stays when keys are rotated."""
        return hmac.digest(self.all[0].secret, purpose.encode(), hashlib.sha256)


def plain(value: str) -> str:
    """Write an identifier as it is compared: letters and figures only, small.

    >>> plain("943 476-5919"), plain("A.Turing@clinic.example")
    ('9434765919', 'aturing@clinicexample')
    """
    if value.isascii():
        return value.encode().lower().translate(None, _NOT_PLAIN).decode() or value
    return "".join(letter for letter in value.casefold() if letter.isalnum() or letter in "@+") or value


def _pseudonym(kind: str, value: str, key: Key) -> str:
    hashed = key.keyed.copy()
    hashed.update(plain(value).encode())
    return f"pseudo:{kind}:{key.id}:{_base32(hashed.digest()[:_SHOWN])}"


def _base32(ten: bytes) -> str:
    """Write ten bytes in base 32 (RFC 4648, section 6), in a third of the standard library's time."""
    a, b, c, d, e = _FIVE.unpack(ten)
    return (
        f"{_PAIRS[a >> 6]}{_PAIRS[(a & 63) << 4 | b >> 12]}{_PAIRS[b >> 2 & 1023]}{_PAIRS[(b & 3) << 8 | c >> 8]}"
        f"{_PAIRS[(c & 255) << 2 | d >> 14]}{_PAIRS[d >> 4 & 1023]}{_PAIRS[(d & 15) << 6 | e >> 10]}{_PAIRS[e & 1023]}"
    )
