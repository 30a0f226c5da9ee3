"""Small requests that would become large ones: refused, in bounded memory and without a fault of ours."""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Self

import cramjam
import psutil
import pytest
from fastapi.testclient import TestClient
from tests.security.conftest import LIMIT

from wardlight.problems import BadInput
from wardlight.receive.decompress import decompress

ZEROS = bytes(1024 * 1024)
BIG = 256
"""Megabytes that each bomb would become."""
MOST_BYTES = 128 * 1024 * 1024
"""Memory that one may take meanwhile, with all that runs beside."""
DOORS = {
    "/v1/logs": "application/x-protobuf",
    "/loki/api/v1/push": "application/x-protobuf",
    "/api/v1/ingest": "application/x-ndjson",
    "/_bulk": "application/x-ndjson",
}


@cache
def gzipped() -> bytes:
    squeezer = zlib.compressobj(1, wbits=31)
    return b"".join([*(squeezer.compress(ZEROS) for _ in range(BIG)), squeezer.flush()])


@cache
def deflated() -> bytes:
    squeezer = zlib.compressobj(1)
    return b"".join([*(squeezer.compress(ZEROS) for _ in range(BIG)), squeezer.flush()])


@cache
def frames() -> bytes:
    return bytes(cramjam.zstd.compress(ZEROS)) * BIG


def snappy() -> bytes:
    """One that only says how large it is."""
    length, size = b"", BIG * 1024 * 1024
    while size > 0x7F:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return length + bytes([size]) + b"\xf0\x00a" * 10


BOMBS = {"gzip": gzipped, "deflate": deflated, "zstd": frames, "snappy": snappy}


class Peak:
    """The most memory that this process has while something is done."""

    def __enter__(self) -> Self:
        self._process, self._done = psutil.Process(), threading.Event()
        self._before = self.most = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.is_set():
            self.most = max(self.most, self._process.memory_info().rss)
            time.sleep(0.002)

    @property
    def more(self) -> int:
        return self.most - self._before


@pytest.mark.parametrize("encoding", BOMBS)
@pytest.mark.parametrize("door", DOORS)
def test_a_compressed_bomb_is_refused_within_bounds(house: TestClient, door: str, encoding: str) -> None:
    bomb = BOMBS[encoding]()
    assert len(bomb) < LIMIT
    with Peak() as peak:
        answer = house.post(door, content=bomb, headers={"Content-Encoding": encoding, "Content-Type": DOORS[door]})
    assert answer.status_code in (400, 413)
    assert peak.more < MOST_BYTES


def test_a_body_of_very_many_members_is_refused_before_it_costs() -> None:
    with pytest.raises(BadInput, match="members"):
        decompress(gzip.compress(b"") * 100_000, "gzip", LIMIT)


def test_a_body_of_several_members_is_read_whole() -> None:
    parts = [bytes([at]) * 70_000 for at in range(50)]
    assert decompress(b"".join(map(gzip.compress, parts)), "gzip", LIMIT) == b"".join(parts)


def test_a_body_that_lies_about_its_length_is_cut_at_the_limit(house: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield ZEROS

    answer = house.post("/api/v1/ingest", content=endless(), headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 413


ENTITIES = "".join(f'<!ENTITY {chr(98 + at)} "{f"&{chr(97 + at)};" * 10}">' for at in range(25))
LAUGHS = f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">{ENTITIES}]><AuditMessage>&z;</AuditMessage>'
OUTSIDE = '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><AuditMessage>&x;</AuditMessage>'
DEEP = "<AuditMessage>" + "<a>" * 100_000


@pytest.mark.parametrize("document", [LAUGHS, OUTSIDE, DEEP], ids=["laughs", "outside", "deep"])
def test_an_xml_bomb_is_kept_as_text_and_never_expanded(house: TestClient, document: str) -> None:
    line = {"message": document, "wardlight.kind": "audit", "service": "bomb"}
    with Peak() as peak:
        answer = house.post("/api/v1/ingest", json=line)
    assert answer.status_code < 500
    assert peak.more < MOST_BYTES
    assert "root:" not in house.get("/api/v1/audit", params={"limit": 100}).text


@pytest.mark.parametrize("form", ["application/fhir+xml", "application/fhir+json"])
def test_a_deep_document_is_no_fault(house: TestClient, form: str) -> None:
    deep = "<AuditEvent>" + "<a>" * 50_000 if form.endswith("xml") else '{"a":' * 50_000
    assert house.post("/fhir/AuditEvent", content=deep, headers={"Content-Type": form}).status_code < 500


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"a":' * 100_000, '{"streams":' + "[" * 100_000])
@pytest.mark.parametrize("door", ["/v1/logs", "/loki/api/v1/push", "/api/v1/ingest", "/_bulk", "/api/v1/alertmanager",
                                  "/api/v1/deployments", "/api/v1/maintenance", "/api/v1/heartbeats"])  # fmt: skip
def test_deeply_nested_json_is_no_fault(house: TestClient, door: str, deep: str) -> None:
    answer = house.post(door, content=deep, headers={"Content-Type": "application/json"})
    assert answer.status_code < 500
