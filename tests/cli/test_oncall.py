"""`wardlight oncall` and `wardlight check oncall`; the documentation's examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from wardlight.cli import main
from wardlight.store.state import State

DOCS = (Path(__file__).parents[2] / "docs/oncall.md").read_text()
CALENDAR = "\r\n".join((  # noqa: FLY002 -- reads best line by line
    "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", "UID:1", "DTSTART;TZID=Europe/London:20260105T090000",
    "DTEND;TZID=Europe/London:20260112T090000", "RRULE:FREQ=WEEKLY", "SUMMARY:Cat Cole", "END:VEVENT", "END:VCALENDAR", "",
))  # fmt: skip
ONCALL = """
[people.ann]
channels = { mail = "json://ann.example" }
[people.ben]
channels = { mail = "json://ben.example" }
[rotations.support]
people = ["ann"]
[levels.first]
name = "first-level support"
who = ["support"]
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    State(tmp_path / "state.db").close()
    (tmp_path / "oncall.toml").write_text(ONCALL)
    return tmp_path


def run(data: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(
        main, [words[0], "--data", str(data), *words[1:]] if words[0] == "oncall" else list(words)
    )
    return done.exit_code, done.output


@pytest.mark.parametrize("at", [0, 1])
def test_the_documentations_examples_are_accepted(tmp_path: Path, at: int) -> None:
    example = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)[at]
    (tmp_path / "oncall.toml").write_text(example)
    (tmp_path / "calendars").mkdir()
    (tmp_path / "calendars/administrators-plan.ics").write_text(CALENDAR, newline="")
    code, said = run(tmp_path, "check", "oncall", "--data", str(tmp_path))
    assert code == 0, said
    assert "all well" in said
    if at == 1:
        way = "first-level support → technical team → system administrators → emergency response"
        assert f"critical: {way}" in said


def test_what_is_wrong_is_said_with_file_and_line(data: Path) -> None:
    (data / "oncall.toml").write_text(ONCALL + '[levels.second]\nwho = ["zoe"]\n')
    code, said = run(data, "check", "oncall", str(data / "oncall.toml"))
    assert code == 78
    assert f"{data / 'oncall.toml'}:12: level second: there is no person or rotation zoe" in said


def test_who_is_on_call(data: Path) -> None:
    code, said = run(data, "oncall")
    assert code == 0
    assert said.startswith("support: ann, until ")
    assert "level first-level support: ann" in said


def test_standing_in_needs_no_server(data: Path) -> None:
    code, said = run(data, "oncall", "override", "support", "ben", "--until", "2099-01-01T00:00Z")
    assert (code, said.startswith("ben is on call in support from ")) == (0, True)
    assert run(data, "oncall")[1].startswith("support: ben, until ")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("support", "zoe", "--until", "2099-01-01T00:00Z"), 65),
        (("night", "ben", "--until", "2099-01-01T00:00Z"), 66),
        (("support", "ben", "--until", "tomorrow"), 65),
        (("support", "ben", "--until", "2020-01-01T00:00Z"), 65),
    ],
)
def test_what_makes_no_sense_is_refused(data: Path, words: tuple[str, ...], code: int) -> None:
    assert run(data, "oncall", "override", *words)[0] == code


def test_without_a_file_it_says_what_is_missing(data: Path) -> None:
    (data / "oncall.toml").unlink()
    code, said = run(data, "oncall")
    assert code == 78
    assert "there is no" in said
