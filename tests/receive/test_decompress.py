"""Content encodings, bounded."""

from __future__ import annotations

import gzip
import zlib

import cramjam
import pytest

from wardlight.problems import BadInput, TooLarge, UnknownFormat
from wardlight.receive.decompress import decompress, unsnappy

DATA = b"a line of log\n" * 10_000
ENCODED = {
    "gzip": gzip.compress(DATA),
    "deflate": zlib.compress(DATA),
    "zstd": bytes(cramjam.zstd.compress(DATA)),
    "snappy": bytes(cramjam.snappy.compress_raw(DATA)),
    "identity": DATA,
    "": DATA,
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_it_undoes(encoding: str) -> None:
    assert decompress(ENCODED[encoding], encoding, len(DATA)) == DATA


def test_it_reads_every_member_of_a_gzip() -> None:
    assert decompress(gzip.compress(b"a") + gzip.compress(b"b"), "gzip", 10) == b"ab"


@pytest.mark.parametrize("encoding", ENCODED)
def test_it_stops_at_the_limit(encoding: str) -> None:
    with pytest.raises(TooLarge, match="max_body_bytes"):
        decompress(ENCODED[encoding], encoding, len(DATA) - 1)


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = gzip.compress(bytes(200 * 1024 * 1024))
    with pytest.raises(TooLarge):
        decompress(bomb, "gzip", 1024)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "snappy"])
def test_truncated_data_is_refused(encoding: str) -> None:
    with pytest.raises(BadInput):
        decompress(ENCODED[encoding][:-9], encoding, len(DATA))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_damaged_data_is_refused(encoding: str) -> None:
    with pytest.raises(BadInput):
        decompress(b"nothing of the kind" * 10, encoding, 10**6)


def test_snappy_that_claims_more_than_the_limit_is_refused_unread() -> None:
    with pytest.raises(TooLarge):
        unsnappy(b"\xff\xff\xff\xff\x0f" + b"x", 1000)


def test_an_unknown_encoding_names_the_known_ones() -> None:
    with pytest.raises(UnknownFormat, match="gzip"):
        decompress(b"", "br", 10)
