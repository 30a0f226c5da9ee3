"""Witnesses and time stamp authorities: what they are asked, what is kept, and what of theirs is refused."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from tests.ledger.conftest import Open, entries, verified

from wardlight.clock import ManualClock
from wardlight.ledger import Ledger
from wardlight.ledger.merkle import EMPTY_ROOT, check_consistency
from wardlight.ledger.note import WITNESS, Checkpoint, Signer, Verifier, open_checkpoint, split, unbase64
from wardlight.ledger.outside import Outside
from wardlight.ledger.stamp import stamp
from wardlight.ledger.witness import Asking, Witness
from wardlight.problems import BadConfig, BadInput, Conflict, Unavailable

EYE = Signer("witness.example/eye", bytes(32), WITNESS)
Answer = tuple[int, str, bytes]


@contextmanager
def served(answer: Callable[[str, bytes], Answer]) -> Iterator[str]:
    """Answer POST requests; the URL is told."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, kind, body = answer(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Eye:
    """A witness as the specification wants it."""

    def __init__(self, log: Verifier) -> None:
        self.log = log
        self.size, self.root = 0, EMPTY_ROOT
        self.asked = 0

    def __call__(self, path: str, body: bytes) -> Answer:
        self.asked += 1
        assert path == "/add-checkpoint"
        head, _, note = body.decode().partition("\n\n")
        old, *proof = head.split("\n")
        checkpoint = open_checkpoint(note, self.log).checkpoint
        if old != f"old {self.size}":
            return 409, "text/x.tlog.size", b"%d\n" % self.size
        if self.size:
            check_consistency(self.size, checkpoint.size, self.root, checkpoint.root, [unbase64(one) for one in proof])
        else:
            assert proof == []
        self.size, self.root = checkpoint.size, checkpoint.root
        return 200, "text/plain", EYE.line(checkpoint.text, 1_700_000_000).encode()


@pytest.fixture
def eye(ledger: Ledger) -> Eye:
    ledger.append(entries(0, 300))
    return Eye(Verifier.parse(ledger.vkey))


@pytest.fixture
def outside(ledger: Ledger, eye: Eye, clock: ManualClock) -> Iterator[Outside]:
    with served(eye) as url:
        found = Outside(ledger, [Witness(EYE.verifier, url)], "", clock)
        yield found
        found.close()


def cosigners(note: str | None, ledger: Ledger) -> list[int]:
    found = open_checkpoint(note or "", Verifier.parse(ledger.vkey), [EYE.verifier])
    return [found.checkpoint.size for _ in found.cosigners]


def test_a_witness_is_shown_that_the_log_only_grew(outside: Outside, ledger: Ledger, eye: Eye, directory: Path) -> None:
    outside.round()
    ledger.append(entries(300, 300))
    outside.round()
    assert outside.problems == {}
    assert eye.size == 600
    assert cosigners(ledger.checkpoint(), ledger) == [600]
    assert cosigners(ledger.witnessed(), ledger) == [600]
    verified(directory)


def test_all_witnesses_sign_the_same_checkpoint(ledger: Ledger, eye: Eye, clock: ManualClock) -> None:
    other = Signer("witness.example/other", bytes(range(32)), WITNESS)

    def answer(_path: str, body: bytes) -> Answer:
        ledger.append([b"meanwhile"])
        text = split(body.decode().partition("\n\n")[2])[0]
        return 200, "text/plain", other.line(text, 1).encode()

    with served(answer) as first, served(eye) as second:
        witnesses = [Witness(other.verifier, first), Witness(EYE.verifier, second)]
        outside = Outside(ledger, witnesses, "", clock)
        outside.round()
        outside.close()
    found = open_checkpoint(ledger.witnessed() or "", Verifier.parse(ledger.vkey), [EYE.verifier, other.verifier])
    assert found.checkpoint.size == 300
    assert len(found.cosigners) == 2


def test_nobody_is_asked_when_nothing_is_new(outside: Outside, eye: Eye) -> None:
    outside.round()
    outside.round()
    assert eye.asked == 1


def test_after_a_restart_the_witness_tells_what_it_knows(outside: Outside, ledger: Ledger, eye: Eye) -> None:
    outside.round()
    ledger.append(entries(300, 1))
    again = Outside(ledger, [outside._asking[0].witness], "", ManualClock())
    again.round()
    again.close()
    assert again.problems == {}
    assert cosigners(ledger.checkpoint(), ledger) == [301]


def test_a_witness_that_has_seen_more_raises_the_alarm(outside: Outside, eye: Eye) -> None:
    eye.size = 1000
    outside.round()
    assert "has seen 1000 entries, but the ledger has 300" in outside.problems["witness.example/eye"]


def test_it_runs_by_itself(ledger: Ledger, eye: Eye, clock: ManualClock) -> None:
    told = threading.Event()

    def answer(path: str, body: bytes) -> Answer:
        told.set()
        return eye(path, body)

    with served(answer) as url:
        outside = Outside(ledger, [Witness(EYE.verifier, url)], "", clock, seconds=0.01)
        outside.start()
        assert told.wait(10)
        outside.close()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((404, "text/plain", b""), Unavailable),
        ((422, "text/plain", b""), Conflict),
        ((200, "text/plain", b"no signature"), BadInput),
        ((200, "text/plain", b"x" * 100_000), BadInput),
        ((200, "text/plain", Signer("other.example", bytes(32), WITNESS).line("other").encode()), BadInput),
        ((200, "text/plain", EYE.line("something else", 1).encode()), BadInput),
    ],
)
def test_a_wrong_answer_is_refused(ledger: Ledger, answer: Answer, problem: type[Exception]) -> None:
    ledger.append(entries(0, 3))
    with served(lambda _path, _body: answer) as url, httpx.Client() as client, pytest.raises(problem):
        Asking(Witness(EYE.verifier, url), ledger, client).cosign(ledger.checkpoint())
    assert ledger.witnessed() is None


def test_a_witness_that_is_away_stops_nobody(ledger: Ledger, clock: ManualClock) -> None:
    ledger.append(entries(0, 3))
    outside = Outside(ledger, [Witness(EYE.verifier, "http://127.0.0.1:9")], "", clock)
    outside.round()
    outside.close()
    assert "can't be reached" in outside.problems["witness.example/eye"]
    assert ledger.append(entries(3, 1)) == range(3, 4)


@pytest.mark.parametrize("setting", ["", "https://w.example", EYE.verifier.vkey, f"{EYE.verifier.vkey} file:///x"])
def test_a_wrong_setting_is_named(setting: str) -> None:
    with pytest.raises(BadConfig, match=r"ledger\.witnesses"):
        Witness.parse(setting)


def test_a_setting_names_key_and_place() -> None:
    found = Witness.parse(f"{EYE.verifier.vkey} https://w.example/submit/")
    assert found == Witness(EYE.verifier, "https://w.example/submit")


class Authority:
    """A time stamp authority of OpenSSL's."""

    def __init__(self, place: Path) -> None:
        self.place = place
        (place / "config").write_text(
            "[req]\ndistinguished_name = name\nprompt = no\nx509_extensions = stamps\n[name]\nCN = Test authority\n"
            "[stamps]\nextendedKeyUsage = critical, timeStamping\nbasicConstraints = CA:TRUE\n[tsa]\ndefault_tsa = one\n"
            f"[one]\nserial = {place}/serial\ncrypto_device = builtin\nsigner_cert = {place}/cert\n"
            f"signer_key = {place}/private\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\n"
            "ess_cert_id_alg = sha256\n"
        )
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "private", "-out", "cert",
                     "-config", "config", "-days", "2")  # fmt: skip
        (place / "serial").write_text("01\n")

    def openssl(self, *arguments: str) -> str:
        done = subprocess.run(["openssl", *arguments], cwd=self.place, capture_output=True, text=True, check=True)
        return done.stdout

    def __call__(self, _path: str, body: bytes) -> Answer:
        (self.place / "query").write_bytes(body)
        self.openssl("ts", "-reply", "-queryfile", "query", "-out", "reply", "-config", "config")
        return 200, "application/timestamp-reply", (self.place / "reply").read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    return Authority(tmp_path_factory.mktemp("authority"))


def test_a_checkpoint_is_stamped_once_a_day_and_openssl_checks_it(
    authority: Authority, ledger: Ledger, clock: ManualClock, directory: Path
) -> None:
    ledger.append(entries(0, 3))
    with served(authority) as url:
        outside = Outside(ledger, [], url, clock)
        clock.advance(40 * 365 * 86_400)  # Past the times of files, which are real.
        outside.round()
        assert outside.problems == {}
        ledger.append(entries(3, 3))
        outside.close()
    assert sorted(path.name for path in (directory / "stamp").iterdir()) == ["3.checkpoint", "3.tsr"]
    told = authority.openssl("ts", "-verify", "-data", str(directory / "stamp/3.checkpoint"),
                             "-in", str(directory / "stamp/3.tsr"), "-CAfile", "cert")  # fmt: skip
    assert "Verification: OK" in told
    checkpoint = Checkpoint.parse(split((directory / "stamp/3.checkpoint").read_text())[0])
    assert checkpoint.size == 3


def test_a_stamp_of_today_is_enough(authority: Authority, start: Open, directory: Path) -> None:
    ledger = start()
    ledger.append(entries(0, 3))
    (directory / "stamp").mkdir()
    (directory / "stamp" / "1.tsr").touch()
    asked: list[bytes] = []

    def answer(path: str, body: bytes) -> Answer:
        asked.append(body)
        return authority(path, body)

    now = ManualClock((directory / "stamp" / "1.tsr").stat().st_mtime_ns + 3600 * 10**9)
    with served(answer) as url:
        outside = Outside(ledger, [], url, now)
        outside.round()
        assert asked == []
        now.advance(86_400)
        outside.round()
        assert len(asked) == 1
        outside.close()


def test_a_stamp_of_something_else_is_refused(authority: Authority) -> None:
    with served(authority) as url, httpx.Client() as client:
        other = stamp(b"other", url, client)
    answer = (200, "application/timestamp-reply", other)
    with (
        served(lambda _path, _body: answer) as url,
        httpx.Client() as client,
        pytest.raises(BadInput, match="something else"),
    ):
        stamp(b"checkpoint", url, client)


@pytest.mark.parametrize("answer", [(500, "text/plain", b""), (200, "text/plain", b"junk")])
def test_an_authority_that_answers_otherwise_is_refused(answer: Answer) -> None:
    with served(lambda _path, _body: answer) as url, httpx.Client() as client, pytest.raises((BadInput, Unavailable)):
        stamp(b"checkpoint", url, client)
