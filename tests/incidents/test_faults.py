"""The fault matrix of a notice: a write that fails before and after its effect; Alertmanager then tells it again.

Each statement of the transaction, its beginning and its commit fail once unpersisted; the commit also fails once
*persisted but reported failed*. After the repetition there is exactly one incident and exactly one event of each kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.incidents.said import NOON, actions, alert, firing, only, resolved

from wardlight.clock import ManualClock
from wardlight.incidents import Incidents, Notice
from wardlight.problems import Unavailable
from wardlight.store.state import State

STEPS = {
    "opened": [firing()],
    "updated": [firing(), firing(alert(), alert("b", instance="two"))],
    "resolved": [firing(), resolved()],
    "reopened": [firing(), resolved(), firing()],
    "a new one": [firing(), resolved(), firing(alert(started=NOON.replace(hour=13)))],
}
EXPECTED = {
    "opened": [["opened"]],
    "updated": [["opened", "updated"]],
    "resolved": [["opened", "resolved"]],
    "reopened": [["opened", "resolved", "reopened"]],
    "a new one": [["opened", "resolved"], ["opened"]],
}


class Broken(sa.exc.OperationalError):
    """What the engine says when the disk doesn't do as it should."""

    def __init__(self) -> None:
        super().__init__("statement", {}, Exception("disk I/O error"))


@contextmanager
def failing(state: State, at: int) -> Iterator[list[int]]:
    """Let the statement of this number fail before its effect; yields how many there were."""
    seen: list[int] = []

    def break_(*_: object) -> None:
        seen.append(len(seen))
        if len(seen) - 1 == at:
            raise Broken

    sa.event.listen(state._engine, "before_cursor_execute", break_)
    try:
        yield seen
    finally:
        sa.event.remove(state._engine, "before_cursor_execute", break_)


def statements(state: State, clock: ManualClock, notices: list[Notice]) -> int:
    """Count the statements that the last notice takes."""
    incidents = Incidents(state, clock)
    for notice in notices[:-1]:
        incidents.receive(notice)
    with failing(state, -1) as seen:
        incidents.receive(notices[-1])
    return len(seen)


@pytest.mark.parametrize("step", STEPS)
def test_any_statement_that_fails_leaves_one_incident_and_one_event(
    step: str, tmp_path: Path, clock: ManualClock
) -> None:
    trial = State(tmp_path / "trial.db")
    count = statements(trial, clock, STEPS[step])
    trial.close()
    for at in range(count):
        state = State(tmp_path / f"{at}.db")
        incidents = Incidents(state, clock)
        for notice in STEPS[step][:-1]:
            incidents.receive(notice)
        with failing(state, at), pytest.raises(Unavailable):
            incidents.receive(STEPS[step][-1])
        incidents.receive(STEPS[step][-1])
        assert [actions(incidents.get(it.id)) for it in reversed(incidents.listed("all"))] == EXPECTED[step]
        state.close()


@pytest.mark.parametrize("persisted", [False, True], ids=["unpersisted", "persisted but reported failed"])
@pytest.mark.parametrize("step", STEPS)
def test_a_commit_that_fails_leaves_one_incident_and_one_event(
    step: str, persisted: bool, state: State, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    incidents = Incidents(state, clock, told=lambda _incident, action, _actor, _source: told.append(action))
    for notice in STEPS[step][:-1]:
        incidents.receive(notice)
    commit = state._engine.dialect.do_commit

    def break_(connection: object) -> None:
        if persisted:
            commit(connection)  # type: ignore[arg-type]
        monkeypatch.undo()
        raise Exception("disk I/O error") from None  # noqa: TRY002 -- the driver's own

    monkeypatch.setattr(state._engine.dialect, "do_commit", break_)
    with pytest.raises(Exception, match="disk I/O error"):
        incidents.receive(STEPS[step][-1])
    incidents.receive(STEPS[step][-1])
    assert [actions(incidents.get(it.id)) for it in reversed(incidents.listed("all"))] == EXPECTED[step]


def test_an_action_by_hand_that_was_persisted_but_reported_failed_can_be_repeated(
    state: State, incidents: Incidents, monkeypatch: pytest.MonkeyPatch
) -> None:
    incidents.receive(firing())
    commit = state._engine.dialect.do_commit

    def break_(connection: object) -> None:
        commit(connection)  # type: ignore[arg-type]
        monkeypatch.undo()
        raise Exception("disk I/O error") from None  # noqa: TRY002 -- the driver's own

    monkeypatch.setattr(state._engine.dialect, "do_commit", break_)
    with pytest.raises(Exception, match="disk I/O error"):
        incidents.acknowledge(1, "maria", "link")
    incidents.acknowledge(1, "maria", "link")
    assert actions(only(incidents)) == ["opened", "acknowledged"]


def test_the_first_alert_of_a_notice_is_not_kept_without_the_last(
    state: State, incidents: Incidents, clock: ManualClock
) -> None:
    many = firing(*(alert(str(at)) for at in range(100)))
    with failing(state, 6), pytest.raises(Unavailable):
        incidents.receive(many)
    assert incidents.listed("all") == []
