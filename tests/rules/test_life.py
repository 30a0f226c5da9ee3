"""The life of an alert: a table that Prometheus itself agrees with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.rules.conftest import MINUTE

from wardlight.problems import BadInput
from wardlight.rules import life
from wardlight.rules.model import Alert, AlertRule, RecordingRule, Sample
from wardlight.rules.text import Text

PROMTOOL = shutil.which("promtool")

TABLE = [
    # for, keep_firing_for (minutes); minute by minute: is the series there, and what is its alert (i: resolved)
    (0, 0, "0110", "-ffi"),
    (0, 0, "1011", "fiff"),
    (2, 0, "111111", "ppffff"),
    (2, 0, "11011111", "pp-ppfff"),
    (3, 0, "1110", "ppp-"),
    (1, 0, "11001", "pfiip"),
    (1, 2, "11000011", "pfffiipf"),
    (0, 3, "1001001", "fffffff"),
    (0, 3, "10000", "ffffi"),
    (2, 2, "1010111", "p-p-ppf"),
    (0, 0, "1" + "0" * 18, "f" + "i" * 16 + "--"),
]
LETTERS = {"p": "pending", "f": "firing", "i": "inactive"}


def lives(hold: int, keep: int, there: str) -> str:
    """Follow one alert minute by minute."""
    rule = AlertRule(name="A", expr="", hold_ns=hold * MINUTE, keep_ns=keep * MINUTE)
    alerts: dict[str, Alert] = {}
    states = ""
    for minute, present in enumerate(there):
        found = life.seen(rule, [Sample({"app": "x"}, 1.0)] if present == "1" else [], "")
        alerts = life.follow(rule, alerts, found, minute * MINUTE, 0)
        states += next((alert.state[0] for alert in alerts.values()), "-")
    return states


@pytest.mark.parametrize(("hold", "keep", "there", "states"), TABLE)
def test_an_alert_lives_as_the_table_says(hold: int, keep: int, there: str, states: str) -> None:
    assert lives(hold, keep, there) == states


@pytest.mark.stack
@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_prometheus_agrees_with_the_table(tmp_path: Path) -> None:
    rules, tests = [], []
    for at, (hold, keep, there, states) in enumerate(TABLE):
        rule: dict[str, Any] = {"alert": f"A{at}", "expr": f"m{at} > 0", "for": f"{hold}m"}
        rules.append(rule | ({"keep_firing_for": f"{keep}m"} if keep else {}))
        firing = [
            {"eval_time": f"{minute}m", "alertname": f"A{at}", "exp_alerts": [{}] if state == "f" else []}
            for minute, state in enumerate(states)
        ]
        series = [{"series": f"m{at}", "values": " ".join(there)}]
        tests.append({"interval": "1m", "input_series": series, "alert_rule_test": firing})
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    test = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    command = [str(PROMTOOL), "test", "rules", "test.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def follow(rule: AlertRule, *samples: Sample, limit: int = 0, had: dict[str, Alert] | None = None) -> list[Alert]:
    return list(life.follow(rule, had or {}, life.seen(rule, samples, "http://x"), MINUTE, limit).values())


def test_an_alert_has_the_labels_of_its_series_and_its_rule() -> None:
    rule = AlertRule(name="A", expr="", labels={"team": Text("{{ $labels.app }}-team"), "app": Text("")})
    (alert,) = follow(rule, Sample({"app": "x", "host": "h"}, 1.0))
    assert alert.labels == {"alertname": "A", "host": "h", "team": "x-team"}


def test_annotations_follow_the_latest_value() -> None:
    rule = AlertRule(name="A", expr="", annotations={"summary": Text("{{ $value | humanize }} of {{ $labels.app }}")})
    (before,) = follow(rule, Sample({"app": "x"}, 1500.0))
    key = life.stream_of(before.labels)
    (after,) = follow(rule, Sample({"app": "x"}, 2500.0), had={key: before})
    assert (before.annotations, after.annotations) == ({"summary": "1.5k of x"}, {"summary": "2.5k of x"})


def test_two_series_that_become_one_alert_are_refused() -> None:
    rule = AlertRule(name="A", expr="", labels={"app": Text("all")})
    with pytest.raises(BadInput, match="same labels"):
        follow(rule, Sample({"app": "x"}, 1.0), Sample({"app": "y"}, 1.0))


def test_a_label_that_leads_to_a_person_is_refused_without_its_value() -> None:
    with pytest.raises(BadInput, match="health_patient_id, which leads to a person") as refused:
        follow(AlertRule(name="A", expr=""), Sample({"health_patient_id": "4711"}, 1.0))
    assert "4711" not in str(refused.value)
    with pytest.raises(BadInput, match="user_id"):
        life.recorded(RecordingRule(name="m", expr=""), [Sample({"user_id": "7"}, 1.0)], 0)


def test_more_alerts_than_the_limit_are_too_many() -> None:
    samples = [Sample({"app": str(at)}, 1.0) for at in range(3)]
    assert len(follow(AlertRule(name="A", expr=""), *samples, limit=3)) == 3
    with pytest.raises(life.TooMany, match="exceeded limit of 2 with 3 alerts"):
        follow(AlertRule(name="A", expr=""), *samples, limit=2)
    with pytest.raises(life.TooMany, match="exceeded limit of 2 with 3 series"):
        life.recorded(RecordingRule(name="m", expr=""), samples, 2)


def alert(**values: Any) -> Alert:
    return Alert(**{"labels": {}, "annotations": {}, "value": 1.0, "active_ns": 0, "state": "firing"} | values)


@pytest.mark.parametrize(
    ("told", "due"),
    [
        (alert(state="pending"), False),
        (alert(), True),
        (alert(sent_ns=10 * MINUTE), False),
        (alert(sent_ns=9 * MINUTE), True),
        (alert(state="inactive", resolved_ns=10 * MINUTE, sent_ns=10 * MINUTE - 1), True),
        (alert(state="inactive", resolved_ns=10 * MINUTE, sent_ns=10 * MINUTE), False),
    ],
)
def test_alertmanager_is_told_each_minute_and_of_every_end_at_once(told: Alert, due: bool) -> None:
    assert life.is_due(told, 10 * MINUTE, MINUTE) is due


def test_time_that_nobody_watched_does_not_count() -> None:
    assert life.unwatched(alert(state="pending", active_ns=5), 100).active_ns == 105
    assert life.unwatched(alert(active_ns=5, fired_ns=6), 100) == alert(active_ns=5, fired_ns=6)
    assert life.unwatched(alert(absent_ns=7), 100).absent_ns == 107
