from __future__ import annotations

from pathlib import Path

import pytest

from wardlight.config import Platform, Settings, Stack
from wardlight.problems import Unavailable
from wardlight.stack.layout import Layout
from wardlight.stack.plan import parts

LAYOUT = Layout(Path("/data"))


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH on which upstream's programs are."""
    for name in ("prometheus", "promtool", "alertmanager", "amtool", "node_exporter", "blackbox_exporter"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setattr("wardlight.stack.programs._ALSO", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def names(settings: Settings, *, demo: bool = False) -> list[str]:
    return [part.name for part in parts(settings, LAYOUT, demo=demo)]


def test_upstream_names_are_found(programs: Path) -> None:
    assert names(Settings()) == ["wardlight", "alertmanager", "node_exporter", "blackbox_exporter", "prometheus"]


def test_every_missing_program_is_named(programs: Path) -> None:
    (programs / "amtool").unlink()
    with pytest.raises(Unavailable, match=r"prometheus-postgres-exporter or postgres_exporter.*script/up") as caught:
        names(Settings(), demo=True)
    assert "amtool" in str(caught.value)


def test_a_database_brings_its_exporter(programs: Path) -> None:
    (programs / "postgres_exporter").touch(mode=0o755)
    settings = Settings(platform=Platform(database="postgresql://watcher@db/clinic"))
    exporter = next(part for part in parts(settings, LAYOUT, demo=False) if part.name == "postgres_exporter")
    assert exporter.environment() == {"DATA_SOURCE_NAME": "postgresql://watcher@db/clinic"}


def test_what_runs_elsewhere_is_not_started(programs: Path) -> None:
    (programs / "prometheus").unlink()
    settings = Settings(stack=Stack(prometheus="http://metrics:9090/"))
    prometheus = next(part for part in parts(settings, LAYOUT, demo=False) if part.name == "prometheus")
    assert prometheus.command == ()
    assert prometheus.ready == "http://metrics:9090/-/ready"


def test_prometheus_starts_when_all_it_asks_is_ready(programs: Path) -> None:
    (programs / "postgres_exporter").touch(mode=0o755)
    prometheus = next(part for part in parts(Settings(), LAYOUT, demo=True) if part.name == "prometheus")
    assert {"wardlight", "application", "database", "postgres_exporter"} <= set(prometheus.after)
