from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from tests.gate import gated
from tests.ledger.conftest import entries

from wardlight.api.ledger import router
from wardlight.ledger import Ledger
from wardlight.ledger.note import Verifier
from wardlight.ledger.source import Server
from wardlight.ledger.verify import Verification
from wardlight.problems import Problem


async def told(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return JSONResponse({"error": str(error)}, error.status)


def note(request: Request) -> None:
    """Let everybody read entries."""


def client_of(ledger: Ledger) -> TestClient:
    app = gated(FastAPI())
    app.add_exception_handler(Problem, told)
    app.include_router(router(ledger, note))
    return TestClient(app)


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    ledger.append(entries(0, 600))
    ledger.checkpoint()
    with client_of(ledger) as found:
        yield found


def test_a_whole_log_is_verified_over_http(client: TestClient, ledger: Ledger) -> None:
    log = Verifier.parse(client.get("/ledger/vkey").text)
    assert log.vkey == ledger.vkey
    source = Server("/ledger", client)  # type: ignore[arg-type]
    assert Verification(source, log).run().checkpoint.checkpoint.size == 600


@pytest.mark.parametrize(
    ("path", "kind", "cache"),
    [
        ("checkpoint", "text/plain; charset=utf-8", "no-cache"),
        ("vkey", "text/plain; charset=utf-8", "no-cache"),
        ("tile/0/001", "application/octet-stream", "public, max-age=31536000, immutable"),
        ("tile/1/000.p/2", "application/octet-stream", "public, max-age=31536000, immutable"),
        ("tile/entries/002.p/88", "application/octet-stream", "private, max-age=31536000, immutable"),
    ],
)
def test_files_are_served_as_what_they_are(client: TestClient, path: str, kind: str, cache: str) -> None:
    answer = client.get(f"/ledger/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["cache-control"] == cache


@pytest.mark.parametrize(
    "path",
    [
        "key", "tile/0/000/../../../key", "tile/0/..%2f..%2f..%2fkey", "tile/..%2f..%2fkey/000", "tile/0/%2e%2e/000",
        "tile/0/009", "tile/entries/009", "tile/entries/..%2f..%2fcheckpoint", "tile/entries%2f000/000",
        "tile/-1/000", "tile/64/000", "tile/0/000.p/256", "witnessed", "minimum", "stamp/3.tsr", "stamp/3.key",
        "stamp/..%2f..%2fkey.tsr",
    ],
)  # fmt: skip
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(f"/ledger/{path}").status_code in (404, 422)


def test_nothing_can_be_written(client: TestClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(method, "/ledger/checkpoint").status_code == 405


def test_entries_are_compressed_for_those_who_can_read_that(client: TestClient) -> None:
    plain = client.get("/ledger/tile/entries/000", headers={"Accept-Encoding": "identity"})
    small = client.get("/ledger/tile/entries/000", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert small.content == plain.content


def test_a_ledger_that_cannot_be_opened_says_why(ledger: Ledger) -> None:
    ledger.open()
    second = Ledger(ledger.directory, "", ledger._clock)
    with client_of(second) as client:
        answer = client.get("/ledger/checkpoint")
    assert answer.status_code == 503
    assert "in use by another process" in answer.json()["error"]
