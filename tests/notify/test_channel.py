"""Sending through real services on this machine: a mail server, and whatever answers HTTP."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from wardlight.notify import Failed, Message, Sent, refusal, send, service

MESSAGE = Message(
    subject="CRITICAL: DatabaseDown (db:5432)",
    text="Since noon\n<script>alert(1)</script>",
    severity="critical",
    links=(("Acknowledge", "http://w.example/ack/t0ken"),),
)


@dataclass
class Post:
    """A mail server's box."""

    answer: str = "250 OK"
    mails: list[str] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 -- aiosmtpd's name
        self.mails.append(envelope.content.decode())
        return self.answer


@pytest.fixture
def post() -> Iterator[tuple[Post, str]]:
    box = Post()
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"mailto://127.0.0.1:{port}?from=wardlight@example.org&to=ann@example.org&name=Wardlight"
    controller.stop()


@dataclass
class Web:
    """A service over HTTP, and how it answers."""

    status: int = 200
    seconds: float = 0.0
    bodies: list[bytes] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[tuple[Web, str]]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            web.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            time.sleep(web.seconds)
            self.send_response(web.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield web, f"json://user:s3cret@127.0.0.1:{server.server_address[1]}/hook/t0psecret"
    server.shutdown()
    server.server_close()


def test_a_mail_arrives_as_plain_text_with_its_links(post: tuple[Post, str]) -> None:
    box, address = post
    assert send(address, MESSAGE) == Sent()
    (mail,) = box.mails
    assert "Subject: CRITICAL: DatabaseDown (db:5432)" in mail
    assert "http://w.example/ack/t0ken" in mail


def test_markup_in_a_text_is_no_markup_in_a_mail(post: tuple[Post, str]) -> None:
    box, address = post
    send(address, MESSAGE)
    html = box.mails[0].partition("text/html")[2]
    assert "<script>" not in html


@pytest.mark.parametrize(("answer", "temporary"), [("451 later", True), ("552 too much", False)])
def test_what_a_mail_server_answers_says_whether_to_try_again(
    post: tuple[Post, str], answer: str, temporary: bool
) -> None:
    box, address = post
    box.answer = answer
    assert send(address, MESSAGE) == Failed(f"SMTP {answer[:3]}", temporary)


def test_a_webhook_gets_the_message(web: tuple[Web, str]) -> None:
    service, address = web
    assert send(address, MESSAGE) == Sent()
    assert b"CRITICAL: DatabaseDown (db:5432)" in service.bodies[0]


@pytest.mark.parametrize(("status", "temporary"), [(403, False), (404, False), (429, True), (500, True), (503, True)])
def test_what_a_webhook_answers_says_whether_to_try_again(web: tuple[Web, str], status: int, temporary: bool) -> None:
    service, address = web
    service.status = status
    assert send(address, MESSAGE) == Failed(f"HTTP {status}", temporary)


def test_who_does_not_answer_in_time_has_failed(web: tuple[Web, str]) -> None:
    service, address = web
    service.seconds = 2
    assert send(address, MESSAGE, seconds=0.2) == Failed("no answer within 0.2 s", temporary=True)


def test_nobody_there_is_a_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    for scheme in ("json", "mailto"):
        query = "?from=a@example.org&to=b@example.org" if scheme == "mailto" else ""
        assert send(f"{scheme}://127.0.0.1:{port}{query}", MESSAGE) == Failed("connection refused", temporary=True)


def test_no_secret_of_an_address_is_in_a_result_or_a_log(web: tuple[Web, str]) -> None:
    """Not even in a server's log that is set to tell everything."""
    service, address = web
    service.status = 500
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        said.append(str(send(address, MESSAGE)))
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    assert "s3cret" not in "".join(said)
    assert "t0psecret" not in "".join(said)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ann@example.org", "not an address like"),
        ("slak://token", "not an address of slak://"),
        ("tgram://x", "not an address of tgram://"),
    ],
)
def test_an_address_that_is_none_is_refused_without_repeating_it(address: str, reason: str) -> None:
    said = refusal(address)
    assert said is not None
    assert said.startswith(reason)
    assert address not in said


def test_services_have_names() -> None:
    assert service("mailtos://u:p@example.org?to=a@example.org") == "E-Mail"
    assert service("nothing") == "unknown"


def test_sms_is_short() -> None:
    long = Message(subject="CRITICAL: " + "x" * 500, text="…", links=(("Acknowledge", "http://w.example/ack/t0ken"),))
    assert len(long.short()) == 320
    assert long.short().endswith("… http://w.example/ack/t0ken")
