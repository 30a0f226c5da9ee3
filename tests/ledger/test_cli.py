from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.ledger.conftest import ORIGIN, QUICK, entries

from wardlight.cli import main
from wardlight.clock import ManualClock, SystemClock
from wardlight.ledger import Ledger
from wardlight.ledger.note import WITNESS, Signer, split

EYE = Signer("witness.example/eye", bytes(32), WITNESS)
LARGE = bytes(70_000)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a log of 301 entries, the last of them large."""
    ledger = Ledger(tmp_path / "data" / "ledger" / "log", ORIGIN, ManualClock(), pace=QUICK)
    ledger.append([ledger.entry(one, bytes(16)) for one in entries(0, 300)])
    text = split(ledger.checkpoint())[0]
    ledger.cosign(text, [EYE.line(text, 1_700_000_000).removesuffix("\n")])
    ledger.append([ledger.entry(LARGE, bytes(16))])
    ledger.close()
    return tmp_path / "data"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["ledger", *map(str, arguments)])


def test_a_sound_log_is_said_to_be_right(data: Path) -> None:
    result = run("verify", "--data", data)
    assert result.exit_code == 0, result.output
    assert "all is right: 301 entries of example.com/clinic" in result.output
    assert "compare it with the one that you were given" in result.output


def test_a_copy_is_verified_by_a_key_that_was_given_before(data: Path, tmp_path: Path) -> None:
    key = run("vkey", "--data", data).output.strip()
    shutil.copytree(data / "ledger" / "log", tmp_path / "copy")
    result = run("verify", "--from", tmp_path / "copy", "--vkey", key)
    assert result.exit_code == 0
    assert "compare" not in result.output
    other = Signer(ORIGIN, bytes(32)).verifier.vkey
    assert run("verify", "--from", tmp_path / "copy", "--vkey", other).exit_code == 65


def test_the_first_wrong_entry_is_named_and_the_exit_code_tells(data: Path) -> None:
    path = data / "ledger/log/tile/entries/000"
    path.write_bytes(path.read_bytes().replace(b"entry 77", b"entry 99"))
    result = run("verify", "--data", data)
    assert result.exit_code == 65
    assert "entry 77" in result.output


def test_a_removed_tail_is_found_against_an_older_checkpoint(data: Path, tmp_path: Path) -> None:
    log = data / "ledger/log"
    since = tmp_path / "since"
    shutil.copy(log / "checkpoint", since)
    assert run("verify", "--data", data, "--since", since).exit_code == 0
    shutil.copy(log / "witnessed", log / "checkpoint")
    result = run("verify", "--data", data, "--since", since)
    assert result.exit_code == 65
    assert "1 were removed at its end" in result.output


def test_the_cosignature_of_a_witness_can_be_demanded(data: Path) -> None:
    result = run("verify", "--data", data, "--witness", EYE.verifier.vkey)
    assert "cosigned by witness.example/eye at 300 entries, 2023-11-14 22:13:20 UTC" in result.output
    other = Signer("witness.example/other", bytes(32), WITNESS).verifier.vkey
    result = run("verify", "--data", data, "--witness", other)
    assert result.exit_code == 65
    assert "no checkpoint carries the cosignature of witness.example/other" in result.output


def test_the_witnesses_of_the_settings_are_demanded_without_a_key(data: Path) -> None:
    assert run("verify", "--data", data, "--witness").exit_code == 78
    (data / "wardlight.toml").write_text(f'[ledger]\nwitnesses = ["{EYE.verifier.vkey} https://w.example"]\n')
    result = run("verify", "--data", data, "--witness")
    assert result.exit_code == 0
    assert "cosigned by witness.example/eye" in result.output


def test_a_proof_is_checked_with_nothing_but_the_key(data: Path, tmp_path: Path) -> None:
    proof = tmp_path / "42.tlog-proof"
    key = run("vkey", "--data", data).output.strip()
    assert run("prove", 42, "-o", proof, "--data", data).exit_code == 0
    shutil.rmtree(data)
    result = run("check", proof, "--vkey", key, "--witness", EYE.verifier.vkey, "--show")
    assert result.exit_code == 0, result.output
    assert "the proof is right: entry 42 of 300 entries of example.com/clinic" in result.output
    assert result.output.endswith("entry 42\n")


def test_a_proof_of_a_large_event_takes_the_event_beside_it(data: Path, tmp_path: Path) -> None:
    proof, event = tmp_path / "300.tlog-proof", tmp_path / "event"
    run("prove", 300, "-o", proof, "--data", data)
    event.write_bytes(LARGE)
    key = data / "ledger/log/vkey"
    assert run("check", proof, "--vkey", key, "--event", event).exit_code == 0
    event.write_bytes(LARGE + b"x")
    assert run("check", proof, "--vkey", key, "--event", event).exit_code == 65


def test_a_proof_without_the_demanded_cosignature_is_refused(data: Path, tmp_path: Path) -> None:
    proof = tmp_path / "300.tlog-proof"
    run("prove", 300, "-o", proof, "--data", data)
    result = run("check", proof, "--vkey", data / "ledger/log/vkey", "--witness", EYE.verifier.vkey)
    assert result.exit_code == 65
    assert "lacks the cosignature" in result.output


@pytest.mark.parametrize("index", [301, 10**9])
def test_an_entry_that_is_not_there_is_not_proven(data: Path, tmp_path: Path, index: int) -> None:
    assert run("prove", index, "-o", tmp_path / "proof", "--data", data).exit_code == 65
    assert not (tmp_path / "proof").exists()


def test_what_is_no_log_is_said_to_be_none(tmp_path: Path) -> None:
    result = run("verify", "--from", tmp_path)
    assert result.exit_code == 69
    assert "has no checkpoint" in result.output


def test_the_clock_is_confirmed(data: Path) -> None:
    result = run("confirm-clock", "--data", data)
    assert result.exit_code == 0
    ledger = Ledger(data / "ledger" / "log", ORIGIN, SystemClock(), pace=QUICK)
    ledger.append(entries(0, 1))
    ledger.close()
