"""Where one syslog message ends and the next begins in a stream of bytes (RFC 6587, RFC 5425)."""

from __future__ import annotations

import re

_DIGITS = b"0123456789"
_PRIORITY = re.compile(rb"<\d{1,3}>")
_OPENING = re.compile(rb"<(?:\?xml|AuditMessage)\b")
_CLOSING = b"</AuditMessage>"
_LONGEST_COUNT = 10


class Framer:
    """Cuts one connection's bytes into messages: by octet counts if it begins with a digit, else at line ends.

    Where lines are the frames, an audit message in XML on several lines stays one, up to its end or to the next `<PRI>`:
    OpenEMR sends them so.

    Of a message longer than `limit` bytes the first `limit` + 1 are given, so that its reader sees that it was cut.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._need = 1
        self._skip = 0
        self._counted: bool | None = None
        self._skip_line = False
        self._document = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as they came; return the messages that are complete."""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        if self._counted is None and data:
            self._counted = data[:1] in _DIGITS[1:] and data[:1] != b""
        self._rest += data
        if len(self._rest) < self._need or (not self._counted and len(self._rest) <= self._limit and b"\n" not in data):
            return []
        buffer, self._rest = bytes(self._rest), bytearray()
        return self._by_count(buffer) if self._counted else self._by_line(buffer)

    def end(self) -> list[bytes]:
        """Return what is left when the connection ends, complete or not."""
        rest, self._rest = bytes(self._rest), bytearray()
        if self._counted and rest[:1] in _DIGITS:
            rest = rest.partition(b" ")[2]
        left = [rest] if rest and not self._skip_line else []
        whole = self._documents(left) if self._document else left
        return [*whole, self._document] if self._document else whole

    def _by_line(self, buffer: bytes) -> list[bytes]:
        """Cut at line ends; empty lines are nothing."""
        *lines, rest = buffer.split(b"\n")
        if self._skip_line and lines:
            lines, self._skip_line = lines[1:], False
        if self._skip_line:
            return []
        if len(rest) > self._limit:
            lines.append(rest)
            self._skip_line, rest = True, b""
        self._rest += rest
        found = [line[: self._limit + 1] for line in lines if line.strip()]
        return self._documents(found) if self._document or b"<" in buffer else found

    def _documents(self, lines: list[bytes]) -> list[bytes]:
        """Join the lines of audit messages."""
        messages: list[bytes] = []
        for line in lines:
            if self._document and (_PRIORITY.match(line) or len(self._document) > self._limit):
                messages.append(self._document)
                self._document = b""
            if self._document:
                self._document += b"\n" + line
            elif _OPENING.search(line):
                self._document = line
            else:
                messages.append(line)
                continue
            if _CLOSING in line:
                messages.append(self._document)
                self._document = b""
        return messages

    def _by_count(self, buffer: bytes) -> list[bytes]:
        """Cut by counts."""
        messages: list[bytes] = []
        at, end, limit = 0, len(buffer), self._limit
        self._need = 1
        while at < end:
            blank = buffer.find(b" ", at, at + _LONGEST_COUNT)
            count = buffer[at:blank] if blank > 0 else b""
            if not count.isdigit():
                at = self._without_count(buffer, at, messages)
                if at < 0:
                    break
                continue
            start = blank + 1
            stop = start + int(count)
            if stop > end and end - start <= limit:  # wait until it is there, or too long
                self._need = min(stop, start + limit + 1) - at
                self._rest += buffer[at:]
                break
            messages.append(buffer[start:stop] if stop - start <= limit else buffer[start : start + limit + 1])
            at = stop
        self._skip = max(at - end, 0)
        return messages

    def _without_count(self, buffer: bytes, at: int, messages: list[bytes]) -> int:
        """Take the line as a message where a count should be and isn't; return its end, -1 if that isn't here yet."""
        stop = buffer.find(b"\n", at)
        unfinished = len(buffer) - at < _LONGEST_COUNT and buffer[at:].isdigit()
        if unfinished or (stop < 0 and len(buffer) - at <= self._limit):
            self._rest += buffer[at:]
            return -1
        line = buffer[at : stop if stop >= 0 else len(buffer)]
        if line.strip():
            messages.append(line[: self._limit + 1])
        return at + len(line) + (stop >= 0)
