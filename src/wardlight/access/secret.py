"""Secrets that we make: long enough that a plain SHA-256 of one is as good as the secret is random."""

from __future__ import annotations

import hashlib
import secrets
import string

LETTERS = string.ascii_letters + string.digits
PLAIN = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits that aren't mistaken for each other."""


def made(length: int = 43, letters: str = LETTERS) -> str:
    """Invent a secret; 43 letters and digits are 256 bits."""
    return "".join(secrets.choice(letters) for _ in range(length))


def by_hand() -> str:
    """Invent a secret that people copy by hand, in four groups of five; 99 bits."""
    return "-".join(made(5, PLAIN) for _ in range(4))


def digest(secret: str) -> bytes:
    """What is kept of a secret: its SHA-256."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
