"""Real senders of syslog, configured as docs/ingest.md says."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.audit.test_dicom import FOLDER, real
from tests.senders.conftest import Door, environment

from wardlight.audit.event import decode
from wardlight.config import load

LOGGER = shutil.which("logger")
RSYSLOGD = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")


def plugin(name: str) -> bool:
    return any(Path("/usr/lib").glob(f"*/rsyslog/{name}.so"))


@pytest.mark.skipif(not LOGGER, reason="logger of util-linux isn't here")
def test_logger_sends_over_udp_and_tcp_counted_and_by_lines(door: Door) -> None:
    subprocess.run(["sh", "-euc", door.documented("logger")], check=True, timeout=20)
    found = {row["body"]: row for row in door.records(3)}
    assert set(found) == {"over UDP", "over TCP, counted", "over TCP, by lines"}
    for row in found.values():
        assert (row["labels"]["service_name"], row["labels"]["host_name"]) == ("clinic", socket.gethostname())
        assert "deviation" not in row["attributes"]
        assert abs(row["ts"].timestamp() - time.time()) < 60
    udp = found["over UDP"]
    assert (udp["labels"]["level"], udp["attributes"]["facility"], udp["attributes"]["procid"]) == (
        "warn",
        "user",
        "17",
    )
    assert any(name.startswith("timeQuality_") for name in udp["attributes"])


def test_pythons_handler_sends_over_udp(door: Door) -> None:
    subprocess.run([sys.executable, "-c", door.documented("Python's logging")], check=True, timeout=20)
    (row,) = door.records(1)
    assert (row["body"], row["labels"]["service_name"], row["labels"]["kind"]) == ("no ink", "clinic", "error")
    assert row["attributes"]["procid"].isdigit()


def run_rsyslog(door: Door, output: str, *messages: str, seconds: float = 20) -> None:
    """Run an rsyslog of our own, feed it over a socket of its own, and stop it when it has sent everything."""
    directory = door.directory / "rsyslog"
    directory.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    configuration = directory / "rsyslog.conf"
    feed = f'module(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="{port}")\n'
    configuration.write_text(f'global(workDirectory="{directory}")\n{feed}{output}')
    command = [str(RSYSLOGD), "-n", "-f", str(configuration), "-i", str(directory / "pid")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment()) as process:
        try:
            send_lines(port, messages)
            door.records(len(messages), seconds)
        finally:
            process.terminate()
            assert process.stderr
            print(process.stderr.read().decode())


def send_lines(port: int, messages: tuple[str, ...]) -> None:
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as feed:
                feed.sendall("".join(f"{message}\n" for message in messages).encode())
                return
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise AssertionError("rsyslog doesn't listen")


MESSAGES = tuple(f"<38>1 2026-01-01T00:00:0{at}Z ward-3 sign-in 7 - - staff Müller, try {at}" for at in range(5))


@pytest.mark.stack
@pytest.mark.skipif(not (RSYSLOGD and plugin("lmnsd_gtls")), reason="rsyslog with rsyslog-gnutls isn't here")
def test_rsyslog_forwards_over_tls_with_its_certificate(door: Door) -> None:
    run_rsyslog(door, door.documented("rsyslog over TLS"), *MESSAGES)
    rows = door.records(5)
    assert [row["body"] for row in rows] == [f"staff Müller, try {at}" for at in range(5)]
    assert {(row["labels"]["host_name"], row["labels"]["kind"]) for row in rows} == {("ward-3", "security")}
    assert {row["attributes"]["sender"] for row in rows} == {"sender.example"}


@pytest.mark.stack
@pytest.mark.skipif(not (RSYSLOGD and plugin("lmnsd_gtls")), reason="rsyslog with rsyslog-gnutls isn't here")
def test_rsyslog_with_a_foreign_certificate_is_not_let_in(door: Door) -> None:
    door.certificates.put_foreign_sender()
    with pytest.raises(AssertionError, match="assert 0 == 1"):
        run_rsyslog(door, door.documented("rsyslog over TLS"), MESSAGES[0], seconds=5)
    assert door.counter("wardlight_receive_bytes_total") == 0


@pytest.mark.stack
@pytest.mark.skipif(
    not (RSYSLOGD and plugin("omelasticsearch")), reason="rsyslog with rsyslog-elasticsearch isn't here"
)
def test_rsyslog_sends_bulk_requests(door: Door) -> None:
    run_rsyslog(door, door.documented("rsyslog to `_bulk`"), *MESSAGES)
    rows = door.records(5)
    assert [row["body"].strip() for row in rows] == [f"staff Müller, try {at}" for at in range(5)]
    assert {(row["labels"]["host_name"], row["labels"]["service_name"]) for row in rows} == {("ward-3", "sign-in")}


def test_over_tls_messages_are_counted_octets(door: Door) -> None:
    context = door.certificates.client(with_own=True)
    with (
        socket.create_connection(("127.0.0.1", door.ports["6514"]), 5) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as tls,
    ):
        for message in ("<34>1 - h a - - - with\nline end", "<34>1 - h a - - - second"):
            tls.sendall(f"{len(message)} {message}".encode())
        assert {row["body"] for row in door.records(2)} == {"with\nline end", "second"}


@pytest.mark.parametrize("shown", ["none", "foreign"])
def test_over_tls_only_senders_with_a_certificate_of_the_authority_are_let_in(door: Door, shown: str) -> None:
    door.certificates.put_foreign_sender()
    context = door.certificates.client(with_own=shown == "foreign")
    with (
        socket.create_connection(("127.0.0.1", door.ports["6514"]), 5) as raw,
        suppress(ssl.SSLError, ConnectionError),  # or a clean end: as the handshake's last words come late
        context.wrap_socket(raw, server_hostname="127.0.0.1") as tls,
    ):
        tls.sendall(b"5 <34>x")
        assert tls.recv(1) == b""
    time.sleep(0.2)
    assert door.counter("wardlight_receive_bytes_total") == 0


def test_over_tls_the_certificate_says_who_sends_whatever_the_message_claims(door: Door) -> None:
    with (
        socket.create_connection(("127.0.0.1", door.ports["6514"]), 5) as raw,
        door.certificates.client(with_own=True).wrap_socket(raw, server_hostname="127.0.0.1") as tls,
        socket.create_connection(("127.0.0.1", door.ports["5514"]), 5) as plain,
    ):
        tls.sendall(b'<34>1 - pacs a - - [sender sender="pacs"] over TLS\n')
        plain.sendall(b"<34>1 - pacs a - - - over TCP\n")
        found = {row["body"]: row["attributes"].get("sender") for row in door.records(2)}
    assert found == {"over TLS": "sender.example", "over TCP": None}


def test_over_tls_a_new_certificate_is_shown_from_the_next_connection_on(door: Door) -> None:
    context = door.certificates.client(with_own=True)
    door.certificates.renew_server()
    with (
        socket.create_connection(("127.0.0.1", door.ports["6514"]), 5) as raw,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(raw, server_hostname="127.0.0.1")


def test_what_a_connection_leaves_unfinished_is_kept(door: Door) -> None:
    with socket.create_connection(("127.0.0.1", door.ports["5514"]), 5) as feed:
        feed.sendall(b"<34>1 - h a - - - whole\n<34>1 - h a - - - cut")
    assert {row["body"] for row in door.records(2)} == {"whole", "cut"}


def test_the_documented_settings_are_settings(door: Door) -> None:
    path = door.directory / "wardlight.toml"
    path.write_text(door.documented("Sending logs"))
    assert load(path, {}).receive.syslog_tls == f"127.0.0.1:{door.ports['6514']}"


@real
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_real_audit_messages_arrive_whole(door: Door, transport: str) -> None:
    messages = [(FOLDER / f"msg{number}.syslog").read_bytes() for number in (1, 2, 3)]
    if transport == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            for message in messages:
                datagrams.sendto(message, ("127.0.0.1", door.ports["5514"]))
    else:
        with socket.create_connection(("127.0.0.1", door.ports["6514" if transport == "tls" else "5514"]), 5) as raw:
            counted = b"".join(b"%d %s" % (len(message), message) for message in messages)
            if transport == "tls":
                with door.certificates.client(with_own=True).wrap_socket(raw, server_hostname="127.0.0.1") as tls:
                    tls.sendall(counted)
            else:
                raw.sendall(counted)
    found = door.records(3)
    assert {row["labels"]["kind"] for row in found} == {"audit"}
    entries = door.store.select("SELECT entry FROM audit").to_pylist()
    assert {decode(row["entry"]).original for row in entries} == {
        message.partition(b" - ")[2].decode() for message in messages
    }
