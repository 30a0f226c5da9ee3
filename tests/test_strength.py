"""Settings that are too weak are refused with their line; what only deserves a thought is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner

from wardlight.cli.check import check
from wardlight.config import Settings, load
from wardlight.problems import BadConfig, Problem
from wardlight.strength import require, weaknesses


def asked(path: Path, toml: str) -> tuple[int, str]:
    path.write_text(toml)
    done = CliRunner().invoke(check, ["settings", str(path)])
    if isinstance(done.exception, Problem):
        return done.exception.exit_code, str(done.exception)
    return done.exit_code, done.output


def test_the_defaults_are_strong_but_for_the_emergency_contact() -> None:
    assert [(one.setting, one.grave) for one in weaknesses(Settings())] == [("stack.emergency", False)]


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[server]\nlisten = "0.0.0.0:8480"', "2: setting server.listen: 0.0.0.0 is not a loopback address"),
        ('[server]\n\nbehind_proxy = ["0.0.0.0/0"]', "3: setting server.behind_proxy: 0.0.0.0/0 are too many"),
        ('[server]\nbehind_proxy = ["*"]', "2: setting server.behind_proxy: '*' is neither an address nor"),
        ('[server]\ncertificate = "/nowhere.pem"', "2: setting server.certificate: '/nowhere.pem' can't be used"),
        ('[server]\nkey = "/nowhere.pem"', "1: setting server.certificate: there is a key, and no certificate"),
        ("[access]\nidle_minutes = 300", "2: setting access.idle_minutes: after 240 minutes at most"),
        ("[access]\nidle_minutes = 0", "2: setting access.idle_minutes: Expected"),
        ('[access]\noidc_issuer = "http://login.example"', "2: setting access.oidc_issuer: must be https://"),
        ('[access]\noidc_issuer = "https://login.example"', "1: setting access.oidc_client_id: is needed with"),
        ('[receive]\notlp_grpc = "10.0.0.1:4317"', "2: setting receive.otlp_grpc: 10.0.0.1 is not a loopback"),
    ],
)
def test_what_is_too_weak_is_refused_with_file_and_line(tmp_path: Path, toml: str, said: str) -> None:
    code, output = asked(tmp_path / "wardlight.toml", toml)
    assert code == 78
    assert f"{tmp_path}/wardlight.toml:{said}" in output


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[receive]\nsyslog_udp = "0.0.0.0:514"', "2: setting receive.syslog_udp: warning: whoever reaches it"),
        ('[stack]\nsmtp = "smtp://me:secret@mail"', "2: setting stack.smtp: warning: the password may go unencrypted"),
        ('[store]\nclickhouse = "http://a:b@ch:8123/x"', "2: setting store.clickhouse: warning: logs and the password"),
        ('[server]\nurl = "http://watch.example"', "2: setting server.url: warning: people are sent to http://"),
        ("[access]\nidle_minutes = 60", "2: setting access.idle_minutes: warning: is long where people share rooms"),
        ("", "1: setting stack.emergency: warning: nobody is told"),
    ],
)
def test_what_deserves_a_thought_is_told_and_accepted(tmp_path: Path, toml: str, said: str) -> None:
    code, output = asked(tmp_path / "wardlight.toml", toml)
    assert code == 0
    assert f"{tmp_path}/wardlight.toml:{said}" in output
    assert "secret" not in output


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660])
def test_a_key_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    issued = trustme.CA().issue_cert("watch.example")
    both = tmp_path / "both.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(both)
    both.chmod(mode)
    code, output = asked(tmp_path / "wardlight.toml", f'[server]\ncertificate = "{both}"')
    assert code == 78
    assert f"{both} can be read by others" in output
    both.chmod(0o640)
    assert asked(tmp_path / "wardlight.toml", f'[server]\ncertificate = "{both}"')[0] == 0


def test_what_comes_from_the_environment_is_named_by_its_variable(tmp_path: Path) -> None:
    environ = {"WARDLIGHT_SERVER_LISTEN": "0.0.0.0:8480"}
    with pytest.raises(BadConfig, match="environment variable WARDLIGHT_SERVER_LISTEN"):
        require(load(None, environ), tmp_path / "wardlight.toml", environ)


@pytest.mark.parametrize("more", ['certificate = "CERT"', 'behind_proxy = ["10.0.0.0/24", "::1"]'])
def test_beyond_loopback_a_certificate_or_a_proxy_will_do(tmp_path: Path, more: str) -> None:
    both = tmp_path / "both.pem"
    both.touch(mode=0o600)
    trustme.CA().issue_cert("watch.example").private_key_and_cert_chain_pem.write_to_path(both)
    toml = (
        f'[server]\nlisten = "0.0.0.0:8480"\n{more.replace("CERT", str(both))}\n[receive]\notlp_grpc = "0.0.0.0:4317"'
    )
    assert asked(tmp_path / "wardlight.toml", toml)[0] == 0
