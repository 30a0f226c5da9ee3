"""Where alerts go, asked of Alertmanager's own tool."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from wardlight.config import Stack
from wardlight.problems import BadConfig
from wardlight.stack import render
from wardlight.stack.programs import find

WEBHOOK = "http://127.0.0.1:8480/api/v1/alertmanager"
CLIENT = {"authorization": {"credentials_file": "wardlight.token"}}
CONTACTS = (
    Stack(),
    Stack(emergency="https://hooks.example/wardlight"),
    Stack(emergency="ward@clinic.example", smtp="smtps://me%40clinic.example:pass%20word@mail.clinic.example:465"),
    Stack(emergency="ward@clinic.example", smtp="smtp://127.0.0.1"),
)
NAMES = {
    rule["alert"]
    for file in render.rule_files()
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


def written(tmp_path: Path, stack: Stack) -> Path:
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(render.alertmanager(WEBHOOK, stack, CLIENT), sort_keys=False))
    return path


def emergency(stack: Stack) -> dict[str, Any]:
    return next(one for one in render.alertmanager(WEBHOOK, stack, CLIENT)["receivers"] if one["name"] == "emergency")


@pytest.mark.stack
@pytest.mark.parametrize("stack", CONTACTS, ids=["nobody", "webhook", "mail", "local mail"])
def test_what_is_written_is_valid(tmp_path: Path, stack: Stack) -> None:
    command = [str(find("amtool")), "check-config", str(written(tmp_path, stack))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.stack
@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (("alertname=DatabaseDown", "severity=critical", "category=outage"), "wardlight"),
        (("alertname=FailedLogins", "severity=warning", "category=security"), "wardlight"),
        (("alertname=FeatureDeployed", "severity=info", "category=change"), "wardlight"),
        (("alertname=Anything",), "wardlight"),
        (("alertname=WardlightDown", "severity=critical"), "emergency"),
        (("alertname=Watchdog", "severity=info"), "emergency,wardlight"),
    ],
)
def test_an_alert_goes_where_it_should(tmp_path: Path, labels: tuple[str, ...], receivers: str) -> None:
    file = f"--config.file={written(tmp_path, CONTACTS[1])}"
    command = [str(find("amtool")), "config", "routes", "test", file, *labels]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == receivers


def test_a_mail_goes_by_the_server_that_is_named() -> None:
    [mail] = emergency(CONTACTS[2])["email_configs"]
    assert mail["smarthost"] == "mail.clinic.example:465"
    assert (mail["to"], mail["from"]) == ("ward@clinic.example", "me@clinic.example")
    assert (mail["auth_username"], mail["auth_password"]) == ("me@clinic.example", "pass word")
    assert mail["require_tls"]


def test_a_mail_without_account_is_from_wardlight_and_asks_for_no_password() -> None:
    [mail] = emergency(CONTACTS[3])["email_configs"]
    assert (mail["from"], mail["smarthost"], mail["require_tls"]) == ("wardlight@127.0.0.1", "127.0.0.1:25", False)
    assert "auth_password" not in mail


@pytest.mark.parametrize(
    ("stack", "setting"),
    [
        (Stack(emergency="ward@clinic.example"), "stack.smtp"),
        (Stack(emergency="ward@clinic.example", smtp="mail.clinic.example:25"), "stack.smtp"),
        (Stack(emergency="ftp://clinic.example"), "stack.emergency"),
        (Stack(emergency="somebody"), "stack.emergency"),
    ],
)
def test_a_contact_that_can_not_be_told_is_refused(stack: Stack, setting: str) -> None:
    with pytest.raises(BadConfig, match=setting):
        render.alertmanager(WEBHOOK, stack, CLIENT)


def test_people_get_a_sign_of_life_a_day_and_machines_one_a_minute() -> None:
    def repeated(stack: Stack) -> str:
        return str(render.alertmanager(WEBHOOK, stack, CLIENT)["route"]["routes"][0]["repeat_interval"])

    assert [repeated(stack) for stack in CONTACTS[1:3]] == ["50s", "24h"]


def test_what_follows_from_a_cause_is_named_as_the_rules_name_it() -> None:
    for cause, effects in render._INHIBITED.items():
        assert {cause, *effects.split("|")} <= NAMES


def test_no_two_alerts_silence_each_other() -> None:
    for cause, effects in render._INHIBITED.items():
        for effect in effects.split("|"):
            assert cause not in render._INHIBITED.get(effect, "").split("|")
