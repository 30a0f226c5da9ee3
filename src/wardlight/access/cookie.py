"""The cookie that carries a session: nothing but its secret, for this host, not for scripts, gone with the browser."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response


def name(request: HTTPConnection) -> str:
    """Say which it is; with TLS its prefix lets no other host and no plain HTTP set it (RFC 6265bis, 4.1.3.2)."""
    return "__Host-wardlight" if _tls(request) else "wardlight"


def secret(request: HTTPConnection) -> str:
    """Read it, empty if there is none."""
    return request.cookies.get(name(request), "")


def put(request: HTTPConnection, answer: Response, secret_: str) -> None:
    """Let the browser keep a session. Lax, so that it is there when a sign-in service leads back, and behind links."""
    answer.set_cookie(name(request), secret_, path="/", secure=_tls(request), httponly=True, samesite="lax")


def drop(request: HTTPConnection, answer: Response) -> None:
    """Let the browser forget it."""
    answer.delete_cookie(name(request), path="/", secure=_tls(request), httponly=True, samesite="lax")


def _tls(request: HTTPConnection) -> bool:
    return request.scope["scheme"] in ("https", "wss")
