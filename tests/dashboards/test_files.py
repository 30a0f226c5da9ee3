"""Boards as files."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from wardlight import dashboards
from wardlight.cli import main


def test_it_writes_a_file_for_each_board_into_the_folder_that_grafana_shows(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["dashboards", "build", str(tmp_path)])
    assert done.exit_code == 0, done.output
    files = {path.relative_to(tmp_path).as_posix(): json.loads(path.read_text()) for path in tmp_path.rglob("*.json")}
    assert {path.rpartition("/")[2] for path in files} == {f"{uid}.json" for uid in dashboards.built()}
    assert files["Wardlight/wardlight-system.json"]["title"] == "System Overview"
    assert "Wardlight homes/wardlight-home-privacy.json" in files


def test_a_board_that_is_no_more_goes_and_a_file_of_somebody_else_stays(tmp_path: Path) -> None:
    (tmp_path / "Wardlight").mkdir()
    for name in ("wardlight-old.json", "mine.json"):
        (tmp_path / "Wardlight" / name).write_text("{}")
    dashboards.write(dashboards.built(), tmp_path)
    left = {path.name for path in (tmp_path / "Wardlight").iterdir()}
    assert "wardlight-old.json" not in left
    assert "mine.json" in left
