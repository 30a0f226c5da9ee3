"""Templates of labels and annotations: a table that Prometheus itself agrees with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from wardlight.rules.text import Text

PROMTOOL = shutil.which("promtool")
LABELS = {"app": "portal", "host": "db1.clinic.example:5432", "address": "10.0.0.1:80"}

TABLE = [
    (1.5, "{{ $value }} in {{ $labels.app }}", "1.5 in portal"),
    (1234567.0, "{{ $value }}, {{ .Value }}", "1.234567e+06, 1.234567e+06"),
    (0.00001234, "{{ $value }}", "1.234e-05"),
    (3.0, "[{{ $labels.absent }}{{ $externalLabels.x }}]", "[]"),
    (3.0, "{{ range $name, $it := $labels }}{{ $name }}={{ $it }} {{ end }}", None),
    (3.0, '{{ if gt $value 2.0 }}many{{ else }}few{{ end }} {{ printf "%.2f" $value }}', "many 3.00"),
    (3.0, '{{ with $x := index $labels "app" }}{{ $x | toUpper }}{{ end }}', "PORTAL"),
    (1234567.0, "{{ humanize $value }} {{ humanize1024 $value }}", "1.235M 1.177Mi"),
    (1234567.0, "{{ humanizeDuration $value }} {{ humanizeDuration -3661.0 }}", "14d 6h 56m 7s -1h 1m 1s"),
    (999.0, "{{ humanize $value }} {{ humanize1024 $value }} {{ $value | humanizeDuration }}", "999 999 16m 39s"),
    (0.00123, "{{ humanize $value }} {{ humanize1024 $value }}", "1.23m 0.00123"),
    (0.00123, "{{ humanizeDuration $value }} {{ humanizeDuration 59.5 }} {{ humanizeDuration 0 }}", "1.23ms 59.5s 0s"),
    (0.2564, "{{ humanizePercentage $value }} {{ humanizePercentage `NaN` }}", "25.64% NaN%"),
    (1.0, "{{ humanize `-Inf` }} {{ humanize `1e3` }}", "-Inf 1k"),
    (1435065584.128, "{{ humanizeTimestamp $value }}", "2015-06-23 13:19:44.128 +0000 UTC"),
    (1435065584.0, "{{ (toTime $value).Year }} {{ parseDuration `1h30m` }}", "2015 5400"),
    (1.0, "{{ title `two words` }} {{ toLower `ABC` }} {{ safeHtml `<b>` }}", "Two Words abc <b>"),
    (1.0, '{{ match "^por" $labels.app }} {{ reReplaceAll "p(o)r" "$1-" $labels.app }}', "true o-tal"),
    (1.0, "{{ stripPort $labels.host }} {{ stripDomain $labels.host }}", "db1.clinic.example db1:5432"),
    (1.0, "{{ stripPort $labels.address }} {{ stripDomain $labels.address }}", "10.0.0.1 10.0.0.1:80"),
    (1.0, "{{ stripPort `[::1]:80` }} {{ stripPort `::1` }} {{ stripDomain `a.b` }}", "::1 ::1 a"),
]


@pytest.mark.parametrize(("value", "template", "shown"), TABLE, ids=range(len(TABLE)))
def test_a_template_is_filled_in_as_prometheus_does(value: float, template: str, shown: str | None) -> None:
    found = Text(template).render(LABELS, value, "http://x")
    assert found == (shown or "address=10.0.0.1:80 app=portal host=db1.clinic.example:5432 ")


@pytest.mark.stack
@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_prometheus_agrees_with_the_table(tmp_path: Path) -> None:
    rules, tests = [], []
    labels = ",".join(f'{name}="{value}"' for name, value in LABELS.items())
    for at, (value, template, shown) in enumerate(TABLE):
        if shown is None:  # Prometheus has the alert's name among these labels
            continue
        rules.append({"alert": f"A{at}", "expr": f"m{at} != 0", "annotations": {"it": template}})
        expected = [{"exp_labels": LABELS, "exp_annotations": {"it": shown}}]
        alerts = [{"eval_time": "1m", "alertname": f"A{at}", "exp_alerts": expected}]
        series = [{"series": f"m{at}{{{labels}}}", "values": f"{value!r}x2"}]
        tests.append({"interval": "1m", "input_series": series, "alert_rule_test": alerts})
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": tests}))
    command = [str(PROMTOOL), "test", "rules", "test.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ index $labels 1 }}", "error calling index"),
        ("{{ humanize $labels }}", "can't convert Labels to float"),
        ("{{ humanize `x` }}", "invalid syntax"),
        ("{{ match `(` `x` }}", "error parsing regexp"),
        ("{{ parseDuration `x` }}", "not a valid duration"),
        ("{{ toTime 1e300 }}", "cannot be represented as a timestamp"),
        ("{{ toUpper 1 }}", "error calling toUpper"),
        ("{{ humanize }}", "wrong number of args"),
    ],
)
def test_a_failure_becomes_the_text(template: str, reason: str) -> None:
    found = Text(template).render(LABELS, 1.0, "")
    assert found.startswith("<error expanding template: ")
    assert reason in found
