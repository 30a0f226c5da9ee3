"""Signed notes, checkpoints and cosignatures (C2SP signed-note, tlog-checkpoint, tlog-cosignature), with Ed25519.

    <origin>                                    a checkpoint's text: whose log,
    <size>                                      how many entries,
    <root, base64>                              which root
                                                an empty line
    — <name> <key ID and signature, base64>     signatures: the log's, then those of witnesses

Pure: nothing is read or written here.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wardlight.problems import BadInput

LOG = 1
"""Type of a key that signs notes."""
WITNESS = 4
"""Type of a key that cosigns checkpoints, with the time."""

_DASH = "— "
_KEY_PREFIX = "PRIVATE+KEY+"
_TIME = struct.Struct(">Q")
_MOST_SIGNATURES = 100


@dataclass(frozen=True)
class Verifier:
    """A public key that is trusted, under its name."""

    name: str
    key: bytes
    kind: int = LOG

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read a verifier key, `name+hex(key ID)+base64(type and key)`. Raises BadInput."""
        name, _, rest = vkey.strip().partition("+")
        identifier, _, encoded = rest.partition("+")
        data = unbase64(encoded)
        if not is_name(name) or len(data) != 33 or data[0] not in (LOG, WITNESS):
            raise BadInput("that is no Ed25519 verifier key: it reads NAME+KEYID+KEY")
        made = cls(name, data[1:], data[0])
        if made.identifier.hex() != identifier:
            raise BadInput(f"the verifier key of {name} is damaged: its key ID doesn't fit its key")
        return made

    @property
    def identifier(self) -> bytes:
        """The key ID, by which a signature names its key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.key).digest()[:4]

    @property
    def vkey(self) -> str:
        """The verifier key as text."""
        return f"{self.name}+{self.identifier.hex()}+{tobase64(bytes([self.kind]) + self.key)}"

    def check(self, text: str, signature: bytes) -> int | None:
        """Check a signature of a note's text; return a witness's time in seconds since 1970. Raises BadInput."""
        message, time = text.encode(), None
        if self.kind == WITNESS:
            if len(signature) < _TIME.size:
                raise BadInput(f"the cosignature of {self.name} is too short")
            (time,) = _TIME.unpack_from(signature)
            message = f"cosignature/v1\ntime {time}\n".encode() + message
            signature = signature[_TIME.size :]
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except InvalidSignature:
            raise BadInput(f"the signature of {self.name} is wrong: the text isn't what was signed") from None
        return time


@dataclass(frozen=True)
class Signer:
    """A private key under its name."""

    name: str
    seed: bytes
    kind: int = LOG

    @classmethod
    def parse(cls, skey: str) -> Signer:
        """Read a signer key as Go's `note` package writes it. Raises BadInput."""
        name, _, rest = skey.strip().removeprefix(_KEY_PREFIX).partition("+")
        identifier, _, encoded = rest.partition("+")
        data = unbase64(encoded)
        if not skey.startswith(_KEY_PREFIX) or len(data) != 33 or data[0] not in (LOG, WITNESS):
            raise BadInput("that is no Ed25519 signer key")
        made = cls(name, data[1:], data[0])
        if made.verifier.identifier.hex() != identifier:
            raise BadInput(f"the signer key of {name} is damaged: its key ID doesn't fit its key")
        return made

    @property
    def skey(self) -> str:
        """The private key as text, as Go's `note` package writes it."""
        encoded = tobase64(bytes([self.kind]) + self.seed)
        return f"{_KEY_PREFIX}{self.name}+{self.verifier.identifier.hex()}+{encoded}"

    @property
    def verifier(self) -> Verifier:
        """The public key."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return Verifier(self.name, public.public_bytes_raw(), self.kind)

    def line(self, text: str, time: int = 0) -> str:
        """Sign a note's text; a witness with the time, in seconds since 1970. The result is a signature line."""
        prefix, message = b"", text.encode()
        if self.kind == WITNESS:
            prefix, message = _TIME.pack(time), f"cosignature/v1\ntime {time}\n".encode() + message
        signature = prefix + Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)
        return f"{_DASH}{self.name} {tobase64(self.verifier.identifier + signature)}\n"


@dataclass(frozen=True)
class Signed:
    """A note that was checked."""

    text: str
    """What is signed, to its last newline."""
    signers: tuple[tuple[Verifier, int | None], ...]
    """Whose signatures are right, and the times of witnesses in seconds since 1970."""


def open_note(note: str, verifiers: Sequence[Verifier]) -> Signed:
    """Check a note's signatures. Unknown keys count for nothing; a wrong signature of a known one raises BadInput."""
    text, lines = split(note)
    known = {(one.name, one.identifier): one for one in verifiers}
    found: dict[Verifier, int | None] = {}
    for line in lines:
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        signature = unbase64(encoded)
        verifier = known.get((name, signature[:4]))
        if verifier is not None and verifier not in found:
            found[verifier] = verifier.check(text, signature[4:])
    return Signed(text, tuple(found.items()))


def split(note: str) -> tuple[str, list[str]]:
    """Part a note into its text and its signature lines, without their newlines. Raises BadInput."""
    text, middle, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if not middle or lines.pop() != "" or not 1 <= len(lines) <= _MOST_SIGNATURES:
        raise BadInput("that is no signed note: it has a text, an empty line, and lines of signatures")
    if not all(_is_signature(line) for line in lines):
        raise BadInput("that is no signed note: a line of its signatures can't be read")
    return text + "\n", lines


def is_name(name: str) -> bool:
    """Whether a key, or a log, may have this name."""
    return bool(name) and "+" not in name and not any(sign.isspace() or ord(sign) < 32 for sign in name)


def is_number(text: str) -> bool:
    """Whether this is a number from 0 on, as these formats write it."""
    return text.isascii() and text.isdecimal() and str(int(text)) == text


def tobase64(data: bytes) -> str:
    """Write bytes in base64."""
    return base64.b64encode(data).decode()


def unbase64(text: str) -> bytes:
    """Read base64, only as `tobase64` writes it. Raises BadInput."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if tobase64(data) != text:
        raise BadInput("a hash or a signature isn't proper base64")
    return data


@dataclass(frozen=True)
class Checkpoint:
    """What a log says of itself."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{tobase64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a checkpoint's text; lines behind the third are left alone. Raises BadInput."""
        origin, size, root, *_ = [*text.split("\n"), "", "", ""]
        hashed = unbase64(root)
        if not origin or not is_number(size) or len(hashed) != 32:
            raise BadInput("that is no checkpoint: it has an origin, a size and a root")
        return cls(origin, int(size), hashed)


@dataclass(frozen=True)
class Witnessed:
    """A checkpoint whose log's signature is right."""

    checkpoint: Checkpoint
    note: str
    cosigners: tuple[tuple[Verifier, int], ...]
    """The witnesses that cosigned it, of those that are known, and when, in seconds since 1970."""


def open_checkpoint(note: str, log: Verifier, witnesses: Sequence[Verifier] = ()) -> Witnessed:
    """Check a checkpoint's signature by its log, and the cosignatures. Raises BadInput."""
    signed = open_note(note, [log, *witnesses])
    if log not in (verifier for verifier, _ in signed.signers):
        raise BadInput(f"the checkpoint isn't signed by {log.vkey}")
    checkpoint = Checkpoint.parse(signed.text)
    if checkpoint.origin != log.name:
        raise BadInput(f"the checkpoint is of the log {checkpoint.origin}, not of {log.name}")
    return Witnessed(checkpoint, note, tuple((one, time) for one, time in signed.signers if time is not None))


def _is_signature(line: str) -> bool:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    return line.startswith(_DASH) and bool(space) and is_name(name) and len(unbase64(encoded)) > 4
