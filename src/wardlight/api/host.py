"""Which names we answer to: a page of somebody else, whose name leads here (DNS rebinding), is not one of them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.websockets import WebSocketClose

from wardlight import tls
from wardlight.config import Server, address, is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

MISDIRECTED = 421
"""RFC 9110, section 15.5.20."""


class Hosts:
    """Middleware that refuses requests for other hosts, before anything else looks at them.

    Ours are loopback's names, those of server.listen, server.url and the certificate. Where all addresses are listened
    on, every address is: an address can't be made to lead elsewhere. A request without Host comes from no browser.
    """

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        host, _ = address(server.listen, "server.listen")
        self._everywhere = host in ("0.0.0.0", "::", "*")  # noqa: S104 -- compared, not bound  # nosec B104
        named = [
            host,
            urlsplit(server.url).hostname or "",
            *(tls.hosts(server.certificate) if server.certificate else ()),
        ]
        self._ours = frozenset(one.lower() for one in named if one)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it through, or answer 421."""
        if scope["type"] == "lifespan" or self._is_ours(Headers(scope=scope).getlist("host")):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        else:
            said = "this host isn't served here; its names are those of the settings server.listen and server.url"
            await JSONResponse({"error": said}, MISDIRECTED)(scope, receive, send)

    def _is_ours(self, given: list[str]) -> bool:
        if len(given) != 1:
            return not given
        host = _without_port(given[0]).lower().rstrip(".")
        if host in self._ours or is_loopback(host):
            return True
        _, _, above = host.partition(".")
        return f"*.{above}" in self._ours or (self._everywhere and _is_address(host))


def _without_port(host: str) -> str:
    """Take the port off.

    >>> _without_port("[::1]:8480"), _without_port("localhost:8480"), _without_port("localhost")
    ('::1', 'localhost', 'localhost')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
