"""The console's page of errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from tests.console.asking import HOSTILE, Pages, links, pages, text_of

from wardlight.changes import Deployments
from wardlight.changes.deployments import NewDeployment
from wardlight.console import errors_router
from wardlight.store.embedded import EmbeddedStore


@pytest.fixture
def errors(store: EmbeddedStore, tmp_path: Path) -> Iterator[Pages]:
    with pages(store, tmp_path) as made:
        deployments = Deployments(made.state, made.clock, registry=CollectorRegistry(), log=lambda *_: None)
        made.clock.advance(-1800)
        deployments.record(NewDeployment(service="clinic", version="2.4.1"))
        made.clock.advance(1800)
        made.serve(errors_router(made.queries, deployments, made.clock))
        yield made


def groups(source: str) -> list[list[str]]:
    rows = source.partition('class="cards errors"')[2].partition("<tbody>")[2].partition("</tbody>")[0].split("</tr>")
    cells = [
        re.findall(r'data-head="(?:Service|Count|Users|First|Last)"[^>]*>(.*?)</td>', row, re.DOTALL) for row in rows
    ]
    names = [re.findall(r"<b><bdi>(.*?)</bdi></b>", row) for row in rows]
    return [[name[0], *(text_of(cell).strip() for cell in row)] for name, row in zip(names, cells, strict=True) if name]


def test_they_are_grouped_by_type_and_service_the_most_frequent_first(errors: Pages) -> None:
    errors.add("a", "b", kind="error", exception_type="KeyError", user_id="ann")
    errors.add("c", kind="error", exception_type="KeyError", user_id="bob", ago=30)
    errors.add("d", kind="error", exception_type="KeyError", service_name="other")
    errors.add("e", "f", kind="error")
    errors.add("no error")
    found = [(name, service, count, users) for name, service, count, users, *_ in groups(errors.get("/errors"))]
    assert found[0] == ("KeyError", "clinic", "3", "2")
    assert found[1] == ("no exception named", "clinic", "2", "0")
    assert found[2] == ("KeyError", "other", "1", "0")


def test_the_last_is_known_exactly_and_shown(errors: Pages) -> None:
    errors.add("earlier", kind="error", exception_type="KeyError", ago=7200)
    errors.add("no such bed", kind="error", exception_type="KeyError", ago=65, trace_id="ab" * 16)
    page = errors.get("/errors")
    assert groups(page)[0][-1].endswith("23:58")
    assert "no such bed" in page
    assert len(links(page, "trace_id%3D%22abab")) == 1
    assert "earlier" not in page


def test_a_group_leads_to_its_lines(errors: Pages) -> None:
    errors.add("a", kind="error", exception_type='Key"Error')
    assert links(errors.get("/errors"), "exception_type%3D%22Key%5C%22Error%22")


def test_deployments_of_the_time_are_beside(errors: Pages) -> None:
    assert "2.4.1" in errors.get("/errors")
    assert "2.4.1" not in errors.get("/errors", since="15m")


def test_without_errors_it_says_so(errors: Pages) -> None:
    errors.add("all is well")
    assert "There was no error" in errors.get("/errors")


def test_a_hostile_error_is_only_text(errors: Pages) -> None:
    errors.add(HOSTILE, kind="error", exception_type=HOSTILE, service_name=HOSTILE)
    page = errors.get("/errors")
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "\u202e" not in page
