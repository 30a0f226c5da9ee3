"""Syslog's listeners: UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425).

What arrives gathers for a moment and is decoded and written as one batch. When the store can't keep up, TCP and TLS
connections aren't read any further, so that their senders wait; datagrams can't wait and are dropped and counted. At
shutdown what was read is written.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from dataclasses import replace
from datetime import tzinfo

from wardlight import tls
from wardlight.clock import Clock
from wardlight.config import Receive, address
from wardlight.problems import Busy, Problem, Unavailable
from wardlight.receive import syslog
from wardlight.receive.assemble import Decoding, Refusal, nothing
from wardlight.receive.framing import Framer
from wardlight.receive.sink import Sink
from wardlight.receive.times import zone_of

_log = logging.getLogger(__name__)

_GATHER_SECONDS = 0.02
_MOST_MESSAGES = 10_000
_MOST_BYTES = 16 * 1024 * 1024
_MESSAGE_OVERHEAD = 48
_MOST_CONNECTIONS = 1000
_SOCKET_BYTES = 4 * 1024 * 1024
_CLOSE_SECONDS = 15.0
_HANDSHAKE_SECONDS = 10.0


class SyslogServer:
    """The listeners that the settings name. Raises BadConfig for settings that can't be."""

    def __init__(self, sink: Sink, settings: Receive, clock: Clock) -> None:
        self._settings = settings
        self._queue = _Queue(sink, settings, zone_of(settings.syslog_zone, "receive.syslog_zone"), clock)
        self._udp = _optional(settings.syslog_udp, "receive.syslog_udp")
        self._tcp = _optional(settings.syslog_tcp, "receive.syslog_tcp")
        self._tls = _optional(settings.syslog_tls, "receive.syslog_tls")
        self.certificate = tls.Certificate(_files(settings)) if self._tls else None
        """What senders over TLS are shown; None without TLS."""
        self._servers: list[asyncio.Server] = []
        self._datagrams: asyncio.DatagramTransport | None = None
        self._writer: asyncio.Task[None] | None = None
        self.bound: dict[str, tuple[str, int]] = {}
        """Address and port by transport (`udp`, `tcp`, `tls`), once started."""

    async def start(self) -> None:
        """Listen; raises Unavailable when an address is taken."""
        if not (self._udp or self._tcp or self._tls):
            return
        self._writer = asyncio.create_task(self._queue.write())
        if self._udp:
            await self._listen("udp", self._udp, None)
        if self._tcp:
            await self._listen("tcp", self._tcp, None)
        if self._tls:
            await self._listen("tls", self._tls, self.certificate.context if self.certificate else None)

    async def close(self) -> None:
        """Stop listening and write what was read."""
        if self._datagrams:
            self._datagrams.close()
        for server in self._servers:
            server.close()
        for connection in list(self._queue.connections):
            connection.finish()
        self._queue.close()
        if self._writer:
            try:
                await asyncio.wait_for(self._writer, _CLOSE_SECONDS)
            except TimeoutError:
                self._queue.give_up()

    async def _listen(self, name: str, at: tuple[str, int], context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        queue, limit = self._queue, self._settings.max_line_bytes
        try:
            if name == "udp":
                self._datagrams, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(queue), local_addr=at)
                own: socket.socket = self._datagrams.get_extra_info("socket")
                own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BYTES)
            else:
                handshake = _HANDSHAKE_SECONDS if context else None
                server = await loop.create_server(
                    lambda: _Connection(queue, limit), *at, ssl=context, ssl_handshake_timeout=handshake
                )
                self._servers.append(server)
                own = server.sockets[0]
        except OSError as error:
            raise Unavailable(f"can't listen on {at[0]}:{at[1]} (receive.syslog_{name}): {error.strerror}") from None
        self.bound[name] = own.getsockname()[:2]


class _Queue:
    """Messages between the sockets and the sink."""

    def __init__(self, sink: Sink, settings: Receive, zone: tzinfo, clock: Clock) -> None:
        self._sink = sink
        self._settings = settings
        self._zone = zone
        self._clock = clock
        self._messages: list[bytes] = []
        self._senders: list[str] = []
        self._bytes = 0
        self._dropped = 0
        self._closing = False
        self._some = asyncio.Event()
        self.connections: set[_Connection] = set()

    @property
    def full(self) -> bool:
        """No more is to be read."""
        return self._bytes >= _MOST_BYTES

    def put(self, messages: list[bytes], sender: str = "") -> None:
        """Take messages that were read, from whom a certificate names."""
        self._messages += messages
        self._senders += [sender] * len(messages)
        self._bytes += _size(messages)
        self._some.set()

    def refuse(self, problem: Problem) -> None:
        """Count a connection that is one too many."""
        self._sink.failed("syslog", problem)

    def drop(self) -> None:
        """Count a datagram that there was no room for."""
        self._dropped += 1
        self._some.set()

    def close(self) -> None:
        """Let `write` end when all is written."""
        self._closing = True
        self._some.set()

    def give_up(self) -> None:
        """Count what couldn't be written before the end."""
        self._sink.failed("syslog", Unavailable(f"{len(self._messages)} syslog messages were not written at shutdown"))
        _log.error("%d syslog messages were not written at shutdown", len(self._messages))

    async def write(self) -> None:
        """Write what comes, until closed."""
        while not (self._closing and not self._messages):
            await self._some.wait()
            if not self._closing:
                await asyncio.sleep(_GATHER_SECONDS)
            self._some.clear()
            while self._messages or self._dropped:
                await self._write_lot(self._messages[:_MOST_MESSAGES], self._senders[:_MOST_MESSAGES])

    async def _write_lot(self, lot: list[bytes], senders: list[str]) -> None:
        """Write some messages and make room; they stay in the queue until then, so that it bounds all memory."""
        sent = sum(map(len, lot))
        decoding = await self._decode(lot, senders)
        if self._dropped:
            lost = Refusal("queue_full", "the queue of syslog messages was full", self._dropped)
            decoding = replace(decoding, refused=(*decoding.refused, lost))
            self._dropped = 0
        while True:
            try:
                await self._sink.accept("syslog", decoding, sent)
                break
            except Problem as problem:
                self._sink.failed("syslog", problem)
                if problem.retry_after is None:
                    _log.error("%d syslog messages were lost: %s", len(lot), problem)
                    break
                decoding, sent = replace(decoding, refused=()), 0
                await asyncio.sleep(problem.retry_after)
        del self._messages[: len(lot)], self._senders[: len(lot)]
        self._bytes -= _size(lot)
        if not self.full:
            for connection in self.connections:
                connection.resume()

    async def _decode(self, lot: list[bytes], senders: list[str]) -> Decoding:
        """Decode off the event loop; a fault of ours in there must not end the listeners."""
        try:
            known = senders if any(senders) else ()
            return await asyncio.to_thread(
                syslog.decode, lot, self._settings, self._zone, self._clock.now_ns(), senders=known
            )
        except Exception as error:  # noqa: BLE001 -- see above
            _log.error("decoding %d syslog messages failed: %s", len(lot), type(error).__name__)
            failed = Refusal("not_decoded", f"decoding failed: {type(error).__name__}", len(lot))
            return replace(nothing(), refused=(failed,))


class _Datagrams(asyncio.DatagramProtocol):
    """A message a datagram."""

    def __init__(self, queue: _Queue) -> None:
        self._queue = queue

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 -- asyncio's signature
        """Take it, or drop and count it."""
        if self._queue.full:
            self._queue.drop()
        else:
            self._queue.put([data])


class _Connection(asyncio.Protocol):
    """A stream of messages, over TCP or TLS."""

    def __init__(self, queue: _Queue, limit: int) -> None:
        self._queue = queue
        self._framer = Framer(limit)
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._sender = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # streams have no other
        """Begin to read, unless there are too many already."""
        if len(self._queue.connections) >= _MOST_CONNECTIONS:
            self._queue.refuse(Busy(f"there are {_MOST_CONNECTIONS} syslog connections already"))
            transport.close()
            return
        self._transport = transport
        self._sender = _sender(transport)
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._queue.connections.add(self)
        if self._queue.full:
            self.pause()

    def data_received(self, data: bytes) -> None:
        """Take the messages that are complete."""
        messages = self._framer.feed(data)
        if messages:
            self._queue.put(messages, self._sender)
        if self._queue.full:
            self.pause()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        """Take what is left."""
        if self in self._queue.connections:
            self._take_rest()

    def finish(self) -> None:
        """Hang up, with what was read so far."""
        self._take_rest()
        if self._transport:
            self._transport.close()

    def pause(self) -> None:
        """Stop reading; the sender's writes will wait in turn."""
        if self._transport and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._transport and self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _take_rest(self) -> None:
        self._queue.connections.discard(self)
        rest = self._framer.end()
        if rest:
            self._queue.put(rest, self._sender)


def _size(messages: list[bytes]) -> int:
    """Memory of messages."""
    return sum(map(len, messages)) + len(messages) * _MESSAGE_OVERHEAD


def _optional(listen: str, setting: str) -> tuple[str, int] | None:
    return address(listen, setting) if listen else None


def _files(settings: Receive) -> tls.Files:
    return tls.Files(
        setting="receive.syslog_tls_certificate",
        certificate=settings.syslog_tls_certificate,
        key=settings.syslog_tls_key,
        clients=settings.syslog_tls_client_ca,
    )


def _sender(transport: asyncio.Transport) -> str:
    """Name whoever holds the certificate that was shown: a host, else the common name; empty without one."""
    shown = transport.get_extra_info("peercert") or {}
    hosts = [value for kind, value in shown.get("subjectAltName", ()) if kind == "DNS"]
    common = [value for part in shown.get("subject", ()) for name, value in part if name == "commonName"]
    return next(iter([*hosts, *common]), "")
