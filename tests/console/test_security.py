"""The console's page of security."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge
from tests.conftest import NOW
from tests.console.asking import HOSTILE, Pages, pages, text_of

from wardlight.access.roles import Role
from wardlight.clock import moment
from wardlight.console import Guard, security_router
from wardlight.incidents import Alert, Incidents, Notice
from wardlight.ledger import Ledger
from wardlight.store.embedded import EmbeddedStore

LOGIN: dict[str, Any] = {"kind": "security", "event_name": "user.login"}
DAY = 86_400


@dataclass
class House:
    """The page, and what it looks at."""

    pages: Pages
    incidents: Incidents
    failed: Gauge
    verified: Gauge


@pytest.fixture
def house(store: EmbeddedStore, tmp_path: Path) -> Iterator[House]:
    registry = CollectorRegistry()
    failed = Gauge("wardlight_ledger_verification_failed", "", registry=registry)
    verified = Gauge("wardlight_ledger_verified_timestamp_seconds", "", registry=registry)
    with pages(store, tmp_path) as made:
        ledger = Ledger(tmp_path / "ledger", "test", made.clock)
        ledger.start()
        incidents = Incidents(made.state, made.clock)
        made.serve(security_router(Guard(made.queries, incidents, ledger, registry, made.clock)))
        yield House(made, incidents, failed, verified)
        ledger.close()


def table(source: str, title: str) -> list[str]:
    """The rows of a table, as text."""
    section = next(part for part in source.split("<section") if f">{title}</h2>" in part)
    return [text_of(row).strip() for row in re.findall(r"<tr>(.*?)</tr>", section.partition("<tbody>")[2], re.DOTALL)]


def test_failed_log_ins_are_counted_by_user_and_by_address(house: House) -> None:
    for user, address in (("ann", "10.0.0.1"), ("ann", "10.0.0.2"), ("bob", "10.0.0.2")):
        house.pages.add("failed", user_id=user, client_address=address, event_outcome="failure", **LOGIN)
    house.pages.add("fine", user_id="cyd", client_address="10.0.0.3", event_outcome="success", **LOGIN)
    page = house.pages.get("/security")
    assert table(page, "Failed log-ins by user") == ["ann 2", "bob 1"]
    assert table(page, "Failed log-ins by address") == ["10.0.0.2 2", "10.0.0.1 1"]


def test_five_failures_in_five_minutes_are_brute_force(house: House) -> None:
    house.pages.add(*"12345", ago=120, client_address="10.0.0.9", event_outcome="failure", **LOGIN)
    for at in range(5):
        house.pages.add(
            "now and then", ago=1000 * at + 400, client_address="10.0.0.1", event_outcome="failure", **LOGIN
        )
    assert table(house.pages.get("/security"), "Brute force") == ["10.0.0.9 5"]


def test_an_address_is_new_if_its_user_has_not_come_from_it_before(house: House) -> None:
    for ago, address in ((3 * DAY, "10.0.0.1"), (60, "10.0.0.1"), (60, "10.0.0.2")):
        house.pages.add("in", ago=ago, user_id="ann", client_address=address, event_outcome="success", **LOGIN)
    assert table(house.pages.get("/security"), "New addresses") == ["ann 10.0.0.2 1"]


def test_denials_emergencies_and_exports_are_counted(house: House) -> None:
    add = house.pages.add
    add("denied", kind="security", user_id="ann", event_name="permission.denied", permission_name="billing")
    access: dict[str, Any] = {"kind": "audit", "event_name": "record.access", "user_role": "nurse"}
    add("opened", user_id="bob", health_purpose="BTG", **access)
    add("opened", user_id="bob", health_purpose="TREAT", ago=50, **access)
    add("exported", kind="audit", user_id="cyd", event_name="record.export", health_record_type="Patient")
    page = house.pages.get("/security")
    assert table(page, "Permission denied") == ["ann billing 1"]
    assert table(page, "Break the glass") == ["bob nurse 1"]
    assert table(page, "Most records") == ["bob nurse 2"]
    assert table(page, "Exports") == ["cyd Patient 1"]


def test_a_reader_is_shown_the_tables_of_what_they_see(house: House) -> None:
    house.pages.as_role(Role.SUPPORT)
    page = house.pages.get("/security")
    assert "Failed log-ins by user" in page
    assert "Break the glass" not in page
    house.pages.as_role(Role.DEVELOPER)
    assert "Failed log-ins" not in house.pages.get("/security")


def test_the_ledgers_state_is_told(house: House) -> None:
    assert "hasn't been looked at" in text_of(house.pages.get("/security")).replace("’", "'")
    house.verified.set(NOW / 1e9)
    assert "What was looked at is whole" in house.pages.get("/security")
    house.failed.set(1)
    assert "not what was signed" in house.pages.get("/security")


def test_open_incidents_of_security_are_shown_and_no_others(house: House) -> None:
    for category in ("security", "data_access", "outage"):
        labels = {"alertname": category, "category": category}
        alert = Alert(fingerprint=category, labels=labels, annotations={}, started=moment(NOW), ended=None)
        house.incidents.receive(Notice(group_key=category, firing=True, alerts=(alert,)))
    found = table(house.pages.get("/security"), "Open incidents of security and data access")
    assert len(found) == 2
    assert not [row for row in found if "outage" in row]


def test_what_is_hostile_is_only_text(house: House) -> None:
    house.pages.add(HOSTILE, user_id=HOSTILE, client_address=HOSTILE, event_outcome="failure", **LOGIN)
    page = house.pages.get("/security")
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "<img" not in page
