"""Passwords: hashed with scrypt, the parameters beside the hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets

_COST, _BLOCK, _PARALLEL = 2**14, 8, 1


def hashed(password: str) -> str:
    """Hash a password with a new salt."""
    salt = secrets.token_bytes(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL)
    return f"scrypt${_COST}${_BLOCK}${_PARALLEL}${salt.hex()}${digest.hex()}"


def matches(password: str, stored: str) -> bool:
    """Tell whether a password is the one that was hashed; takes about 50 ms of processor time."""
    _, cost, block, parallel, salt, digest = stored.split("$")
    tried = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), n=int(cost), r=int(block), p=int(parallel))
    return hmac.compare_digest(tried, bytes.fromhex(digest))
