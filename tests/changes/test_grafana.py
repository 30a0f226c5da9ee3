"""Windows become annotations. Grafana can't be started here: its API as its documentation has it stands in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.changes.conftest import HOUR, announce

from wardlight.changes import Windows
from wardlight.changes.grafana import Grafana
from wardlight.problems import Unavailable


class Annotations(httpx.BaseTransport):
    """Annotations in memory; one call may fail before it gets there, or after it worked, or be refused."""

    def __init__(self) -> None:
        self.kept: dict[int, dict[str, Any]] = {}
        self.fails = ""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        fails = self.fails if request.method != "GET" else ""
        self.fails = "" if fails else self.fails
        if fails == "before":
            raise httpx.ConnectError("cut")
        if fails == "refused":
            return httpx.Response(401)
        answer = self.answer(request)
        if fails == "after":
            raise httpx.ReadTimeout("cut")
        return httpx.Response(200, json=answer)

    def answer(self, request: httpx.Request) -> Any:
        if request.method == "GET":
            return [{"id": at, **it} for at, it in self.kept.items() if request.url.params["tags"] in it["tags"]]
        if request.method == "POST":
            self.kept[len(self.kept) + 1] = json.loads(request.read())
            return {"id": len(self.kept)}
        self.kept[int(request.url.path.rpartition("/")[2])] |= json.loads(request.read())
        return {"message": "Annotation patched"}


@pytest.fixture
def kept() -> Annotations:
    return Annotations()


@pytest.fixture
def grafana(kept: Annotations) -> Iterator[Grafana]:
    grafana = Grafana("http://grafana.test/")
    grafana.close()
    grafana._client = httpx.Client(transport=kept)
    yield grafana
    grafana.close()


def test_a_window_is_a_region_with_tags(grafana: Grafana, kept: Annotations, windows: Windows) -> None:
    window = announce(windows, 0)
    assert grafana.annotate(window) == 1
    assert kept.kept[1] == {
        "time": 1_767_225_600_000,
        "timeEnd": 1_767_225_600_000 + 2 * 3_600_000,
        "tags": ["wardlight", "maintenance", f"wardlight:{window.mark}"],
        "text": "database upgrade",
    }


def test_asked_twice_it_is_there_once(grafana: Grafana, kept: Annotations, windows: Windows) -> None:
    window = announce(windows, 0)
    assert grafana.annotate(window) == grafana.annotate(window)
    assert grafana.annotate(announce(windows, 0)) == 2


@pytest.mark.parametrize("fails", ["before", "after", "refused"])
def test_a_call_that_fails_leads_to_exactly_one(
    grafana: Grafana, kept: Annotations, windows: Windows, fails: str
) -> None:
    window = announce(windows, 0)
    kept.fails = fails
    with pytest.raises(Unavailable, match="Grafana"):
        grafana.annotate(window)
    assert (grafana.annotate(window), len(kept.kept)) == (1, 1)


def test_one_that_ended_early_is_shortened(grafana: Grafana, kept: Annotations, windows: Windows) -> None:
    window = announce(windows, 0)
    number = grafana.annotate(window)
    grafana.shorten(replace(window, annotation=number, ends=window.starts + HOUR))
    assert kept.kept[1]["timeEnd"] == 1_767_225_600_000 + 3_600_000
