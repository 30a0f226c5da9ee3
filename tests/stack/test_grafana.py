"""What Grafana finds in its room. It can't be started here: its files are read back as it would."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from wardlight import dashboards
from wardlight.config import Server, Settings
from wardlight.stack import grafana, plan
from wardlight.stack.layout import Layout

PARTS = {
    part.name: part
    for part in (
        plan.Part(name="prometheus", address="127.0.0.1:9090"),
        plan.Part(name="alertmanager", address="https://alerts.example.org/am"),
        plan.Part(name="wardlight", address="127.0.0.1:8480"),
    )
}
LET_IN = {
    "authorization": {"credentials_file": "wardlight.token"},
    "tls_config": {"ca_file": "wardlight.pem", "server_name": "wardlight.test"},
}


@pytest.fixture
def room(tmp_path: Path) -> Path:
    grafana.provision(tmp_path, PARTS, {})
    return tmp_path


def written(room: Path, kind: str) -> Any:
    return yaml.safe_load((room / "provisioning" / kind / "wardlight.yaml").read_text())


def test_the_data_sources_have_the_uids_that_the_boards_name(room: Path) -> None:
    found = {source["uid"]: source for source in written(room, "datasources")["datasources"]}
    assert {uid: (source["type"], source["url"]) for uid, source in found.items()} == {
        "prometheus": ("prometheus", "http://127.0.0.1:9090"),
        "wardlight-logs": ("loki", "http://127.0.0.1:8480"),
        "alertmanager": ("alertmanager", "https://alerts.example.org/am"),
    }
    assert [uid for uid, source in found.items() if source.get("isDefault")] == ["prometheus"]
    assert not any(source["editable"] for source in found.values())


def test_in_the_demo_no_token_is_sent(room: Path) -> None:
    assert "secureJsonData" not in (room / "provisioning/datasources/wardlight.yaml").read_text()


def test_else_the_token_and_the_certificate_are_read_from_the_files_beside(tmp_path: Path) -> None:
    found = grafana.data_sources(tmp_path, PARTS, LET_IN)["datasources"]
    (logs,) = (source for source in found if source["uid"] == "wardlight-logs")
    assert logs["jsonData"]["httpHeaderName1"] == "Authorization"
    assert (logs["jsonData"]["tlsAuthWithCACert"], logs["jsonData"]["serverName"]) == (True, "wardlight.test")
    assert logs["secureJsonData"] == {
        "httpHeaderValue1": f"Bearer $__file{{{tmp_path}/wardlight.token}}",
        "tlsCACert": f"$__file{{{tmp_path}/wardlight.pem}}",
    }
    assert [source["uid"] for source in found if "secureJsonData" in source] == ["wardlight-logs"]


def test_a_dollar_in_an_address_is_no_variable(tmp_path: Path) -> None:
    parts = {**PARTS, "prometheus": replace(PARTS["prometheus"], address="http://u:p$w@p:9090")}
    found = grafana.data_sources(tmp_path, parts, {})["datasources"]
    assert found[0]["url"] == "http://u:p$$w@p:9090"


def test_the_boards_are_in_the_folders_that_grafana_makes_of_directories(room: Path) -> None:
    (provider,) = written(room, "dashboards")["providers"]
    assert provider["options"]["foldersFromFilesStructure"] is True
    assert "folder" not in provider  # the two exclude each other
    files = list(Path(provider["options"]["path"]).glob("*/*.json"))
    assert {json.loads(path.read_text())["uid"] for path in files} == set(dashboards.built())


def test_the_password_is_invented_once_and_only_its_owner_reads_it(room: Path) -> None:
    password = room / "admin.password"
    first = password.read_text()
    grafana.provision(room, PARTS, {})
    assert password.read_text() == first
    assert len(first) >= 20
    assert password.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["grafana", "grafana-server"])
def test_it_is_started_where_it_is_on_the_path_and_begins_with_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(plan, "find", lambda _: f"/usr/sbin/{name}")
    (tmp_path / "share/conf").mkdir(parents=True)
    (tmp_path / "share/conf/defaults.ini").touch()
    monkeypatch.setattr(plan, "_GRAFANA_HOMES", (tmp_path / "share",))
    layout = Layout(tmp_path / "data")
    part = plan._grafana(Settings(server=Server()), layout)
    assert part is not None
    assert part.command[:2] == (f"/usr/sbin/{name}", "server" if name == "grafana" else "--homepath")
    layout.make()
    layout.room("grafana").mkdir()
    grafana.provision(layout.room("grafana"), PARTS, {})
    begins = Path(part.environment()["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert json.loads(begins.read_text())["uid"] == "wardlight-home-administrators"
    assert part.environment()["GF_SECURITY_ADMIN_PASSWORD"] == f"$__file{{{layout.room('grafana')}/admin.password}}"
