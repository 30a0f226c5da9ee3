"""Heartbeats as they are kept and watched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.heartbeats.conftest import SLUG, House

from wardlight.clock import moment
from wardlight.heartbeats import Definition
from wardlight.heartbeats.service import KEPT
from wardlight.problems import BadInput, Busy, Conflict, NotFound

FILE = '[from-file]\nevery = "1h"\ngrace = "10m"\n'


def test_silence_raises_an_alert_once_and_tells_it_again_each_minute(house: House) -> None:
    house.add()
    house.heartbeats.ping(SLUG, "success")
    house.wait(69 * 60)
    assert house.told == []
    house.wait(60)
    (notice,) = house.told
    assert notice.labels == {
        "alertname": "HeartbeatMissed",
        "heartbeat": SLUG,
        "severity": "warning",
        "category": "outage",
    }
    assert notice.annotations["summary"].startswith("nightly: silent: last heard at 2026-01-01 00:00:00 UTC, due at")
    assert moment(notice.starts_ns) == moment(0) + timedelta(seconds=1767225600 + 70 * 60)
    house.wait(120)
    assert len(house.told) == 3
    assert {each.starts_ns for each in house.told} == {notice.starts_ns}


def test_each_notice_holds_until_long_after_the_next(house: House) -> None:
    house.add()
    house.wait(3600 * 2)
    for earlier, later in zip(house.told, house.told[1:], strict=False):
        assert earlier.ends_ns - later.ends_ns == -60 * 10**9
        assert earlier.ends_ns > later.ends_ns - 4 * 60 * 10**9


def test_a_ping_ends_the_alert_and_its_end_is_told_for_a_while(house: House) -> None:
    house.add()
    house.wait(71 * 60)
    assert house.firing() == [SLUG]
    house.heartbeats.ping(SLUG, "success")
    house.wait(1, step=1)
    assert house.firing() == []
    assert house.told[-1].annotations == house.told[-2].annotations
    house.wait(20 * 60)
    ends = [notice for notice in house.told if notice.ends_ns < house.clock.now_ns()]
    told = len(house.told)
    assert len(ends) > 10
    house.wait(10 * 60)
    assert len(house.told) == told


def test_a_failure_raises_at_once(house: House) -> None:
    house.add()
    house.heartbeats.ping(SLUG, "fail", exit_code=3)
    house.watch.look()
    assert (
        house.told[-1].annotations["summary"] == "nightly: reported a failure at 2026-01-01 00:00:00 UTC, exit code 3"
    )


def test_what_happens_is_logged(house: House) -> None:
    house.add()
    house.heartbeats.ping(SLUG, "fail")
    house.watch.look()
    house.heartbeats.ping(SLUG, "success")
    house.watch.look()
    assert [(name, more["event.outcome"]) for name, _, more in house.logged] == [
        ("heartbeat", "failure"),
        ("heartbeat", "success"),
    ]
    assert house.logged[1][1] == "nightly is up"


def test_after_a_restart_the_alert_goes_on_as_the_same(house: House) -> None:
    house.add()
    house.wait(71 * 60)
    before = house.told[-1]
    house.restart(away=10)
    assert house.told[-1].starts_ns == before.starts_ns
    assert house.told[-1].labels == before.labels


def test_an_alert_whose_end_came_while_we_were_away_ends(house: House) -> None:
    house.add()
    house.wait(71 * 60)
    house.heartbeats.ping(SLUG, "success")
    house.restart(away=5)
    assert house.firing() == []


def test_timers_outlive_a_restart(house: House) -> None:
    house.add()
    house.heartbeats.ping(SLUG, "success")
    house.wait(69 * 60)
    house.restart(away=59)
    assert house.state_of() == "grace"
    house.wait(1, step=1)
    assert house.firing() == [SLUG]


def test_what_came_due_while_we_were_away_gets_its_grace_again(house: House) -> None:
    house.add()
    house.heartbeats.ping(SLUG, "success")
    house.wait(60)
    house.restart(away=3 * 3600)
    assert (house.state_of(), house.firing()) == ("grace", [])
    house.wait(590)
    assert house.firing() == []
    house.wait(30)
    assert house.firing() == [SLUG]


def test_a_clock_that_was_set_raises_nothing_and_hides_nothing(house: House) -> None:
    for hours in (-30, 50, -3):
        house.heartbeats.add(f"job-{hours + 100}", Definition(every="1h", grace="10m"))
        house.wait(60)
        house.clock.set_wall(house.clock.now_ns() + hours * 3600 * 10**9)
        house.watch.look()
        assert house.firing() == []
    for at in (70, 150, 97):
        house.heartbeats.ping(f"job-{at}", "success")
    house.wait(69 * 60)
    assert house.firing() == []
    house.wait(2 * 60)
    assert len(house.firing()) == 3


def test_a_clock_that_was_set_back_while_we_were_away_makes_nobody_deaf(house: House) -> None:
    house.add()
    house.heartbeats.ping(SLUG, "success")
    house.watch.look()
    house.restart(away=-300 * 3600)
    house.wait(71 * 60)
    assert house.firing() == [SLUG]


def test_a_paused_one_raises_nothing_and_its_alert_ends(house: House) -> None:
    house.add()
    house.wait(71 * 60)
    house.heartbeats.pause(SLUG)
    house.watch.look()
    assert (house.firing(), house.state_of(), house.metric("up")) == ([], "paused", None)
    house.wait(24 * 3600, step=600)
    house.heartbeats.resume(SLUG)
    assert house.state_of() == "new"


def test_a_removed_one_leaves_no_alert(house: House) -> None:
    house.add()
    house.wait(71 * 60)
    house.heartbeats.remove(SLUG)
    house.watch.look()
    assert house.firing() == []
    with pytest.raises(NotFound):
        house.heartbeats.ping(SLUG, "success")


def test_a_slug_is_taken_once(house: House) -> None:
    house.add()
    with pytest.raises(Conflict, match="there is a heartbeat nightly"):
        house.add()
    with pytest.raises(BadInput):
        house.add(slug="x")


def test_their_number_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wardlight.heartbeats.service.MAX_HEARTBEATS", 2)
    house.add(slug="one")
    house.add(slug="two")
    with pytest.raises(Busy):
        house.add(slug="three")


def test_the_newest_pings_are_kept(house: House) -> None:
    house.add()
    for _ in range(KEPT + 5):
        house.heartbeats.ping(SLUG, "success")
    found = house.heartbeats.get(SLUG)
    assert (found.pings, len(found.history), found.history[0].number) == (KEPT + 5, KEPT, KEPT + 5)


def test_pings_at_once_are_all_counted(house: House) -> None:
    house.add()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: house.heartbeats.ping(SLUG, "success"), range(64)))
    assert house.heartbeats.get(SLUG).pings == 64


def test_metrics_say_how_each_stands(house: House) -> None:
    house.add()
    house.watch.look()
    assert (house.metric("up"), house.metric("last_ping_timestamp_seconds")) == (1, None)
    house.heartbeats.ping(SLUG, "start")
    house.clock.advance(5)
    house.heartbeats.ping(SLUG, "success")
    house.watch.look()
    assert house.metric("last_ping_timestamp_seconds") == house.clock.now_ns() / 1e9
    assert house.metric("duration_seconds") == 5
    house.heartbeats.ping(SLUG, "fail")
    house.watch.look()
    assert house.metric("up") == 0


def test_the_file_defines_some_and_is_read_again(house: House) -> None:
    (house.data / "heartbeats.toml").write_text(FILE)
    house.add()
    house.watch.look()
    assert [(each.slug, each.origin) for each in house.heartbeats.listed()] == [("from-file", "file"), (SLUG, "hand")]
    (house.data / "heartbeats.toml").write_text(FILE + '\n[another]\nevery = "1d"\n')
    house.watch.look()
    assert [each.slug for each in house.heartbeats.listed()] == ["another", "from-file", SLUG]
    (house.data / "heartbeats.toml").unlink()
    house.watch.look()
    assert [each.slug for each in house.heartbeats.listed()] == [SLUG]


def test_a_broken_file_leaves_what_was(house: House) -> None:
    (house.data / "heartbeats.toml").write_text(FILE)
    house.watch.look()
    (house.data / "heartbeats.toml").write_text("[from-file]\nevery = 'soon'\n")
    house.watch.look()
    assert house.watch.fault.startswith("heartbeats.toml:2: from-file: every: 'soon'")
    assert house.registry.get_sample_value("wardlight_heartbeat_file_broken") == 1
    assert house.heartbeats.get("from-file").schedule == "every 1h"


def test_one_of_the_file_is_removed_there(house: House) -> None:
    (house.data / "heartbeats.toml").write_text(FILE)
    house.watch.look()
    with pytest.raises(Conflict, match="remove it there"):
        house.heartbeats.remove("from-file")


def test_a_new_schedule_begins_when_it_is_read_but_a_failure_stays(house: House) -> None:
    (house.data / "heartbeats.toml").write_text(FILE + '[failing]\nevery = "1h"\n')
    house.watch.look()
    house.heartbeats.ping("from-file", "success")
    house.heartbeats.ping("failing", "fail")
    house.wait(30 * 60)
    (house.data / "heartbeats.toml").write_text('[from-file]\nevery = "2m"\ngrace = "1m"\n[failing]\nevery = "2m"\n')
    house.watch.look()
    assert (house.state_of("from-file"), house.state_of("failing")) == ("new", "down")
    house.wait(4 * 60)
    assert house.state_of("from-file") == "down"
