"""The rules on logs that come with Wardlight, evaluated on real records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from prometheus_client import CollectorRegistry
from tests.conftest import NOW, batch

from wardlight.clock import ManualClock
from wardlight.config import Query, Settings
from wardlight.protect.keys import Keys
from wardlight.query import QueryService
from wardlight.records import SCHEMA, Decoded, stream_of
from wardlight.rules import Queries, Ruler, files
from wardlight.rules.sources import SHIPPED, Sources
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.state import State

SECOND = 10**9
MINUTE = 60 * SECOND
OURS = tuple(sorted(SHIPPED.glob("*.yml")))


class Logs:
    """A store of security events, and the shipped rules over it."""

    def __init__(self, store: EmbeddedStore, data: Path) -> None:
        self.store = store
        self.clock = ManualClock(NOW)
        self.state = State(data / "state.db")
        self.ruler = Ruler(
            Queries(QueryService(store, Query(), self.clock, Keys.new)), data, Settings(), state=self.state, clock=self.clock,
            registry=CollectorRegistry(), tell=lambda _notices: None,
        )  # fmt: skip

    def happened(self, count: int = 1, *, ago: int, **attributes: str) -> None:
        """Store events, the last of them `ago` seconds back, a tenth of a second apart."""
        stream = stream_of({"kind": "security", "service_name": "a", **attributes})
        last = NOW - ago * SECOND
        rows = [
            {**row, "stream": stream}
            for row in batch(*["…"] * count, kind="security", ts=last, step=-SECOND // 10).to_pylist()
        ]
        self.store.insert([Decoded(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))])

    def logins(self, outcome: str, address: str, count: int = 1, *, ago: int) -> None:
        self.happened(count, ago=ago, event_name="user.login", event_outcome=outcome, client_address=address)

    def firing(self) -> set[str]:
        """Evaluate everything for twenty seconds; say what fires."""
        for _ in range(4):
            self.clock.advance(5)
            self.ruler.look()
            self.ruler.settle()
        rules = [rule for group in self.ruler.statuses() for rule in group.rules]
        assert {rule.health for rule in rules} == {"ok"}, [rule.error for rule in rules]
        return {alert.labels["alertname"] for rule in rules for alert in rule.alerts if alert.state == "firing"}


@pytest.fixture
def logs(store: EmbeddedStore, tmp_path: Path) -> Iterator[Logs]:
    logs = Logs(store, tmp_path)
    yield logs
    logs.ruler.close()
    logs.state.close()


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_every_rule_says_how_bad_it_is_and_what_to_do(path: Path) -> None:
    files.read(path.read_bytes(), path.name, SECOND)
    for rule in (rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]):
        assert set(rule["labels"]) == {"severity", "category"}
        assert rule["annotations"]["runbook"] == f"docs/alerts.md#{rule['alert'].lower()}"


def test_nothing_fires_on_a_quiet_day(logs: Logs) -> None:
    logs.logins("success", "10.0.0.1", ago=3)
    logs.logins("failure", "10.0.0.1", 2, ago=9)
    logs.happened(3, ago=5, event_name="permission.denied")
    logs.happened(ago=5, event_name="role.granted", role_name="nurse")
    assert logs.firing() == set()


def test_a_success_after_many_failures_of_one_address_is_a_breach(logs: Logs) -> None:
    logs.logins("failure", "203.0.113.66", 12, ago=15)
    logs.logins("success", "203.0.113.66", ago=4)
    assert logs.firing() == {"BruteForceSucceeded"}


@pytest.mark.parametrize("others", [3, 40])
def test_failures_of_many_behind_one_address_are_none(logs: Logs, others: int) -> None:
    logs.logins("failure", "203.0.113.66", 12, ago=60)
    logs.logins("success", "203.0.113.66", others, ago=4)
    assert logs.firing() == set()


def test_failures_and_a_success_of_different_addresses_are_none(logs: Logs) -> None:
    logs.logins("failure", "203.0.113.66", 12, ago=15)
    logs.logins("success", "203.0.113.67", ago=4)
    assert logs.firing() == set()


def test_many_denials_in_two_minutes_are_a_surge(logs: Logs) -> None:
    logs.happened(30, ago=5, event_name="permission.denied")
    assert logs.firing() == {"PermissionDenialsSurging"}


def test_as_many_as_in_the_hour_before_are_none(logs: Logs) -> None:
    for minutes in range(3, 60, 2):
        logs.happened(15, ago=minutes * 60, event_name="permission.denied")
    logs.happened(30, ago=5, event_name="permission.denied")
    assert logs.firing() == set()


@pytest.mark.parametrize("role", ["administrator", "Domain Admins", "root"])
def test_somebody_who_may_do_much_is_told(logs: Logs, role: str) -> None:
    logs.happened(ago=5, event_name="role.granted", role_name=role)
    assert logs.firing() == {"NewAdministrator"}


def test_a_file_of_the_same_name_takes_the_place_of_ours(tmp_path: Path) -> None:
    sources = Sources(tmp_path, (), MINUTE, SHIPPED)
    sources.look()
    ours = {group.file for group in sources.groups}
    assert ours == {f"wardlight/{path.name}" for path in OURS}

    (tmp_path / "rules/wardlight").mkdir()
    (tmp_path / "rules/wardlight" / OURS[0].name).touch()
    assert sources.look()
    assert {group.file for group in sources.groups} == ours - {f"wardlight/{OURS[0].name}"}
