"""What is changed beside the server is in the trail all the same."""

from __future__ import annotations

import time
from pathlib import Path

from tests.server.closed import closed

from wardlight.access.roles import Role
from wardlight.clock import ManualClock
from wardlight.config import Retention, Settings, Stack
from wardlight.server.noticed import NAME
from wardlight.store.holds import Holds
from wardlight.store.state import State


def told(data: Path, settings: Settings) -> list[str]:
    """Run a server until it has looked: what its trail has of deeds, as JSON."""
    before = (data / NAME).stat().st_mtime_ns if (data / NAME).exists() else 0
    with closed(data, settings=settings) as house:
        headers = house.session(Role.AUDITOR) | {"Accept": "application/fhir+json"}
        deadline = time.monotonic() + 20
        while not (data / NAME).exists() or (data / NAME).stat().st_mtime_ns == before:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        found = house.client.get("/fhir/AuditEvent?_count=100", headers=headers)
        return [str(entry["resource"]) for entry in found.json()["entry"]]


def about(events: list[str], deed: str) -> list[str]:
    return [event for event in events if f"'{deed}'" in event]


def test_settings_that_differ_from_the_last_start_are_told_by_name(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert about(told(data, Settings()), "settings.changed") == []
    changed = Settings(retention=Retention(audit_days=3000), stack=Stack(smtp="smtps://me:secret@mail.example"))
    (event,) = about(told(data, changed), "settings.changed")
    assert "retention.audit_days, stack.smtp" in event
    assert "3000" not in event
    assert "secret" not in event
    assert (data / NAME).stat().st_mode & 0o777 == 0o600
    assert "smtps" not in (data / NAME).read_text()


def test_rules_and_other_files_are_told_by_name(tmp_path: Path) -> None:
    data = tmp_path / "data"
    told(data, Settings())
    (data / "rules").mkdir(exist_ok=True)
    (data / "rules" / "own.yml").write_text("groups: []\n")
    (event,) = about(told(data, Settings()), "files.changed")
    assert "rules/own.yml" in event


def test_holds_are_told_with_who_placed_and_released_them(tmp_path: Path) -> None:
    data = tmp_path / "data"
    told(data, Settings())
    state = State(data / "state.db")
    holds = Holds(state, ManualClock())
    holds.add("patient", "4711", reason="a case", by="maria")
    holds.release(1, reason="over", by="ben")
    state.close()
    events = told(data, Settings())
    (placed,), (released,) = about(events, "hold.placed"), about(events, "hold.released")
    assert ("maria" in placed, "ben" in released) == (True, True)
    assert "4711" not in placed + released
