"""Definitions in a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wardlight.heartbeats import files
from wardlight.heartbeats.plan import Definition
from wardlight.problems import BadConfig

GOOD = """
[nightly-import]
cron = "30 2 * * *"
zone = "Europe/Zurich"
severity = "critical"

[hourly-sync]
every = "1h"
"""


def test_a_table_is_a_heartbeat() -> None:
    assert files.read(GOOD, "heartbeats.toml") == {
        "nightly-import": Definition(cron="30 2 * * *", zone="Europe/Zurich", severity="critical"),
        "hourly-sync": Definition(every="1h"),
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[job-a]\nevery = '1h'\n\n[job-b]\nevery = 'soon'\n", "f:5: job-b: every: 'soon' is not a duration"),
        ("[job-a]\nevery = '1h'\ngrase = '1h'\n", "f:3: job-a: Object contains unknown field `grase`"),
        ("[job-a]\nevery = '1h'\nseverity = 'bad'\n", "f:3: job-a: Invalid enum value 'bad'"),
        ("[job-a]\nevery = '1h'\ngrace = 5\n", "f:3: job-a: Expected `str`, got `int`"),
        ("[job-a]\n# nothing\n", "f:1: job-a: every: a heartbeat has either"),
        ('["Job A"]\nevery = "1h"\n', "f:1: Job A: slug: 3 to 64"),
        ("\njob = 3\n", "f:2: job: Expected `object`, got `int`"),
        ("[job-a\n", "f: not valid TOML"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(BadConfig, match=re.escape(reason)):
        files.read(text, "f")


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadConfig) as told:
        files.read("[job-a]\n[job-b]\n", "f")
    assert len(str(told.value).splitlines()) == 2


def test_too_many_are_refused() -> None:
    with pytest.raises(BadConfig, match="more than 1000"):
        files.read("".join(f"[job-{at}]\nevery = '1h'\n" for at in range(1001)), "f")


def test_the_documented_example_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "heartbeats.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert "nightly-import" in files.read(example, "docs")
