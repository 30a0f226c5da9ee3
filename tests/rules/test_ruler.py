"""The ruler over restarts, pauses, failures and changed files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from threading import Event

import msgspec
import pytest
from tests.rules.conftest import MINUTE, House, always, rule_file

from wardlight.config import Rules, Settings
from wardlight.problems import BadInput, Cancelled, Unavailable
from wardlight.rules.model import Sample
from wardlight.rules.schedule import CATCH_UP


def test_an_alert_fires_after_its_time_and_ends(house: House) -> None:
    house.file(rule_file("vector(1)", "for: 2m"))
    house.answers.say = always(app="x")
    house.look()
    assert house.states() == ["pending"]
    house.minute()
    assert (house.states(), house.waiting()) == (["pending"], [])
    house.minute()
    assert (house.states(), house.waiting()) == (["firing"], [("A", True)])
    house.answers.say = lambda _query, _at: []
    house.minute()
    assert (house.states(), house.waiting()) == (["inactive"], [("A", False)])


def test_a_new_rule_is_evaluated_at_once_and_then_every_interval(house: House) -> None:
    house.file(rule_file("vector(7)", interval="5m"))
    house.look()
    house.look()
    house.minute(9)
    moments = [at for query, at in house.answers.asked if query == "vector(7)"]
    assert len(moments) in (2, 3)
    assert {after - before for before, after in pairwise(moments)} == {5 * MINUTE}
    assert moments[0] <= house.clock.now_ns() - 9 * MINUTE < moments[1]


def test_a_query_may_look_back_for_late_lines(house: House) -> None:
    house.file("groups: [{name: g, query_offset: 10s, rules: [{alert: A, expr: vector(1)}]}]")
    house.look()
    (status,) = house.ruler.statuses()
    assert status.evaluated_ns is not None
    assert house.answers.asked == [("vector(1)", status.evaluated_ns - 10 * 10**9)]


def test_a_group_without_interval_has_that_of_the_settings(tmp_path: Path) -> None:
    house = House(tmp_path, settings=Settings(rules=Rules(evaluation_seconds=15)))
    house.file("groups: [{name: g, rules: []}]")
    house.look()
    assert [status.group.interval_ns for status in house.ruler.statuses()] == [15 * 10**9]
    house.stop()


# ---- restarts and pauses ----


def test_a_restart_keeps_what_is_pending(house: House) -> None:
    house.file(rule_file("vector(1)", "for: 3m"))
    house.answers.say = always()
    house.look()
    house.minute(2)
    house.stop()
    house.start()
    house.look()
    assert house.states() == ["pending"]
    house.minute()
    assert house.states() == ["firing"]


def test_a_restart_keeps_what_fires_and_tells_of_its_end(house: House) -> None:
    house.file(rule_file("vector(1)", "annotations: {summary: '{{ $labels.app }}'}"))
    house.answers.say = always(app="x")
    house.look()
    (before,) = house.ruler.statuses()[0].rules[0].alerts
    house.stop()
    house.answers.say = lambda _query, _at: []
    house.clock.advance(60)
    house.start()
    house.look()
    assert house.waiting() == [("A", False)]
    (after,) = house.ruler.statuses()[0].rules[0].alerts
    assert (after.fired_ns, after.annotations) == (before.fired_ns, {"summary": "x"})


def test_a_pause_is_made_good(house: House) -> None:
    house.file(rule_file("vector(1)", "for: 3m"))
    house.look()
    house.stop()
    house.answers.say = always()
    house.clock.advance(4 * 60)
    house.start()
    house.look()
    moments = [at for _, at in house.answers.asked]
    assert [after - before for before, after in pairwise(moments)] == [MINUTE] * 4
    assert house.states() == ["firing"]
    assert house.metric("wardlight_rule_group_iterations_late_total", rule_group="a.yml;g") == 3
    assert house.metric("wardlight_rule_group_iterations_missed_total", rule_group="a.yml;g") == 0


def test_an_alert_that_came_and_went_in_a_pause_is_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.file(rule_file())
    house.look()
    (_, before), *_ = house.answers.asked
    house.answers.say = lambda _query, at: [Sample({}, 1.0)] if at == before + 2 * MINUTE else []
    house.clock.advance(5 * 60)
    house.look()
    assert house.states() == ["inactive"]
    assert "rules a.yml;g: A fired and ended in a pause" in caplog.text


def test_a_long_pause_is_reported_and_does_not_count(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.file(rule_file("vector(1)", "for: 15m"))
    house.answers.say = always()
    house.look()
    house.clock.advance((CATCH_UP + 5) * 60)
    house.look()
    assert len(house.answers.asked) == 1 + CATCH_UP
    assert house.metric("wardlight_rule_group_iterations_missed_total", rule_group="a.yml;g") == 5
    assert "rules a.yml;g: 5 evaluations were missed" in caplog.text
    assert house.states() == ["pending"]
    house.minute(4)
    assert house.states() == ["pending"]
    house.minute()
    assert house.states() == ["firing"]


def test_a_slow_group_goes_on_with_the_latest(house: House) -> None:
    def slow(_query: str, _at: int) -> list[Sample]:
        house.clock.advance(150)
        return []

    house.file(rule_file())
    house.answers.say = slow
    house.ruler.look()
    house.ruler.settle()
    house.answers.say = lambda _query, _at: []
    house.look()
    assert house.metric("wardlight_rule_group_iterations_missed_total", rule_group="a.yml;g") in (1, 2)


def test_a_clock_that_was_set_back_stops_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.file(rule_file("vector(1)", "for: 2m"))
    house.answers.say = always()
    house.look()
    house.minute()
    house.clock.set_wall(house.clock.now_ns() - 3600 * 10**9)
    house.look()
    assert "the clock was set back by" in caplog.text
    assert house.states() == ["pending"]
    house.minute()
    assert house.states() == ["firing"]


def test_what_is_cut_off_by_a_stop_is_made_good(house: House) -> None:
    def cut(_query: str, _at: int) -> list[Sample]:
        raise Cancelled("stopped")

    house.file(rule_file())
    house.answers.say = cut
    house.look()
    house.stop()
    house.answers.say = always()
    house.clock.advance(10)
    house.start()
    house.look()
    assert house.states() == ["firing"]


# ---- failures ----


def test_a_query_that_fails_changes_no_alert_and_is_told(house: House, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_query: str, _at: int) -> list[Sample]:
        raise BadInput("pipeline error: 'JSONParserErr' for series: '{app=\"x\", patient=\"4711\"}'.")

    house.file(rule_file())
    house.answers.say = always()
    house.look()
    house.answers.say = fail
    house.minute(3)
    assert house.states() == ["firing"]
    assert house.errors() == ["pipeline error: 'JSONParserErr' for series: '{…}'."]
    assert house.metric("wardlight_rule_evaluation_failures_total", rule_group="a.yml;g") == 3
    assert caplog.text.count("A fails: pipeline error") == 1
    assert "4711" not in caplog.text
    house.answers.say = always()
    house.minute()
    assert house.errors() == [""]


def test_too_many_alerts_are_an_error_and_none_of_them_stays(house: House) -> None:
    house.file("groups: [{name: g, limit: 2, rules: [{alert: A, expr: vector(1)}]}]")
    house.answers.say = always()
    house.look()
    house.answers.say = lambda _query, _at: [Sample({"app": str(at)}, 1.0) for at in range(3)]
    house.minute()
    assert (house.states(), house.errors()) == ([], ["exceeded limit of 2 with 3 alerts"])


def test_without_a_state_database_alerts_go_out_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house.file(rule_file())
    house.look()
    house.answers.say = always()

    def full(*_: object) -> None:
        raise Unavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(house.ruler._memory, "save", full)
        house.minute()
    assert house.waiting() == [("A", True)]
    assert "a restart would forget its alerts: the disk is full" in caplog.text
    house.minute()
    house.stop()
    house.start()
    house.look()
    assert house.states() == ["firing"]


# ---- files ----


def test_a_changed_file_is_read_and_keeps_its_alerts(house: House) -> None:
    house.file(rule_file("vector(1)", "for: 2m"))
    house.answers.say = always()
    house.look()
    house.minute()
    house.file(rule_file("vector(1) + vector(0)", "for: 2m", "annotations: {summary: new}"))
    house.minute()
    assert house.states() == ["firing"]
    assert house.answers.asked[-1][0] == "vector(1) + vector(0)"


def test_a_broken_file_keeps_its_rules_and_is_told(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.file(rule_file())
    house.answers.say = always()
    house.look()
    house.file("groups:\n- nme: g\n")
    house.minute(2)
    assert house.states() == ["firing"]
    assert house.ruler.faults() == {"a.yml": "a.yml:2: a group: unknown field 'nme'"}
    assert [status.fault for status in house.ruler.statuses()] == ["a.yml:2: a group: unknown field 'nme'"]
    assert house.metric("wardlight_rule_files_refused") == 1
    assert caplog.text.count("a.yml:2: a group: unknown field 'nme'") == 1
    house.file(rule_file())
    house.look()
    assert (house.ruler.faults(), house.metric("wardlight_rule_files_refused")) == ({}, 0)


def test_a_file_that_is_broken_at_the_start_forgets_no_alert(house: House) -> None:
    house.file(rule_file("vector(1)", "for: 2m"))
    house.answers.say = always()
    house.look()
    house.stop()
    house.file("groups: oh")
    house.start()
    house.look()
    assert house.states() == []
    house.file(rule_file("vector(1)", "for: 2m"))
    house.minute(2)
    assert house.states() == ["firing"]


def test_a_file_that_is_gone_takes_its_alerts_along(house: House) -> None:
    house.file(rule_file())
    house.answers.say = always()
    house.look()
    (house.data / "rules" / "a.yml").unlink()
    house.look()
    assert house.ruler.statuses() == ()
    assert house.metric("wardlight_rule_evaluations_total", rule_group="a.yml;g") is None
    house.file(rule_file("vector(1)", "for: 2m"))
    house.look()
    assert house.states() == ["pending"]


def test_settings_name_further_files(tmp_path: Path) -> None:
    (tmp_path / "more" / "deep").mkdir(parents=True)
    (tmp_path / "more" / "deep" / "b.yml").write_text(rule_file(group="more"))
    patterns = (str(tmp_path / "more" / "**" / "*.yml"), "data/rules/*.yml")
    house = House(tmp_path / "data", settings=msgspec.structs.replace(Settings(), rules=Rules(files=patterns)))
    house.file(rule_file())
    house.look()
    files = {status.group.name: status.group.file for status in house.ruler.statuses()}
    assert files == {"g": "a.yml", "more": str(tmp_path / "more" / "deep" / "b.yml")}
    house.stop()


# ---- recordings ----

RECORD = "groups: [{name: g, limit: 2, rules: [{record: 'app:lines', expr: vector(1), labels: {team: t}}]}]"


def test_a_recording_is_a_gauge_that_follows_its_query(house: House) -> None:
    house.file(RECORD)
    house.answers.say = lambda _query, _at: [Sample({"app": "x"}, 2.5), Sample({"app": "y"}, 1.0)]
    house.look()
    assert house.metric("app:lines", app="x", team="t") == 2.5
    house.answers.say = lambda _query, _at: [Sample({"app": "y"}, 3.0)]
    house.minute()
    assert house.metric("app:lines", app="x", team="t") is None
    assert house.metric("app:lines", app="y", team="t") == 3.0


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([Sample({"app": str(at)}, 1.0) for at in range(3)], "exceeded limit of 2 with 3 series"),
        ([Sample({}, 1.0), Sample({"team": "u"}, 1.0)], "the same labels"),
        ([Sample({"user_id": "7"}, 1.0)], "user_id, which leads to a person"),
    ],
)
def test_a_recording_that_fails_shows_nothing_old(house: House, samples: list[Sample], reason: str) -> None:
    house.file(RECORD)
    house.answers.say = always(app="x")
    house.look()
    house.answers.say = lambda _query, _at: samples
    house.minute()
    assert reason in house.errors()[0]
    assert house.metric("app:lines", app="x", team="t") is None


def test_two_rules_may_not_record_one_series(house: House) -> None:
    house.file(RECORD)
    house.file(RECORD, "b.yml")
    house.answers.say = always(app="x")
    house.look()
    assert sorted(house.errors()) == ["", "another rule records the same series"]
    assert house.metric("app:lines", app="x", team="t") == 1.0


def test_recordings_have_a_limit_all_together(house: House) -> None:
    house.file(RECORD.replace("limit: 2, ", ""))
    house.answers.say = lambda _query, _at: [Sample({"app": str(at)}, 1.0) for at in range(10_001)]
    house.look()
    assert house.errors() == ["recording rules have more than 10000 series, all together"]


# ---- the end ----


def test_a_stop_cuts_off_what_is_being_evaluated(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, cancelled = Event(), Event()

    def wait(_query: str, _at: int) -> list[Sample]:
        begun.set()
        assert cancelled.wait(10)
        raise Cancelled("stopped")

    house.file(rule_file())
    house.answers.say = wait
    monkeypatch.setattr(house.answers, "cancel", cancelled.set)
    house.ruler.look()
    assert begun.wait(10)
    house.ruler.close()
    assert house.states() == []
    assert house.metric("wardlight_rule_evaluations_total", rule_group="a.yml;g") == 0
