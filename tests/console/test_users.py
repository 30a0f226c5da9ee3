"""The console's pages of users."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.console.asking import HOSTILE, Pages, links, pages, text_of

from wardlight.access.roles import Role
from wardlight.console import users_router
from wardlight.store.embedded import EmbeddedStore

LOGIN: dict[str, Any] = {"kind": "security", "event_name": "user.login"}
TODAY: dict[str, Any] = {"day": "2025-12-31"}
"""The day of the lines that the tests keep: they are from just before the new year."""


@pytest.fixture
def users(store: EmbeddedStore, tmp_path: Path) -> Iterator[Pages]:
    with pages(store, tmp_path) as made:
        made.serve(users_router(made.queries, made.clock))
        yield made


def listed(source: str) -> dict[str, list[str]]:
    rows = re.findall(r"<tr><td data-head=\"User\">(.*?)</tr>", source, re.DOTALL)
    cells = [text_of(row.replace("</td>", "|")).strip(" |").split("|") for row in rows]
    return {name.strip(): [cell.strip() for cell in rest] for name, *rest in cells}


def number(source: str, name: str) -> str:
    found = re.search(rf"<dt>{name}</dt><dd>(.*?)</dd>", source)
    assert found is not None
    return found[1]


def test_they_are_listed_with_what_they_did(users: Pages) -> None:
    users.add("signed in", user_id="ann", event_outcome="success", **LOGIN)
    users.add("sign-in failed", "sign-in failed", user_id="bob", event_outcome="failure", **LOGIN)
    users.add("it broke", kind="error", user_id="ann")
    users.add("read", "read", "read", kind="audit", user_id="ann", event_name="record.access")
    page = users.get("/users")
    # Log-ins, failed, errors, records, lines.
    assert listed(page) == {"ann": ["1", "0", "1", "3", "5"], "bob": ["0", "2", "0", "0", "2"]}


@pytest.mark.parametrize(
    ("search", "found"), [("AN", {"ann", "joanna"}), ("a.n", set()), ('"', set()), ("", {"ann", "joanna", "bob"})]
)
def test_they_are_found_by_a_part_of_their_name(users: Pages, search: str, found: set[str]) -> None:
    for name in ("ann", "joanna", "bob"):
        users.add("there", user_id=name)
    assert set(listed(users.get("/users", search=search))) == found


def test_whoever_does_not_see_the_trail_sees_nothing_counted_from_it(users: Pages) -> None:
    users.add("read", kind="audit", user_id="ann", event_name="record.access")
    users.as_role(Role.SUPPORT)
    page = users.get("/users")
    assert listed(page) == {}
    assert "Records touched" not in page


def test_a_day_counts_log_ins_failures_denials_and_errors(users: Pages) -> None:
    users.add("signed in", user_id="ann", event_outcome="success", user_role="nurse", **LOGIN)
    users.add("failed", user_id="ann", event_outcome="failure", **LOGIN)
    users.add("denied", kind="security", user_id="ann", event_name="permission.denied", event_outcome="failure")
    users.add("broke", kind="error", user_id="ann", exception_type="ValueError")
    users.add("another's", kind="error", user_id="bob")
    page = users.get("/users", user="ann", **TODAY)
    for name, count in (("Log-ins", "1"), ("Failed log-ins", "1"), ("Permission denied", "1"), ("Errors met", "1")):
        assert number(page, name) == count, name
    assert "ann , nurse" in text_of(page)
    assert "ValueError" in page


def test_a_day_shows_features_and_records_by_count_and_no_patient(users: Pages) -> None:
    users.add("chart used", "chart used", user_id="ann", event_name="feature.use", feature_name="chart")
    for action in "RRU":
        users.add(
            "Patient WC000017", kind="audit", user_id="ann", event_name="record.access", health_action=action,
            health_record_type="Observation", health_patient_id="WC000017", ago=50 + ord(action),
        )  # fmt: skip
    page = users.get("/users", user="ann", **TODAY)
    text = text_of(page)
    assert "chart 2" in text
    assert "Observation read 2" in text
    assert "Observation changed 1" in text
    assert "WC000017" not in page


def test_sessions_are_paired_by_their_number(users: Pages) -> None:
    session: dict[str, Any] = {"kind": "security", "user_id": "ann", "session_id": "s1", "client_address": "10.0.0.7"}
    users.add("session started", event_name="session.start", ago=600, **session)
    users.add("session ended", event_name="session.end", ago=480, **session)
    page = users.get("/users", user="ann", **TODAY)
    assert number(page, "Sessions") == "1"
    assert "23:50:00" in page
    assert "2 min" in page
    assert "10.0.0.7" in page


def test_the_timeline_leads_to_each_line(users: Pages) -> None:
    users.add("opened the door", user_id="ann")
    page = users.get("/users", user="ann", **TODAY)
    assert "opened the door" in page.partition('class="timeline"')[2]
    assert len([link for link in links(page, "/logs?query=") if "start=1767" in link]) == 1


def test_a_day_without_anything_is_empty(users: Pages) -> None:
    assert number(users.get("/users", user="nobody"), "Log-ins") == "0"


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "2999-01-01", "1969-12-31", "<b>"])
def test_a_day_that_is_none_is_refused(users: Pages, day: str) -> None:
    users.get("/users", 400, user="ann", day=day)


def test_a_hostile_name_is_only_text(users: Pages) -> None:
    users.add("there", user_id=HOSTILE, user_role=HOSTILE)
    many = users.get("/users")
    (link,) = [link for link in links(many, "/users?user=") if "script" in link]
    for source in (many, users.get(f"{link}&day=2025-12-31"), users.get("/users", search=HOSTILE)):
        assert "&lt;script&gt;alert(1)" in source
        assert "<script>alert" not in source
        assert "<img" not in source
        assert "\u202e" not in re.sub(r"<input[^>]*>", "", source)  # what is asked again is asked as it was
