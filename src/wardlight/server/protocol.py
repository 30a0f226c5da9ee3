"""HTTP/1.1 as uvicorn speaks it, with bounds on what it doesn't bound: the head of a request, and waiting for one.

Without them whoever reaches the port, signed in or not, fills memory with a header that doesn't end, or holds connections
for ever with requests that never become whole (Slowloris).
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
"""Largest head of a request: its line and its headers."""
HEAD_SECONDS = 20.0
"""Longest time for a head."""
BODY_SECONDS = 300.0
"""Longest time for a body, ours to take it included."""


class Guarded(HttpToolsProtocol):
    """A connection."""

    _until: float | None = None
    """When we hang up, by the clock of the loop; None: we wait for nothing."""
    _timer: asyncio.TimerHandle | None = None
    _rings = 0.0
    """When the timer does. It is left as it is when `_until` moves back: requests come much faster than it rings."""
    _in_head = True
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait(HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head becomes too large."""
        began = self._in_head
        super().data_received(data)
        if began and self._in_head:
            self._head += len(data)
            if self._head > HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response(f"the head of the request is larger than {HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        """Wait for the rest of the head."""
        super().on_message_begin()
        self._in_head, self._head = True, 0
        self._wait(HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        """Wait for the body."""
        self._in_head, self._head = False, 0
        self._wait(BODY_SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Have it whole."""
        self._no_more_waiting()
        self._in_head = True
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Give the connection away."""
        self._stop_timer()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_timer()
        super().connection_lost(exc)

    def _wait(self, seconds: float) -> None:
        self._until = self.loop.time() + seconds
        if self._timer is None or self._until < self._rings:
            self._set_timer(self._until)

    def _no_more_waiting(self) -> None:
        self._until = None

    def _set_timer(self, at: float) -> None:
        self._stop_timer()
        self._rings = at
        self._timer = self.loop.call_at(at, self._ring)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if self._until is None:
            return
        if self.loop.time() < self._until:
            self._set_timer(self._until)
        elif not self.transport.is_closing():
            self.transport.abort()
