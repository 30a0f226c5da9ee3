"""`docs/rules.md` says what is."""

from __future__ import annotations

import re
from pathlib import Path

from tests.rules.conftest import House

from wardlight.rules import files, text
from wardlight.rules.model import PERSONAL

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()


def test_the_example_is_a_rule_file() -> None:
    example = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
    (group,) = files.read(example.encode(), "log-ins.yml", 1)
    assert [rule.name for rule in group.rules] == ["FailedLogins", "service:errors:rate5m"]


def test_every_label_that_leads_to_a_person_is_named() -> None:
    named = re.findall(r"<!-- personal -->\n`(.*?)`", PAGE, re.DOTALL)[0]
    assert set(named.split()) == PERSONAL


def test_every_function_is_named() -> None:
    (named,) = re.findall(r"\n`(humanize .*?)`", PAGE)
    assert set(named.split()) == {*text._OWN, "title"}


def test_every_metric_is_named(house: House) -> None:
    ours = {metric.name for metric in house.registry.collect() if metric.name.startswith("wardlight_")}
    short = re.sub(r"`…", "`wardlight_rule_group", PAGE) + re.sub(r"`…", "`wardlight_alertmanager", PAGE)
    assert {name for name in ours if name not in short} == set()
