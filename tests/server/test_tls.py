"""HTTPS from certificate files: exchanged while it runs, trusted by its owner and nobody's else."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
import trustme

from wardlight.store import owner
from wardlight.tls import Pin


def issue(directory: Path, name: str = "wardlight.example", authority: trustme.CA | None = None) -> None:
    """Write a certificate and its key, each at once."""
    issued = (authority or trustme.CA()).issue_cert(name)
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    for file, content in (("server.key", issued.private_key_pem.bytes()), ("server.pem", chain)):
        fresh = directory / f"{file}.new"
        fresh.touch(mode=0o600)
        fresh.write_bytes(content)
        fresh.replace(directory / file)


def shown(port: int, context: ssl.SSLContext | None = None) -> bytes:
    """Look at the certificate that the server shows."""
    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), 5) as raw,
        context.wrap_socket(raw, server_hostname="wardlight.example") as tls,
    ):
        return tls.getpeercert(binary_form=True) or b""


def written(directory: Path) -> bytes:
    pem = (directory / "server.pem").read_text()
    return ssl.PEM_cert_to_DER_cert(pem[: pem.index("-----END") + len("-----END CERTIFICATE-----\n")])


class Served:
    """A server that runs with TLS."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory, self.port, self.data = directory, port, directory / "data"

    def metric(self, name: str) -> float:
        running = owner.find(self.data)
        assert running
        pin = Pin.of(running.certificate)
        with httpx.Client(verify=pin.context, trust_env=False) as client:
            text = client.get(f"{running.url}/metrics", extensions=pin.extensions).text
        return float(next(line.split()[-1] for line in text.splitlines() if line.startswith(name)))

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()


@contextmanager
def serving(directory: Path, *more: str) -> Iterator[Served]:
    """Run `wardlight serve` with the certificate of a directory."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    served = Served(directory, port)
    served.data.mkdir()
    served.data.joinpath("wardlight.toml").write_text(
        f'[server]\nlisten = "127.0.0.1:{port}"\ncertificate = "{directory}/server.pem"\nkey = "{directory}/server.key"\n'
    )
    command = [sys.executable, "-m", "wardlight", "serve", "--data", str(served.data), "--open", *more]
    with (directory / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until = time.monotonic() + 30
            while time.monotonic() < until and process.poll() is None:
                with suppress(OSError):
                    shown(port)
                    break
                time.sleep(0.1)
            assert process.poll() is None, served.log
            yield served
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("tls")
    issue(directory)
    with serving(directory) as found:
        yield found


def test_a_new_certificate_is_shown_from_the_next_connection_on(served: Served) -> None:
    before = shown(served.port)
    issue(served.directory)
    after = shown(served.port)
    assert before != after == written(served.directory)


def test_a_connection_that_is_open_outlives_the_exchange(served: Served) -> None:
    pin = Pin.of(served.directory / "server.pem")
    with httpx.Client(verify=pin.context, trust_env=False, base_url=f"https://127.0.0.1:{served.port}") as client:
        assert client.get("/healthz", extensions=pin.extensions).text == "ok\n"
        issue(served.directory)
        assert client.get("/healthz", extensions=pin.extensions).text == "ok\n"


@pytest.mark.parametrize("broken", ["rubbish", "foreign key", "away"])
def test_a_broken_new_file_keeps_the_old_certificate_and_says_so(served: Served, broken: str) -> None:
    issue(served.directory)
    before = shown(served.port)
    pem, key = served.directory / "server.pem", served.directory / "server.key"
    kept = pem.read_bytes(), key.read_bytes()
    if broken == "rubbish":
        pem.write_text("nothing")
    elif broken == "foreign key":
        key.write_bytes(trustme.CA().issue_cert("other.example").private_key_pem.bytes())
    else:
        pem.unlink()
    assert shown(served.port) == before
    assert "the certificate from before is shown" in served.log
    pem.write_bytes(kept[0])
    key.write_bytes(kept[1])
    assert shown(served.port) == before
    assert served.metric("wardlight_certificate_refused") == 0


def test_its_end_is_a_metric(served: Served) -> None:
    found = ssl.cert_time_to_seconds(_not_after(served))
    assert served.metric("wardlight_certificate_expiry_timestamp_seconds") == found


def _not_after(served: Served) -> str:
    pin = Pin.of(served.directory / "server.pem")
    with (
        socket.create_connection(("127.0.0.1", served.port), 5) as raw,
        pin.context.wrap_socket(raw, server_hostname=pin.name) as tls,
    ):
        return str((tls.getpeercert() or {})["notAfter"])


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_are_not_spoken(served: Served, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with pytest.raises(ssl.SSLError):
        shown(served.port, context)


@pytest.mark.parametrize("ciphers", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "AES256-GCM-SHA384"])
def test_ciphers_without_ephemeral_keys_or_authentication_are_not_spoken(served: Served, ciphers: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    with pytest.raises(ssl.SSLError):
        shown(served.port, context)


def wardlight(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wardlight", *arguments, "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_its_owner_reaches_it_and_trusts_its_certificate(served: Served) -> None:
    issue(served.directory)
    for command in (("store", "stats"), ("logs", '{kind=~".+"}'), ("audit", "who", "17")):
        done = wardlight(served.data, *command)
        assert done.returncode == 0, done.stderr


def test_its_owner_trusts_nobody_else_in_its_place(served: Served, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    issue(tmp_path)  # of the same name, from another authority
    shutil.copy(served.data / "server.json", data / "server.json")
    written = (data / "server.json").read_text().replace(str(served.directory), str(tmp_path))
    (data / "server.json").write_text(written)
    done = wardlight(data, "store", "stats")
    assert done.returncode == 69
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr


def start(data: Path, toml: str, *more: str) -> subprocess.CompletedProcess[str]:
    data.mkdir()
    (data / "wardlight.toml").write_text(toml)
    return wardlight(data, "serve", *more)


def test_another_address_than_loopback_needs_tls(data: Path) -> None:
    done = start(data, '[server]\nlisten = "0.0.0.0:0"\n')
    assert done.returncode == 78
    assert f"{data}/wardlight.toml:2: setting server.listen: 0.0.0.0 is not a loopback address" in done.stderr


@pytest.mark.parametrize("more", ["", 'behind_proxy = ["10.0.0.1"]\n', 'certificate = "CERT"\nkey = "KEY"\n'])
def test_without_sign_in_it_is_loopback_whatever_else(data: Path, tmp_path: Path, more: str) -> None:
    issue(tmp_path)
    more = more.replace("CERT", f"{tmp_path}/server.pem").replace("KEY", f"{tmp_path}/server.key")
    done = start(data, f'[server]\nlisten = "0.0.0.0:0"\n{more}', "--open")
    assert done.returncode == 78
    assert "--open" in done.stderr


def test_a_key_that_others_read_is_refused(data: Path, tmp_path: Path) -> None:
    issue(tmp_path)
    (tmp_path / "server.key").chmod(0o644)
    done = start(data, f'[server]\ncertificate = "{tmp_path}/server.pem"\nkey = "{tmp_path}/server.key"\n')
    assert done.returncode == 78
    assert f"wardlight.toml:3: setting server.key: {tmp_path}/server.key can be read" in done.stderr
