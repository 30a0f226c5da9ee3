"""A file of hashes of breached passwords, as Have I Been Pwned offers it: found by binary search, never read whole."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from wardlight.problems import BadConfig

_LINE = re.compile(rb"([0-9A-Fa-f]{40})(:\d+)?\r?$")
_LONGEST = 80


class Breached:
    """Lines of `SHA1` or `SHA1:COUNT` in hexadecimal, sorted. Raises BadConfig when the file isn't that."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        try:
            with self._path.open("rb") as file:
                first = file.readline(_LONGEST).rstrip(b"\n")
        except OSError as error:
            raise BadConfig(f"{path} can't be read: {error.strerror} (setting access.breached_passwords)") from None
        if not _LINE.match(first):
            raise BadConfig(f"{path}:1: not a SHA-1 hash in hexadecimal (setting access.breached_passwords)")

    def __contains__(self, password: str) -> bool:
        """Say whether thieves know it. Some thirty reads of a file of forty gigabytes."""
        wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        with self._path.open("rb") as file:
            descriptor = file.fileno()
            low, high = 0, os.fstat(descriptor).st_size
            while low < high:
                middle = (low + high) // 2
                start, line = _line_from(descriptor, middle)
                if not line or line[:40].upper() > wanted:
                    high = middle
                elif line[:40].upper() < wanted:
                    low = start + len(line)
                else:
                    return True
        return False


def _line_from(descriptor: int, offset: int) -> tuple[int, bytes]:
    """Read the first line that begins at an offset or later: where it begins, and the line with its end."""
    begin = max(offset - 1, 0)
    block = os.pread(descriptor, 2 * _LONGEST, begin)
    skipped = 0 if offset == 0 else block.find(b"\n") + 1
    if offset and not skipped:
        return offset, b""
    return begin + skipped, block[skipped:].partition(b"\n")[0] + b"\n" if block[skipped:] else b""
