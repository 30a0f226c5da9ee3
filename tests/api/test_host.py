"""Which hosts are ours."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from wardlight.api.host import Hosts
from wardlight.config import Server


async def well(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("well")


async def talk(socket: WebSocket) -> None:
    await socket.accept()


def client(**server: str) -> TestClient:
    app = Starlette(routes=[Route("/", well), WebSocketRoute("/talk", talk)])
    return TestClient(Hosts(app, Server(**server)))


def status(host: str, **server: str) -> int:
    return client(**server).get("/", headers={"Host": host}).status_code


@pytest.mark.parametrize("host", ["127.0.0.1:8480", "localhost", "[::1]:8480", "127.8.8.8", "LOCALHOST:1"])
def test_loopback_is_always_ours(host: str) -> None:
    assert status(host, url="https://watch.example", listen="10.1.2.3:8480") == 200


@pytest.mark.parametrize("host", ["10.1.2.3:8480", "watch.example", "Watch.Example:443", "watch.example."])
def test_what_the_settings_name_is_ours(host: str) -> None:
    assert status(host, url="https://watch.example/", listen="10.1.2.3:8480") == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8480", "127.0.0.1.evil.example", "watch.example.evil.example", "10.9.9.9", ""],
)
def test_everything_else_is_refused(host: str) -> None:
    assert status(host, url="https://watch.example/") == 421


def test_where_all_addresses_are_listened_on_every_address_is_ours_and_no_name() -> None:
    assert status("10.9.9.9:8480", listen="0.0.0.0:8480") == 200
    assert status("evil.example", listen="0.0.0.0:8480") == 421


def test_a_websocket_for_another_host_is_refused_too() -> None:
    with pytest.raises(WebSocketDisconnect), client().websocket_connect("/talk", headers={"Host": "evil.example"}):
        pass
