from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

from wardlight.config import Settings, load
from wardlight.stack import settings_file


def test_it_changes_nothing_as_it_is_written() -> None:
    assert not any(tomllib.loads(settings_file.template()).values())


def test_its_commented_lines_are_the_defaults() -> None:
    uncommented = re.sub(r"^#(\w+ = )", r"\1", settings_file.template(), flags=re.MULTILINE)
    tree = tomllib.loads(uncommented)
    assert msgspec.convert(tree, Settings) == Settings()
    assert {name: set(section) for name, section in tree.items()} == {
        name: set(section) for name, section in msgspec.to_builtins(Settings()).items()
    }


def test_it_tells_what_a_setting_is_for() -> None:
    assert "# Address and port to listen on.\n#listen = " in settings_file.template()


def test_it_is_written_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "wardlight.toml"
    settings_file.write_once(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("[stack]\nprometheus_port = 1\n")
    settings_file.write_once(path)
    assert load(path).stack.prometheus_port == 1
