"""The raw line is never written anywhere: planted by every way in, whole and damaged, then looked for in every place out."""

from __future__ import annotations

import gzip
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from traceback import format_exception
from typing import Any

import cramjam
import grpc
import httpx
import pytest
from google.protobuf import message_factory
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.senders.conftest import Certificates, environment, free_port

from wardlight.problems import Problem
from wardlight.receive.loki import REQUEST
from wardlight.store.embedded import EmbeddedStore

EMAIL = "zaphod.beeblebrox@heart-of-gold.example"
NHS = "943 476 5919"
TOKEN = "ghp_" + "Zx9Qw8Er7Ty6Ui5Op4As3Df2Gh1Jk0Lz9Xcv"
MARKS = (EMAIL, NHS, NHS.replace(" ", ""), TOKEN)
UNWELCOME = "unwelcome"
"""A word that this engine refuses, and tells why with the row's values."""

EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
RULES = """
groups:
  - name: planted
    interval: 1s
    rules:
      - alert: Planted
        expr: 'sum by (owner) (count_over_time({app="loki"}[1h])) > 0'
        labels: {severity: warning}
        annotations: {summary: "lines of {{ $labels.owner }}"}
"""


def line(way: str) -> str:
    """The line that is planted by a way; `way` is found again, the rest must not be."""
    return f"{way}: mail to {EMAIL} about NHS number {NHS}, push with {TOKEN}"


@dataclass
class House:
    """A running server, and all that it writes: its data, its output, its answers and what it sends."""

    data: Path
    ports: dict[str, int]
    certificates: Certificates
    sent: list[str] = field(default_factory=list)
    """Bodies that Alertmanager was sent."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['http']}"

    @property
    def output(self) -> Path:
        """What the server says on its standard output and error."""
        return self.data.parent / "output"

    def shown(self) -> str:
        """Every record, labels and attributes included, as a query shows them."""
        now = time.time_ns()
        asked: dict[str, str | int] = {
            "query": '{kind=~".+"}',
            "start": now - 2 * 3600 * 10**9,
            "end": now + 3600 * 10**9,
            "limit": 5000,
        }
        answer = httpx.get(f"{self.url}/loki/api/v1/query_range", params=asked, timeout=30)
        return json.dumps(answer.json()["data"]["result"], ensure_ascii=False)

    def until_shown(self, word: str) -> str:
        """Wait for a record with a word in it."""
        return until(self.shown, lambda found: word in found)

    def written(self) -> str:
        """Every byte of every file; the engine's own are compressed, and shown by queries."""
        # Not by rglob: the engine's directories go while one looks.
        files = [Path(place, name) for place, _, names in os.walk(self.data) for name in names]
        return "".join(read(path) for path in [*files, self.output] if not path.is_symlink())

    def clean(self) -> bool:
        """Nothing that was planted is in a file, in an answer or in what was sent."""
        metrics = httpx.get(f"{self.url}/metrics").text
        found = [*marks(self.written()), *marks(self.shown()), *marks(metrics), *marks("".join(self.sent))]
        assert found == []
        return True


def read(path: Path) -> str:
    """A file's bytes as text; empty when it has just gone."""
    try:
        return path.read_bytes().decode("latin-1")
    except FileNotFoundError:
        return ""


def marks(text: str) -> list[str]:
    """Which of the marks stand in a text."""
    return [mark for mark in MARKS if mark in text]


def until(look: Callable[[], str], good: Callable[[str], bool]) -> str:
    """Look again and again, and return what was seen when it was good."""
    deadline = time.monotonic() + 30
    while not good(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Start a server with every way in, whose engine refuses a word and whose alerts come to us."""
    here = tmp_path_factory.mktemp("house")
    ports = {name: free_port() for name in ("http", "grpc", "syslog", "tls")}
    made = House(here / "data", ports, Certificates.made(here / "certificates"))
    made.certificates.files["syslog.key"].chmod(0o600)
    alertmanager = listening(made.sent)
    (made.data / "rules").mkdir(parents=True)
    (made.data / "rules" / "planted.yml").write_text(RULES)
    (made.data / "wardlight.toml").write_text(settings(made, alertmanager.server_port))
    refuse(made.data, UNWELCOME)
    with made.output.open("wb") as output:
        command = [sys.executable, "-m", "wardlight", "serve", "--open", "--data", str(made.data)]
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment())
    try:
        until(lambda: answered(f"{made.url}/readyz"), lambda found: found == "ready\n")
        yield made
    finally:
        process.terminate()
        process.wait(30)
        alertmanager.shutdown()
        alertmanager.server_close()


def settings(house: House, alertmanager: int) -> str:
    at = "127.0.0.1"
    files = house.certificates.files
    return f"""
[server]
listen = "{at}:{house.ports["http"]}"
[receive]
otlp_grpc = "{at}:{house.ports["grpc"]}"
syslog_udp = "{at}:{house.ports["syslog"]}"
syslog_tcp = "{at}:{house.ports["syslog"]}"
syslog_tls = "{at}:{house.ports["tls"]}"
syslog_tls_certificate = "{files["syslog.pem"]}"
syslog_tls_key = "{files["syslog.key"]}"
syslog_zone = "UTC"
[stack]
alertmanager = "http://{at}:{alertmanager}"
"""


def refuse(data: Path, word: str) -> None:
    """Let the engine refuse lines with a word in them."""
    store = EmbeddedStore(data / "logs")
    store.manage(f"ALTER TABLE logs ADD CONSTRAINT welcome CHECK body NOT LIKE '%{word}%'")
    store.close()


def listening(sent: list[str]) -> HTTPServer:
    """Take what Alertmanager is sent."""

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Taking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def answered(url: str) -> str:
    try:
        return httpx.get(url).text
    except httpx.TransportError:
        return ""


# OTLP over gRPC


def otlp(way: str) -> bytes:
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add()
    logs.resource.attributes.add(key="service.name").value.string_value = f"of {EMAIL}"
    record = logs.scope_logs.add().log_records.add()
    record.body.string_value = line(way)
    record.attributes.add(key="note").value.string_value = f"push with {TOKEN}"
    return request.SerializeToString()


def export(house: House, payload: bytes) -> str:
    """Send a request, and return what is answered when it is refused."""
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{house.ports['grpc']}", options=options) as channel:
        try:
            channel.unary_unary(EXPORT)(payload, timeout=20)
        except grpc.RpcError as error:
            return f"{error.details()} {error.trailing_metadata()}"
    return ""


def test_otlp_over_grpc(house: House) -> None:
    assert export(house, otlp("grpc")) == ""
    assert house.clean()
    assert "grpc: mail to [email]" in house.until_shown("grpc: ")


@pytest.mark.parametrize("cut", [3, 40, 70, 120])
def test_otlp_over_grpc_damaged(house: House, cut: int) -> None:
    answer = export(house, otlp("grpc")[:-cut])
    assert answer
    assert marks(answer) == []
    assert house.clean()


def test_otlp_in_json_with_a_line_where_something_else_should_be(house: House) -> None:
    wrong = [
        {"timeUnixNano": line("json")}, {"traceId": EMAIL}, {"body": {"intValue": NHS}}, {"body": {"doubleValue": EMAIL}},
        {"body": {"arrayValue": {"values": [{"intValue": line("json")}]}}}, {"body": {"bytesValue": TOKEN}},
    ]  # fmt: skip
    for record in wrong:
        body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
        answer = httpx.post(f"{house.url}/v1/logs", json=body)
        assert (answer.status_code, marks(answer.text)) == (400, [])
    assert house.clean()


# Loki


def loki(way: str, labels: str = f'{{app="loki", owner="{EMAIL}"}}') -> bytes:
    push: Any = message_factory.GetMessageClass(REQUEST)()
    entry = push.streams.add(labels=labels).entries.add(line=line(way))
    entry.timestamp.seconds = int(time.time())
    entry.structured_metadata.add(name="mail", value=EMAIL)
    return bytes(push.SerializeToString())


def push(house: House, body: bytes, kind: str = "application/x-protobuf") -> httpx.Response:
    return httpx.post(f"{house.url}/loki/api/v1/push", content=body, headers={"content-type": kind})


def snappy(payload: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(payload))


def test_loki_in_protobuf(house: House) -> None:
    assert push(house, snappy(loki("protobuf"))).status_code == 204
    assert house.clean()
    assert "protobuf: mail to [email]" in house.until_shown("protobuf: ")


def test_alertmanager_is_told_of_no_line(house: House) -> None:
    push(house, snappy(loki("told")))
    assert "lines of [email]" in until(lambda: "".join(house.sent), lambda found: "Planted" in found)
    assert house.clean()


@pytest.mark.parametrize(
    "body",
    [
        snappy(loki("x"))[:-5],
        snappy(loki("x"))[1:],
        snappy(loki("x")[:-5]),
        snappy(loki("x").replace(b"mail to", b"m\xffil to")),
        snappy(loki("x", f'{{owner "{EMAIL}"}}')),
        snappy(loki("x", f"owner {EMAIL}")),
    ],
    ids=["snappy cut", "snappy without its length", "protobuf cut", "not UTF-8", "labels that aren't", "no labels"],
)
def test_loki_in_protobuf_damaged(house: House, body: bytes) -> None:
    answer = push(house, body)
    assert (answer.status_code, marks(answer.text)) == (400, [])
    assert house.clean()


@pytest.mark.parametrize("entry", [[EMAIL, "x"], [line("x")], ["1", line("x"), {"a": 1}], [1, line("x")]])
def test_loki_in_json_with_a_line_where_something_else_should_be(house: House, entry: list[object]) -> None:
    body = {"streams": [{"stream": {"app": "loki"}, "values": [entry]}]}
    answer = push(house, json.dumps(body).encode(), "application/json")
    assert (answer.status_code, marks(answer.text)) == (400, [])
    assert house.clean()


# Syslog


def modern(way: str) -> bytes:
    """RFC 5424."""
    return f'<34>1 {datetime.now(UTC).isoformat()} ward clinic 1 - [x@1 mail="{EMAIL}"] {line(way)}'.encode()


def legacy(way: str) -> bytes:
    """RFC 3164."""
    return f"<34>{datetime.now(UTC):%b %e %H:%M:%S} ward clinic[1]: {line(way)}".encode()


def damaged(way: str) -> bytes:
    """RFC 5424 with structured data that doesn't end, and a byte that isn't UTF-8."""
    return f'<34>1 yesterday ward clinic 1 - [x@1 x="{EMAIL} {line(way)}'.encode() + b"\xff"


def counted(message: bytes) -> bytes:
    return b"%d %s" % (len(message), message)


def ended(message: bytes) -> bytes:
    return message + b"\n"


def datagram(house: House, message: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(message, ("127.0.0.1", house.ports["syslog"]))


def tcp(house: House, stream: bytes) -> None:
    with socket.create_connection(("127.0.0.1", house.ports["syslog"])) as sender:
        sender.sendall(stream)


def tls(house: House, stream: bytes) -> None:
    context = house.certificates.client(with_own=False)
    with (
        socket.create_connection(("127.0.0.1", house.ports["tls"])) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as sender,
    ):
        sender.sendall(stream)
        sender.unwrap()


FRAMES: dict[str, tuple[Callable[[House, bytes], None], Callable[[bytes], bytes]]] = {
    "udp": (datagram, bytes), "tcp-counted": (tcp, counted), "tcp-lines": (tcp, ended), "tcp-cut": (tcp, bytes),
    "tls-counted": (tls, counted), "tls-lines": (tls, ended),
}  # fmt: skip


@pytest.mark.parametrize("message", [modern, legacy, damaged], ids=["5424", "3164", "damaged"])
@pytest.mark.parametrize("frame", FRAMES)
def test_syslog(house: House, frame: str, message: Callable[[str], bytes], request: pytest.FixtureRequest) -> None:
    send, framed = FRAMES[frame]
    way = f"{frame}.{request.node.callspec.id}"
    send(house, framed(message(way)))
    house.until_shown(f"{way}: mail to [email]")
    assert house.clean()


def test_plain_syslog_sent_to_a_door_of_another_protocol(house: House) -> None:
    for port in ("tls", "http", "grpc"):
        with socket.create_connection(("127.0.0.1", house.ports[port])) as sender:
            sender.sendall(ended(modern("astray")) * 3)
            sender.settimeout(5)
            try:
                answer = sender.recv(65_536)
            except (OSError, ssl.SSLError):
                answer = b""
        assert marks(answer.decode("latin-1")) == []
    assert house.clean()


def audit(way: str) -> bytes:
    return f"""<85>1 {datetime.now(UTC).isoformat()} ward clinic 1 IHE+RFC-3881 - <AuditMessage>
<EventIdentification EventActionCode="R" EventDateTime="{datetime.now(UTC).isoformat()}" EventOutcomeIndicator="0">
<EventID csd-code="110110" codeSystemName="DCM" originalText="Patient Record"/>
<EventOutcomeDescription>{way} called with {TOKEN}</EventOutcomeDescription></EventIdentification>
<ActiveParticipant UserID="ford" UserIsRequestor="true"/><AuditSourceIdentification AuditSourceID="{way}"/>
</AuditMessage>""".encode()


@pytest.mark.parametrize("cut", [None, -30, -400])
def test_an_audit_message_by_syslog_leaves_its_secrets_at_the_door(house: House, cut: int | None) -> None:
    way = f"atna{cut}"
    datagram(house, audit(way)[:cut])
    found = until(
        lambda: httpx.get(f"{house.url}/fhir/AuditEvent", params={"_count": "50"}, timeout=30).text,
        lambda found: f"{way} called with" in found or cut == -400,
    )
    assert marks(found) == []
    assert house.clean()


# Old files


def ingest(house: House, path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    state = path.with_suffix(".state")
    command = [
        sys.executable, "-m", "wardlight", "ingest", str(path), "--url", house.url, "--state", str(state), *more,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment())


def old(way: str, count: int = 1) -> bytes:
    return f"{datetime.now(UTC).isoformat()} ERROR clinic {line(way)}\n".encode() * count


FILES = {
    "whole": old("file-whole"),
    "gzip": gzip.compress(old("file-gzip")),
    "gzip cut": gzip.compress(old("file-cut") + os.urandom(20_000).hex().encode() + b"\n" + old("file-cut"))[:-200],
    "of no format": f"{line('file-none')}\n".encode(),
    "JSON": json.dumps({"time": datetime.now(UTC).isoformat(), "message": line("file-json")}).encode(),
    "JSON with a line for a time": json.dumps({"time": line("file-time"), "message": "x"}).encode(),
    "JSON cut": json.dumps({"a": 1}).encode() + b"\n" + json.dumps({"message": line("file-broken")}).encode()[:-4],
    "a line too long": b'{"message": "' + line("file-long").encode() * 20_000 + b'"}',
    "binary": line("file-binary").encode() + b"\0",
}


@pytest.mark.parametrize("file", FILES)
def test_an_old_file(house: House, tmp_path: Path, file: str) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(FILES[file])
    for more in ((), ("--json",)):
        done = ingest(house, path, *more)
        assert "Traceback" not in done.stderr
        assert marks(done.stdout + done.stderr) == []
    assert marks("".join(map(read, tmp_path.glob("app.state*")))) == []
    assert house.clean()


def test_an_old_file_while_no_server_answers(house: House, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(FILES["whole"])
    done = ingest(house, path, "--url", f"http://127.0.0.1:{free_port()}")
    assert done.returncode
    assert marks(done.stdout + done.stderr + "".join(map(read, tmp_path.glob("app.state*")))) == []


# What becomes of it inside


def test_a_dead_letter(house: House) -> None:
    assert push(house, snappy(loki(UNWELCOME))).status_code == 204
    house.shown()
    dead = house.data / "logs" / "journal" / "dead"
    letters = until(lambda: "".join(map(read, dead.glob("*.segment"))), bool)
    assert f"{UNWELCOME}: mail to [email]" in letters
    for deed in ("list", "replay"):
        command = [sys.executable, "-m", "wardlight", "store", "dead", deed, "--data", str(house.data)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment())
        assert marks(done.stdout + done.stderr) == []
    assert "1 records replayed" in done.stdout
    assert "refuses" in read(house.output)
    assert house.clean()


def test_a_journal_segment(house: House) -> None:
    def segments() -> str:
        push(house, snappy(loki("journal")))
        return "".join(map(read, (house.data / "logs" / "journal").glob("*.segment")))

    assert marks(until(segments, lambda found: "journal: mail to [email]" in found)) == []


def test_a_fault_of_the_engine_is_told_without_the_values_it_quotes(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    with pytest.raises(Problem, match="CANNOT_PARSE_NUMBER") as caught:
        store.select("SELECT toFloat64({line:String})", {"line": line("engine")})
    store.close()
    assert marks("".join(format_exception(caught.value))) == []


@pytest.mark.parametrize("page", ["/", "/logs", "/errors", "/security", "/settings", "/nowhere"])
def test_a_page(house: House, page: str) -> None:
    push(house, snappy(loki("page")))
    assert marks(httpx.get(f"{house.url}{page}", follow_redirects=True, timeout=30).text) == []
