from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from wardlight.clock import ManualClock
from wardlight.config import Platform, Settings, Stack
from wardlight.rules.sources import SHIPPED
from wardlight.stack import plan, render
from wardlight.stack.keys import Keys
from wardlight.stack.layout import Layout
from wardlight.stack.programs import find

ROOT = Path(__file__).parents[2]
FILES = (*render.rule_files(), *sorted(SHIPPED.glob("*.yml")))
CELLS = {
    ("critical", "outage"): "WardlightDown DatabaseDown ApplicationDown ProbeFailed PatientRecordsUnreadable",
    ("warning", "outage"): "ExporterDown",
    ("critical", "security"): "LedgerVerificationFailed AuditRecordingStopped BruteForceSucceeded MassExport",
    ("critical", "data_access"): "RecordReadsFailing PermissionDenialsSurging",
    ("critical", "performance"): "ErrorBurst SloBurningFast",
    ("warning", "performance"): (
        "HighCPU HighMemory DiskFilling DatabaseConnectionsHigh SlowRequests SlowerThanUsual SloBurningSlowly"
    ),
    ("warning", "usage"): "UnusualActivity",
    ("warning", "security"): "FailedLogins OffHoursSurge NewAdministrator",
    ("info", "change"): "SystemUpdated MaintenanceWindow FeatureDeployed",
    ("info", "usage"): "UsageDigest",
}
"""What the platform must be told of, by severity and category: outages, breaches, access and performance; resources,
unusual activity, concerns and degradation; updates, maintenance, usage and deployments."""
RULES = [
    rule
    for file in FILES
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
pytestmark = pytest.mark.stack


def rendered(tmp_path: Path, settings: Settings, *, demo: bool = False) -> Layout:
    layout = Layout(tmp_path)
    layout.make()
    let_in = Keys(layout, settings.server, None if demo else lambda part: f"wl_{part}", ManualClock())
    render.render(plan.parts(settings, layout, demo=demo), settings, layout, let_in, demo=demo)
    return layout


def jobs(layout: Layout) -> dict[str, list[str]]:
    config = yaml.safe_load((layout.room("prometheus") / "prometheus.yml").read_text())
    return {
        job["job_name"]: [target for static in job["static_configs"] for target in static["targets"]]
        for job in config["scrape_configs"]
    }


def test_the_demo_is_watched_from_all_sides(tmp_path: Path) -> None:
    watched = jobs(rendered(tmp_path, Settings(), demo=True))
    assert set(watched) == {
        "wardlight", "application", "postgres", "canary", "probe", "node", "blackbox", "prometheus", "alertmanager",
    }  # fmt: skip
    assert watched["canary"] == ["http://127.0.0.1:8490/canary"]


def test_a_platform_without_database_has_no_job_for_it(tmp_path: Path) -> None:
    settings = Settings(platform=Platform(metrics=("app:80", "app:81")))
    watched = jobs(rendered(tmp_path, settings))
    assert watched["application"] == ["app:80", "app:81"]
    assert "postgres" not in watched
    assert "canary" not in watched


def test_an_alertmanager_elsewhere_is_sent_the_alerts(tmp_path: Path) -> None:
    layout = rendered(tmp_path, Settings(stack=Stack(alertmanager="https://alerts.example/am")))
    config = yaml.safe_load((layout.room("prometheus") / "prometheus.yml").read_text())
    assert config["alerting"]["alertmanagers"] == [
        {"scheme": "https", "path_prefix": "/am", "static_configs": [{"targets": ["alerts.example"]}]}
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_says_how_bad_it_is_and_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["labels"]["category"] in {"outage", "security", "data_access", "performance", "usage", "change"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    anchors = {heading.lower() for heading in re.findall(r"^## (\w+)$", (ROOT / page).read_text(), re.MULTILINE)}
    assert anchor in anchors


@pytest.mark.parametrize(("cell", "names"), CELLS.items(), ids=map(" ".join, CELLS))
def test_everything_that_must_be_told_has_its_rules(cell: tuple[str, str], names: str) -> None:
    found = {rule["alert"] for rule in RULES if (rule["labels"]["severity"], rule["labels"]["category"]) == cell}
    assert set(names.split()) <= found


def test_every_page_of_the_alerts_has_its_rule() -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs/alerts.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted({rule["alert"] for rule in RULES})


def test_only_the_demo_has_the_rules_of_the_demo(tmp_path: Path) -> None:
    def rules(name: str, *, demo: bool) -> set[str]:
        (tmp_path / name).mkdir()
        layout = rendered(tmp_path / name, Settings(), demo=demo)
        return {path.name for path in (layout.room("prometheus") / "rules").iterdir()}

    assert rules("demo", demo=True) - rules("real", demo=False) == {"demo.yml"}


@pytest.mark.parametrize("file", sorted((Path(__file__).parent / "rules").glob("*.yml")), ids=lambda file: file.stem)
def test_rules_fire_when_they_should_and_only_then(file: Path) -> None:
    done = subprocess.run([str(find("promtool")), "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
