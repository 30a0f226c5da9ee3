from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from wardlight.config import Platform, Settings, Stack
from wardlight.stack import plan, render
from wardlight.stack.layout import Layout
from wardlight.stack.programs import find

ROOT = Path(__file__).parents[2]
RULES = [
    rule
    for file in render.rule_files()
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
pytestmark = pytest.mark.stack


def rendered(tmp_path: Path, settings: Settings, *, demo: bool = False) -> Layout:
    layout = Layout(tmp_path)
    layout.make()
    render.render(plan.parts(settings, layout, demo=demo), settings, layout, demo=demo)
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


@pytest.fixture(scope="module")
def alertmanager_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = rendered(tmp_path_factory.mktemp("data"), Settings())
    return layout.room("alertmanager") / "alertmanager.yml"


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("alertname=DatabaseDown", "severity=critical"), "wardlight"),
        (("alertname=HighCPU", "severity=warning"), "wardlight"),
        (("alertname=Anything",), "wardlight"),
        (("alertname=WardlightDown", "severity=critical"), "emergency"),
        (("alertname=Watchdog", "severity=info"), "emergency,wardlight"),
    ],
)
def test_an_alert_goes_where_it_should(alertmanager_file: Path, labels: tuple[str, ...], receiver: str) -> None:
    command = [str(find("amtool")), "config", "routes", "test", f"--config.file={alertmanager_file}", *labels]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == receiver


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_says_how_bad_it_is_and_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["labels"]["category"]
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    anchors = {heading.lower() for heading in re.findall(r"^## (\w+)$", (ROOT / page).read_text(), re.MULTILINE)}
    assert anchor in anchors


@pytest.mark.parametrize("file", sorted((Path(__file__).parent / "rules").glob("*.yml")), ids=lambda file: file.stem)
def test_rules_fire_when_they_should_and_only_then(file: Path) -> None:
    done = subprocess.run([str(find("promtool")), "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
