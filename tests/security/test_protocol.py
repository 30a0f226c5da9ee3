"""Requests that never become whole, and heads without an end: hung up on, whoever sends them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from wardlight.server import protocol
from wardlight.server.protocol import HEAD_BYTES, Guarded

SECONDS = 0.5
WAIT = 10.0


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
    elif scope["type"] == "http":
        body = await Request(scope, receive).body()
        await PlainTextResponse(f"{len(body)}")(scope, receive, send)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that waits for half a second."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", SECONDS)
    monkeypatch.setattr(protocol, "BODY_SECONDS", SECONDS)
    with socket.create_server(("127.0.0.1", 0)) as held:
        free: int = held.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=free, log_level="critical", http=Guarded, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield free
    server.should_exit = True
    thread.join(WAIT)


def talk(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send parts with pauses; return what is answered until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), WAIT) as raw:
        raw.settimeout(WAIT)
        answer = b""
        try:
            for part in parts:
                raw.sendall(part)
                time.sleep(pause)
            while more := raw.recv(65536):
                answer += more
        except ConnectionError:
            pass
        return answer


@pytest.mark.parametrize(
    "parts",
    [(), (b"GET / HT",), (b"GET / HTTP/1.1\r\nHost: a\r\n", b"X: 1\r\n"), (b"GET / HTTP/1.1\r\nHost: a\r\nX: ",)],
    ids=["nothing", "half a line", "half a head", "half a header"],
)
def test_a_head_that_does_not_come_is_not_waited_for(port: int, parts: tuple[bytes, ...]) -> None:
    assert talk(port, *parts) == b""


def test_dripping_does_not_prolong_the_wait(port: int) -> None:
    drops = (b"GET / HTTP/1.1\r\n", *(b"X-%d: 1\r\n" % at for at in range(40)), b"\r\n")
    assert b"200" not in talk(port, *drops, pause=0.05)


def test_a_body_that_does_not_come_is_not_waited_for(port: int) -> None:
    assert b"200" not in talk(port, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf")


@pytest.mark.parametrize("line", [b"GET /%s", b"GET / HTTP/1.1\r\nX: %s", b"GET / HTTP/1.1\r\n%s: x"])
def test_a_head_without_end_is_refused(port: int, line: bytes) -> None:
    answer = talk(port, line % (b"a" * (HEAD_BYTES * 4)))
    assert b"200" not in answer[:12]


def test_very_many_headers_are_refused(port: int) -> None:
    answer = talk(port, b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % at for at in range(40_000)))
    assert b"200" not in answer[:12]


def test_good_requests_on_one_connection_are_answered_each(port: int) -> None:
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000
    last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = talk(port, request, request, last, pause=SECONDS / 3)
    assert answer.count(b"200 OK") == 3


def test_a_websocket_may_be_silent_for_longer(port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/", proxy=None) as websocket:
        time.sleep(SECONDS * 2)
        websocket.send("still here")
        assert websocket.recv(WAIT) == "still here"


def test_a_connection_whose_requests_come_in_time_outlives_the_wait(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), WAIT) as raw:
        raw.settimeout(WAIT)
        for _ in range(4):
            raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert raw.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(SECONDS * 0.4)
