"""What Wardlight measures of its incidents, and who hears of their events."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from tests.incidents.said import alert, firing, resolved

from wardlight.clock import ManualClock
from wardlight.incidents import Incidents
from wardlight.store.state import State


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"wardlight_{name}", labels)


def test_incidents_are_counted_by_state_and_severity(incidents: Incidents, registry: CollectorRegistry) -> None:
    incidents.receive(firing())
    incidents.receive(firing(alert(severity="info"), group="app"))
    incidents.acknowledge(2, "maria", "cli")
    assert value(registry, "incidents", state="open", severity="critical") == 1
    assert value(registry, "incidents", state="acknowledged", severity="info") == 1
    assert value(registry, "incidents", state="open", severity="warning") == 0


def test_times_to_acknowledge_and_to_resolve_are_measured_from_the_opening(
    incidents: Incidents, registry: CollectorRegistry, clock: ManualClock
) -> None:
    incidents.receive(firing())
    clock.advance(40)
    incidents.acknowledge(1, "maria", "cli")
    clock.advance(60)
    incidents.receive(resolved())
    assert value(registry, "incident_acknowledge_seconds_sum", severity="critical") == 40
    assert value(registry, "incident_resolve_seconds_sum", severity="critical") == 100


def test_openings_reopenings_and_mergers_are_counted(incidents: Incidents, registry: CollectorRegistry) -> None:
    for notice in (firing(), resolved(), firing(), firing(alert("b"), group="app")):
        incidents.receive(notice)
    incidents.merge(2, 1, "maria", "cli")
    counted = {name: value(registry, f"incidents_{name}_total", severity="critical") for name in
               ("opened", "reopened", "merged")}  # fmt: skip
    assert counted == {"opened": 2, "reopened": 1, "merged": 1}


def test_a_state_database_that_is_away_leaves_the_other_metrics(
    incidents: Incidents, registry: CollectorRegistry, state: State
) -> None:
    incidents.receive(firing())
    with state.write() as connection:
        connection.exec_driver_sql("ALTER TABLE incidents RENAME TO elsewhere")
    assert b"wardlight_incidents_opened_total" in generate_latest(registry)
    assert value(registry, "incidents", state="open", severity="critical") is None


def test_every_event_is_told_once_it_is_on_disk(state: State, clock: ManualClock) -> None:
    told: list[tuple[int, str, str, str]] = []
    incidents = Incidents(state, clock, told=lambda *event: told.append(event))
    incidents.receive(firing())
    incidents.receive(firing())
    incidents.acknowledge(1, "maria", "console")
    incidents.acknowledge(1, "maria", "console")
    incidents.note(1, "jonas", "cli", "on my way")
    assert told == [
        (1, "opened", "alertmanager", "webhook"),
        (1, "acknowledged", "maria", "console"),
        (1, "noted", "jonas", "cli"),
    ]
