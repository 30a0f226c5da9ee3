"""Content encodings, bounded: a small request can't become a large one in memory."""

from __future__ import annotations

import cramjam
import pyarrow as pa
from isal import isal_zlib

from wardlight.problems import BadInput, TooLarge, UnknownFormat

_CHUNK = 1 << 20
_PIECE = 1 << 16
_MOST_MEMBERS = 10_000


def decompress(data: bytes, encoding: str, limit: int) -> bytes:
    """Undo a Content-Encoding (gzip, deflate, zstd, snappy, identity).

    Raises TooLarge beyond `limit` bytes, BadInput when the data is damaged, UnknownFormat for other encodings.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        if len(data) > limit:
            raise _too_large(limit)
        return data
    if name in {"gzip", "x-gzip"}:
        return _inflate(data, 31, limit)
    if name == "deflate":
        return _inflate(data, 15, limit)
    if name == "zstd":
        return _zstd(data, limit)
    if name == "snappy":
        return unsnappy(data, limit)
    raise UnknownFormat(f"content encoding {name[:40]!r} isn't spoken here; use gzip, deflate, zstd, snappy or none")


def unsnappy(data: bytes, limit: int) -> bytes:
    """Undo snappy's block format, which Loki's and Prometheus's pushes use."""
    length, shift = 0, 0
    for at, byte in enumerate(data[:5]):
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
        if at == 4:
            raise BadInput("damaged snappy data: no length at byte 0")
    if length > limit:
        raise _too_large(limit)
    try:
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as error:
        raise BadInput(f"damaged snappy data: {error}") from None


def _inflate(data: bytes, window: int, limit: int) -> bytes:
    """Undo gzip (all members) or zlib, a piece at a time: what a member leaves over is copied for each."""
    parts: list[bytes] = []
    total = at = members = 0
    while at < len(data):
        stream = isal_zlib.decompressobj(window)
        members += 1
        if members > _MOST_MEMBERS:
            raise BadInput(f"the compressed data has more than {_MOST_MEMBERS} members")
        while not stream.eof:
            piece = data[at : at + _PIECE]
            try:
                part = stream.decompress(piece, min(_CHUNK, limit - total + 1))
            except isal_zlib.error as error:  # type: ignore[misc]  # its stub calls the class a value
                raise BadInput(f"damaged compressed data near byte {at}: {error}") from None
            total += len(part)
            if total > limit:
                raise _too_large(limit)
            parts.append(part)
            at += len(piece) - len(stream.unconsumed_tail) - len(stream.unused_data)
            if not part and not piece and not stream.eof:
                raise BadInput(f"truncated compressed data: it ends at byte {len(data)} in the middle of a stream")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _zstd(data: bytes, limit: int) -> bytes:
    """Undo zstd, reading no more than the limit."""
    try:
        plain: bytes = pa.CompressedInputStream(pa.BufferReader(data), "zstd").read(limit + 1)
    except OSError as error:
        raise BadInput(f"damaged zstd data: {error}") from None
    if len(plain) > limit:
        raise _too_large(limit)
    return plain


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the request is larger than {limit} bytes after decompression (setting receive.max_body_bytes)")
