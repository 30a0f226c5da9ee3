"""oncall.toml: what is refused, with file, line and reason."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wardlight.escalation.policy_file import read
from wardlight.escalation.roster import check
from wardlight.problems import BadConfig

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PERSON = """
[people.ann]
channels = { mail = "json://ann.example" }
[levels.support]
who = ["ann"]
"""


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "there is neither [contact] nor a level"),
        (PERSON + '[levels.two]\nwho = ["bob"]', 7, "level two: there is no person or rotation bob"),
        (PERSON + "[levels.two]\nwho = []", 7, "level two has nobody"),
        (PERSON + "[people.bob]\nchannels = {}", 7, "bob has no channel and can't be told"),
        (PERSON + '[people.bob]\n[people.bob.channels]\nmail = "x"', 8, "bob: channel mail: not an address like"),
        (PERSON + '[people.bob]\nchannels.a = "json://b"\ncritical = ["sms"]', 8, "bob has no channel sms"),
        (PERSON + "[rotations.night]\npeople = []", 7, "rotation night has no people"),
        (PERSON + '[rotations.night]\n\npeople = ["bob"]', 8, "rotation night: there is no person bob"),
        (PERSON + '[rotations.ann]\npeople = ["ann"]', 6, "ann is a person and a rotation"),
        (PERSON + '[rotations.n]\npeople = ["ann"]\nzone = "Mars/Olympus"', 8, "there is no time zone 'Mars/Olympus'"),
        (PERSON + '[rotations.n]\npeople = ["ann"]\nhandover = "noon"', 8, "a handover is a time like 09:00"),
        (PERSON + '[rotations.n]\npeople = ["ann"]\nhours = "Mon 9-17"', 8, "is not like Mon-Fri 08:00-17:00"),
        (PERSON + '[policies.p]\nsteps = [{ level = "third" }]', 7, "policy p: there is no level third"),
        (PERSON + "[policies.p]\nsteps = []", 7, "policy p has no steps"),
        (PERSON + '[policies.p]\nsteps = []\nthen = "q"', 8, "policy p: there is no policy q"),
        (PERSON + '[[routes]]\npolicy = "p"', 7, "there is no policy p"),
        (PERSON + '[[routes]]\npolicy = ""\n[[routes]]\nseverity = ["page"]\npolicy = ""', 9, "Invalid enum value 'page'"),
        (PERSON + '[policies.p]\nsteps = [{ level = "support" }]\nbatch = "often"', 8, "policies.p.batch"),
        (PERSON + "[people.bob]\nname = 7\nchannels = {}", 7, "people.bob.name: Expected `str`, got `int`"),
        (PERSON + "[people.bob]\npager = 7\nchannels = {}", 7, "unknown field `pager`"),
        (PERSON + "[teams.x]", 6, "unknown table or setting teams"),
        (PERSON + "[levels.", 6, "not valid TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(BadConfig) as refused:
        read(text, "oncall.toml")
    assert f"oncall.toml:{line}: " in str(refused.value)
    assert reason in str(refused.value)


def test_a_policy_that_continues_in_a_circle_is_refused() -> None:
    text = (
        PERSON
        + """
        [policies.a]
        steps = [{ level = "support" }]
        then = "b"
        [policies.b]
        steps = []
        then = "a"
    """
    )
    with pytest.raises(BadConfig, match="policy a continues in a circle: a → b → a"):
        read(textwrap.dedent(text), "oncall.toml")


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadConfig) as refused:
        read(PERSON + '[levels.two]\nwho = ["bob", "cat"]\n[[routes]]\npolicy = "p"', "oncall.toml")
    assert len(str(refused.value).splitlines()) == 3


def test_no_reason_repeats_an_address() -> None:
    with pytest.raises(BadConfig) as refused:
        read(PERSON + '[people.bob]\nchannels = { mail = "bogus://s3cret@host" }', "oncall.toml")
    assert "s3cret" not in str(refused.value)


def test_a_contact_is_enough() -> None:
    oncall = read('[contact]\nname = "Dr Lane"\nchannels = ["json://a.example", "json://b.example"]', "oncall.toml")
    assert [step.level for step in oncall.steps(oncall.route("critical", "outage"))] == ["contact"]
    assert oncall.people["contact"].ways("critical") == ("channel1", "channel2")
    assert oncall.route("info", "usage") == ""


@pytest.mark.parametrize(
    ("calendar", "reason"),
    [
        (None, "can't be read: No such file or directory"),
        ("hello", "not a calendar that can be read"),
        ("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nEND:VCALENDAR\n", "no event in the next eight weeks"),
        (
            (
                "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\nDTSTART:20260102T090000Z\nDTEND:20260103T090000Z\n"
                "SUMMARY:Zoe\nEND:VEVENT\nEND:VCALENDAR\n"
            ),
            "events of nobody in people: Zoe",
        ),
    ],
)
def test_a_calendar_that_nobody_can_read_is_refused(tmp_path: Path, calendar: str | None, reason: str) -> None:
    path = tmp_path / "oncall.toml"
    path.write_text(PERSON + '[rotations.n]\ncalendar = "n.ics"')
    if calendar is not None:
        (tmp_path / "n.ics").write_text(calendar.replace("\n", "\r\n"))
    with pytest.raises(BadConfig) as refused:
        check(path, tmp_path, NOW)
    assert f"{path}:7: rotation n: " in str(refused.value)
    assert reason in str(refused.value)
