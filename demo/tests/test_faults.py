"""Faults: what can be broken, for how long, and how it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from willow_clinic.__main__ import main
from willow_clinic.faults import FAULTS, LONGEST, Faults


def test_nothing_is_broken_at_first(tmp_path: Path) -> None:
    assert not [name for name in FAULTS if Faults(tmp_path).active(name)]


def test_a_fault_lasts_until_it_is_mended(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    faults.begin("slow-queries", 60)
    assert faults.active("slow-queries")
    assert not faults.active("error-burst")
    faults.end("slow-queries")
    assert not faults.active("slow-queries")


def test_a_fault_ends_by_itself(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    faults.begin("slow-queries", -1)
    assert not faults.active("slow-queries")


def test_no_fault_lasts_longer_than_ten_minutes(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    faults.begin("slow-queries", 10_000)
    assert faults.remaining("slow-queries") <= LONGEST == 600
    (tmp_path / "faults" / "slow-queries").write_text("99999999999")
    assert faults.remaining("slow-queries") <= LONGEST


def test_breaking_and_mending_twice_is_the_same_as_once(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    faults.begin("cpu-burn", 10)
    faults.begin("cpu-burn", 60)
    assert faults.remaining("cpu-burn") > 50
    faults.end("cpu-burn")
    faults.end("cpu-burn")


def test_a_marker_that_can_not_be_read_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "cpu-burn").write_text("soon")
    assert not Faults(tmp_path).active("cpu-burn")


def test_the_command_line_breaks_lists_and_mends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--data", str(tmp_path)]
    assert main(["break", "mass-export", *where, "--seconds", "60"]) == 0
    assert "MassExport" in capsys.readouterr().out
    assert main(["list", "--json", *where]) == 0
    listed = {fault["name"]: fault for fault in json.loads(capsys.readouterr().out)}
    assert listed.keys() == FAULTS.keys()
    assert listed["mass-export"]["remaining_seconds"] in range(50, 61)
    assert listed["cpu-burn"]["remaining_seconds"] == 0
    assert main(["mend", "mass-export", *where]) == 0
    assert not Faults(tmp_path).active("mass-export")


def test_every_fault_names_an_alert_of_its_own() -> None:
    assert len({fault.alert for fault in FAULTS.values()}) == len(FAULTS)
    assert {fault.severity for fault in FAULTS.values()} == {"critical", "warning", "info"}


def test_an_unknown_fault_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["break", "everything", "--data", str(tmp_path)])
    assert "everything" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fault", "command"),
    [
        ("application-killed", ["serve", "--port", "1", "--database-port", "1"]),
        ("database-stopped", ["database", "--port", "1"]),
    ],
)
def test_what_is_down_on_purpose_says_so_and_does_not_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str, command: list[str]
) -> None:
    Faults(tmp_path).begin(fault, 60)
    assert main([*command, "--data", str(tmp_path)]) == 75
    assert f"on purpose (fault {fault})" in capsys.readouterr().err
