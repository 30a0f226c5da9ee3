"""Rule files: what is taken, what is refused and at which line, and that nothing else ever happens."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from wardlight.cli import main
from wardlight.problems import BadConfig
from wardlight.rules import files
from wardlight.rules.model import AlertRule, Group, RecordingRule
from wardlight.rules.text import Text

MINUTE = 60 * 10**9

GOOD = """
groups:
  - name: log-ins
    interval: 1m30s
    limit: 100
    query_offset: 10s
    labels: {team: security, severity: info}
    rules:
      - alert: FailedLogins
        expr: |
          sum by (service_name) (count_over_time({kind="security"} |= "denied" [5m]))
            > 20
        for: 2m
        keep_firing_for: 10m
        labels:
          severity: warning
          level: 3
        annotations:
          summary: "{{ $value }} in {{ $labels.service_name }}"
          user_id: an annotation may be called anything
      - record: service:lines:rate5m
        expr: sum by (service_name) (rate({kind="application"}[5m]))
  - name: nothing yet
"""


def read(text: str) -> tuple[Group, ...]:
    return files.read(text.encode(), "a.yml", MINUTE)


def faults(text: str) -> str:
    with pytest.raises(BadConfig) as refused:
        read(text)
    return str(refused.value)


def test_a_file_is_read_as_prometheus_would() -> None:
    first, second = read(GOOD)
    assert first == Group(
        file="a.yml",
        name="log-ins",
        interval_ns=90 * 10**9,
        limit=100,
        offset_ns=10 * 10**9,
        rules=(
            AlertRule(
                name="FailedLogins",
                expr='sum by (service_name) (count_over_time({kind="security"} |= "denied" [5m]))\n  > 20\n',
                hold_ns=2 * MINUTE,
                keep_ns=10 * MINUTE,
                labels={"team": Text("security"), "severity": Text("warning"), "level": Text("3")},
                annotations={
                    "summary": Text("{{ $value }} in {{ $labels.service_name }}"),
                    "user_id": Text("an annotation may be called anything"),
                },
            ),
            RecordingRule(
                name="service:lines:rate5m",
                expr='sum by (service_name) (rate({kind="application"}[5m]))',
                labels={"team": "security", "severity": "info"},
            ),
        ),
    )
    assert second == Group(file="a.yml", name="nothing yet", interval_ns=MINUTE, rules=())


@pytest.mark.parametrize("text", ["", "# nothing", "groups:", "groups: []", "---\ngroups: []\n..."])
def test_a_file_may_be_empty(text: str) -> None:
    assert read(text) == ()


RULES = "groups:\n- name: g\n  rules:\n"
METRIC = 'sum(rate({a="b"}[5m]))'
REFUSED = [
    ("groups: 3", "a.yml:1: groups must be a list"),
    ("- a", "a.yml:1: the file must be a mapping"),
    ("\ngrups: []", "a.yml:2: the file: unknown field 'grups'"),
    ("groups: []\ngroups: []", "a.yml:2: the file: 'groups' stands twice"),
    ("groups:\n- [", "a.yml:2: not valid YAML: expected the node content"),
    ("groups:\n- \x07", "a.yml:2: a character that YAML doesn't allow"),
    ("groups:\n- *a", "a.yml:2: not valid YAML: found undefined alias"),
    ("groups: &a [*a]", "a.yml:1: a group must be a mapping"),
    ("[" * 5000, "a.yml:1: not valid YAML"),
    ("groups: []\n---\ngroups: []", "a.yml:2: not valid YAML: but found another document"),
    ("groups:\n- rules: []", "a.yml:2: a group must have a name"),
    ("groups:\n- name: g\n- name: g", 'a.yml:3: group "g" is repeated in the same file'),
    ("groups:\n- name: g\n  source: x", "a.yml:3: a group: unknown field 'source'"),
    ("groups:\n- name: g\n  interval: fast", 'a.yml:3: interval: not a valid duration string: "fast"'),
    ("groups:\n- name: g\n  limit: -1", "a.yml:3: limit: not a whole number"),
    ("groups:\n- name: g\n  rules: {}", "a.yml:3: rules must be a list"),
    (RULES + "  - expr: vector(1)", "a.yml:4: group \"g\", rule 1: one of 'record' or 'alert' must be set"),
    (RULES + "  - {alert: A, record: b, expr: vector(1)}", "only one of 'record' and 'alert' may be set"),
    (RULES + "  - alert: A", 'a.yml:4: group "g", rule 1, "A": field \'expr\' must be set'),
    (RULES + "  - alert: [A]", "a.yml:4: alert must be text"),
    (RULES + "  - alert: A\n    expr: vector(1)\n    when: 1m", "a.yml:6: group \"g\", rule 1: unknown field 'when'"),
    (RULES + "  - alert: A\n    expr: '{a=\"b\"}'", 'a.yml:5: group "g", rule 1, "A": could not parse expression'),
    (RULES + "  - alert: A\n    expr: vector(1\n", "parse error at line 1, col 9: syntax error: unexpected $end"),
    (RULES + "  - alert: A\n    expr: |\n      vector(\n        oh\n      )", "a.yml:7:"),
    (RULES + "  - alert: A\n    expr: vector(1)\n    for: long", "a.yml:6: for: not a valid duration"),
    (RULES + "  - alert: A\n    expr: vector(1)\n    labels: {a-b: c}", "a.yml:6: labels: 'a-b' is no valid name"),
    (RULES + "  - alert: A\n    expr: vector(1)\n    labels: {__name__: c}", "'__name__' is no valid name"),
    (RULES + "  - alert: A\n    expr: vector(1)\n    labels: {a: [c]}", "labels: 'a' must be text"),
    (RULES + "  - alert: A\n    expr: vector(1)\n    labels: {a: '{{ oh }}'}", 'template of a: function "oh"'),
    (RULES + "  - alert: A\n    expr: vector(1)\n    labels: {a: '{{ query `x` }}'}", 'function "query" not defined'),
    (RULES + "  - alert: A\n    expr: vector(1)\n    annotations: {a: '{{ $x }}'}", 'undefined variable "$x"'),
    (RULES + "  - record: a b\n    expr: vector(1)", "invalid recording rule name"),
    (RULES + "  - record: wardlight_up\n    expr: vector(1)", "wardlight_, process_ and python_ are our own metrics"),
    (RULES + "  - record: a\n    expr: vector(1)\n    for: 1m", "a.yml:6: "),
    (RULES + "  - record: a\n    expr: vector(1)\n    for: 1m", "invalid field 'for' in recording rule"),
    (RULES + "  - {record: a, expr: vector(1)}\n  - {record: a, expr: vector(2)}", "a.yml:5: "),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_wrong_is_said_with_its_line(text: str, reason: str) -> None:
    assert reason in faults(text)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    text = RULES + "  - {alert: A}\n  - {record: b}\n  - {alert: C, expr: vector(1), for: x}\n- name: g"
    assert [line.split(":")[1] for line in faults(text).splitlines()] == ["4", "5", "6", "7"]


@pytest.mark.parametrize(
    "expr",
    [
        'sum by (user_id) (rate({a="b"}[5m]))',
        'topk(3, sum by (app, health_patient_id) (rate({a="b"}[5m]))) > 1',
        'max_over_time({a="b"} | unwrap took [5m]) by (session_id)',
        'label_replace(vector(1), "patient_id", "x", "a", "b")',
        'sum by (app) (rate({a="b"}[5m])) / on (app) group_left (user) sum by (app, user) (rate({a="b"}[5m]))',
    ],
)
def test_a_result_that_leads_to_a_person_is_refused(expr: str) -> None:
    assert "which leads to a person" in faults(f"{RULES}  - alert: A\n    expr: |\n      {expr}")


def test_people_may_be_counted() -> None:
    assert read(f'{RULES}  - alert: A\n    expr: count(sum by (user_id) (rate({{a="b"}}[5m]))) > 20')


@pytest.mark.parametrize("label", ["user_id", "health_patient_id", "client_address"])
def test_a_label_that_leads_to_a_person_is_refused(label: str) -> None:
    text = f"{RULES}  - alert: A\n    expr: vector(1)\n    labels: {{{label}: x}}"
    assert f"a.yml:6: labels: {label} leads to a person" in faults(text)


def test_a_file_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadConfig, match=f"larger than {files.MAX_BYTES} bytes"):
        files.read(b"#" * (files.MAX_BYTES + 1), "a.yml", MINUTE)
    monkeypatch.setattr(files, "MAX_RULES", 2)
    assert "a.yml:6: more than 2 rules" in faults(RULES + "  - {alert: A, expr: vector(1)}\n" * 3)


@given(st.binary())
def test_any_bytes_are_rules_or_a_bad_config(content: bytes) -> None:
    try:
        files.read(content, "a.yml", MINUTE)
    except BadConfig as problem:
        assert str(problem).startswith("a.yml:")


_NODES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from(["alert", "expr", METRIC, "1m", "{{ $value }}"]),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(
                ["groups", "name", "rules", "alert", "record", "expr", "for", "labels", "annotations", "limit"]
            )
            | st.text(),
            inner,
        )
    ),
    max_leaves=20,
)


@given(_NODES)
def test_any_tree_is_rules_or_a_bad_config(node: object) -> None:
    for tree in (node, {"groups": node}, {"groups": [{"name": "g", "rules": node}]}):
        try:
            files.read(json.dumps(tree).encode(), "a.yml", MINUTE)
        except BadConfig as problem:
            assert str(problem).startswith("a.yml:")


def test_any_damage_to_a_good_file_is_rules_or_a_bad_config() -> None:
    chance = random.Random(4)
    for _ in range(300):
        damaged = bytearray(GOOD.encode())
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(damaged))
            match chance.randrange(3):
                case 0:
                    damaged[at] = chance.randrange(256)
                case 1:
                    del damaged[at : at + chance.randint(1, 20)]
                case _:
                    damaged[at:at] = damaged[chance.randrange(len(damaged)) :][: chance.randint(1, 20)]
        try:
            files.read(bytes(damaged), "a.yml", MINUTE)
        except BadConfig as problem:
            assert str(problem).startswith("a.yml:")


def check(*paths: Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["check", "rules", *map(str, paths)])
    return done.exit_code, done.stdout, done.stderr


def test_the_command_line_checks_files(tmp_path: Path) -> None:
    (good := tmp_path / "good.yml").write_text(GOOD)
    (bad := tmp_path / "bad.yml").write_text(RULES + "  - {alert: A}")
    assert check(good) == (0, f"{good}: 2 groups, 2 rules, all well\n", "")
    code, said, wrong = check(good, bad)
    assert code == BadConfig.exit_code
    assert said == f"{good}: 2 groups, 2 rules, all well\n"
    assert wrong == f'{bad}:4: group "g", rule 1, "A": field \'expr\' must be set\n'
