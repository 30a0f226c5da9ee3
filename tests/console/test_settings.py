"""The console's page of settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.console.asking import Pages, pages, text_of

from wardlight.config import load
from wardlight.console.settings import HIDDEN, House, router
from wardlight.problems import Unavailable
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.holds import Holds
from wardlight.store.stats import measure

WRITTEN = """
[server]
listen = "127.0.0.1:9999"
[store]
clickhouse = "http://ann:pa55word@db:8123/logs"
[stack]
emergency = "https://hooks.example/T0/B0/pa55word"
smtp = "smtps://ann:pa55word@mail:465"
[platform]
database = "host=db user=ann password='pa55word' dbname=clinic"
probes = ["http://app/health?token=pa55word"]
"""


@pytest.fixture
def page(store: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    monkeypatch.setenv("WARDLIGHT_RETENTION_ERROR_DAYS", "77")
    path = tmp_path / "wardlight.toml"
    path.write_text(WRITTEN)
    settings = load(path)
    with pages(store, tmp_path) as made:
        holds = Holds(made.state, made.clock)
        holds.add("patient", "WC000017", reason="a claim about WC000017", by="ann")

        def stats() -> object:
            if made.asker.name == "away":
                raise Unavailable("it is away")
            return measure(store, settings, 10**12, made.clock.now_ns())

        house = House(settings=settings, path=path, store=store, holds=holds, stats=stats, clock=made.clock)  # type: ignore[arg-type]
        yield made.serve(router(house))


def test_each_setting_says_what_set_it_and_what_it_is(page: Pages) -> None:
    text = text_of(page.get("/settings"))
    assert "listen 127.0.0.1:9999 wardlight.toml, line 3 Address and port to listen on." in text
    assert "error_days 77 WARDLIGHT_RETENTION_ERROR_DAYS" in text
    assert "security_days 400 default" in text


def test_no_secret_is_shown(page: Pages) -> None:
    source = page.get("/settings")
    assert "pa55word" not in source
    assert f"http://{HIDDEN}@db:8123/logs" in source
    assert source.count(HIDDEN) == 5


def test_holds_are_told_without_whom_they_are_on(page: Pages) -> None:
    source = page.get("/settings")
    assert "one patient" in source
    assert "WC000017" not in source


def test_retention_is_shown_with_what_is_there(page: Pages) -> None:
    page.add("a", "b", kind="error")
    assert "error 77 2 " in text_of(page.get("/settings"))


def test_it_stands_though_the_store_is_away(page: Pages) -> None:
    page.asker = replace(page.asker, name="away")
    source = page.get("/settings")
    assert "it is away" in source
    assert "[server]" in source
