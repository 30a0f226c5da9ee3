"""Loki's own test tables, over HTTP against a running server (`shared/conformance/logql`)."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import BASE, Loki

FOLDER = Path(os.environ.get("WARDLIGHT_CONFORMANCE", Path(__file__).parents[3] / "shared" / "conformance")) / "logql"
DISPUTED: dict[tuple[str, int], str] = {}
"""Cases believed wrong: (file, line) to the reason. There are none."""

_DAY = 86_400 * 10**9


def scenarios() -> list[Any]:
    path = FOLDER / "eval_cases.json"
    if not path.exists():
        return []
    found: list[Any] = json.loads(path.read_text())["scenarios"]
    return found


@pytest.mark.skipif(not (FOLDER / "eval_cases.json").exists(), reason="the conformance folder is not here")
@pytest.mark.parametrize("number", range(len(scenarios())))
def test_it_answers_as_loki_does(loki: Loki, number: int) -> None:
    scenario = scenarios()[number]
    # Each scenario has a day of its own.
    epoch = BASE + number * _DAY
    loaded = 0
    for case in scenario["evals"]:
        push(loki, scenario["entries"][loaded : case["entries_loaded"]], epoch)
        loaded = max(loaded, case["entries_loaded"])
        if (scenario["file"], case["line"]) not in DISPUTED:
            check(loki, case, epoch, f"{scenario['file']}:{case['line']} {case['query']}")


def push(loki: Loki, entries: list[Any], epoch: int) -> None:
    streams: list[dict[str, Any]] = []
    for labels, after, line, metadata in entries:
        value = [str(epoch + after), line, *([metadata] if metadata else [])]
        if streams and streams[-1]["stream"] == labels:
            streams[-1]["values"].append(value)
        else:
            streams.append({"stream": labels, "values": [value]})
    if streams:
        loki.push_streams(streams)


def check(loki: Loki, case: Any, epoch: int, name: str) -> None:
    if case["mode"] == "instant":
        steps = [case["at"]]
        answer = loki.get("query", query=case["query"], time=epoch + case["at"])
    else:
        steps = list(range(case["start"], case["end"] + 1, case["step"]))
        answer = loki.get(
            "query_range", query=case["query"], start=epoch + case["start"], end=epoch + case["end"],
            step=f"{case['step'] // 10**6}ms",
        )  # fmt: skip
    expected = case["expect"]
    if expected.get("fail"):
        assert 400 <= answer.status_code < 500, name
        message = json.loads(f'"{expected["msg"]}"') if '\\"' in expected.get("msg", "") else expected.get("msg", "")
        assert message in answer.text or expected.get("msg", "") in answer.text, (name, answer.text)
        assert re.search(expected.get("regex", ""), answer.text), (name, answer.text)
        return
    assert answer.status_code == 200, (name, answer.text)
    data = answer.json()["data"]
    if "scalar" in expected:
        assert (data["resultType"], float(data["result"][1])) == ("scalar", expected["scalar"]), name
        return
    wanted = {key(each["labels"]): each["values"] for each in expected.get("series", [])}
    found = {key(each["metric"]): values(each, [epoch + step for step in steps]) for each in data["result"]}
    assert found.keys() == wanted.keys(), name
    for labels, row in wanted.items():
        assert all(map(same, row, found[labels])), (name, labels, row, found[labels])


def key(labels: dict[str, str]) -> str:
    return json.dumps(labels, sort_keys=True)


def values(series: Any, moments: list[int]) -> list[str | None]:
    points = [series["value"]] if "value" in series else series["values"]
    found = {round(ts * 1000): value for ts, value in points}
    return [found.get(moment // 10**6) for moment in moments]


def same(wanted: float | str | None, found: str | None) -> bool:
    if wanted is None or found is None:
        return wanted is found
    if isinstance(wanted, str):
        return wanted == found
    return math.isclose(float(found), wanted, rel_tol=1e-9, abs_tol=1e-12)
