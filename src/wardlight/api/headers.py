"""Headers for safety, on every answer that doesn't say otherwise (OWASP Secure Headers Project)."""

from __future__ import annotations

from starlette.types import Message, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_RAW = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_STAY_WITH_TLS = [(b"strict-transport-security", b"max-age=31536000")]
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


def safe(scope: Scope, send: Send) -> Send:
    """Add to an answer's headers those that it lacks."""
    wanted = _RAW + (_STAY_WITH_TLS if scope["scheme"] in ("https", "wss") else [])

    async def sending(message: Message) -> None:
        if message["type"] in _STARTS:
            given = list(message.get("headers", ()))
            names = {name.lower() for name, _ in given}
            message["headers"] = given + [header for header in wanted if header[0] not in names]
        await send(message)

    return sending
