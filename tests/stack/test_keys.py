"""What lets the parts in: files that only they read, named in their configurations, renewed in time."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from wardlight.access.access import Access as Book
from wardlight.access.roles import Right
from wardlight.access.sessions import Visit
from wardlight.clock import ManualClock, SystemClock
from wardlight.config import Access, Server, Settings
from wardlight.problems import NotFound
from wardlight.stack import plan, render
from wardlight.stack.keys import RENEW_SECONDS, Keys
from wardlight.stack.layout import Layout
from wardlight.stack.tokens import Issuer, welcome
from wardlight.store.state import State
from wardlight.tls import leaf_pem

pytestmark = pytest.mark.stack


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "data")
    layout.make()
    return layout


def issue(directory: Path, name: str = "watch.example") -> Server:
    both = directory / "server.pem"
    both.touch(mode=0o600)
    trustme.CA().issue_cert(name).private_key_and_cert_chain_pem.write_to_path(both)
    return Server(certificate=str(both))


def counted() -> Callable[[str], str]:
    made: list[str] = []

    def make(part: str) -> str:
        made.append(part)
        return f"wl_{part}_{len(made)}"

    return make


def written(layout: Layout, server: Server, keys: Keys) -> tuple[dict[str, Any], dict[str, Any]]:
    """Render, with the real checkers; return the server's scrape job and webhook."""
    settings = Settings(server=server)
    render.render(plan.parts(settings, layout, demo=False), settings, layout, keys, demo=False)
    scraped = yaml.safe_load((layout.room("prometheus") / "prometheus.yml").read_text())["scrape_configs"][0]
    told = yaml.safe_load((layout.room("alertmanager") / "alertmanager.yml").read_text())["receivers"][0]
    return scraped, told["webhook_configs"][0]


def test_the_configurations_name_the_token_beside_them(layout: Layout) -> None:
    scraped, told = written(layout, Server(), Keys(layout, Server(), counted(), ManualClock()))
    assert scraped["authorization"] == told["http_config"]["authorization"] == {"credentials_file": "wardlight.token"}
    assert (layout.room("prometheus") / "wardlight.token").read_text().startswith("wl_prometheus")
    assert (layout.room("alertmanager") / "wardlight.token").read_text().startswith("wl_alertmanager")


def test_a_token_is_in_no_configuration_and_only_its_part_reads_it(layout: Layout) -> None:
    written(layout, Server(), Keys(layout, Server(), counted(), ManualClock()))
    for path in layout.stack.rglob("*"):
        if path.is_file() and "wl_" in path.read_text():
            assert (path.name, stat.S_IMODE(path.stat().st_mode)) == ("wardlight.token", 0o600)
            assert path.stat().st_uid == path.parent.stat().st_uid


def test_with_tls_the_parts_trust_the_servers_certificate_and_nothing_else(layout: Layout, tmp_path: Path) -> None:
    server = issue(tmp_path)
    scraped, told = written(layout, server, Keys(layout, server, counted(), ManualClock()))
    trusted = {"ca_file": "wardlight.pem", "server_name": "watch.example"}
    assert (scraped["scheme"], scraped["tls_config"]) == ("https", trusted)
    assert told["url"] == "https://127.0.0.1:8480/api/v1/alertmanager"
    assert told["http_config"]["tls_config"] == trusted
    assert (layout.room("prometheus") / "wardlight.pem").read_text() == leaf_pem(server.certificate)


def test_an_open_house_needs_no_tokens(layout: Layout) -> None:
    settings = Settings()
    keys = Keys(layout, settings.server, None, ManualClock())
    render.render(plan.parts(settings, layout, demo=True), settings, layout, keys, demo=True)
    assert "authorization" not in (layout.room("prometheus") / "prometheus.yml").read_text()
    assert not list(layout.stack.rglob("*.token"))


def test_tokens_are_renewed_before_they_end_and_not_sooner(layout: Layout) -> None:
    clock = ManualClock()
    keys = Keys(layout, Server(), counted(), clock)
    written(layout, Server(), keys)
    token = layout.room("prometheus") / "wardlight.token"
    first = token.read_text()
    clock.advance(RENEW_SECONDS - 60)
    keys.renew()
    assert token.read_text() == first
    clock.advance(120)
    keys.renew()
    assert token.read_text() != first
    assert stat.S_IMODE(token.stat().st_mode) == 0o600


def test_grafanas_token_stays_while_it_runs_as_it_is_read_at_its_start_only(layout: Layout) -> None:
    clock = ManualClock()
    keys = Keys(layout, Server(), counted(), clock)
    layout.room("grafana").mkdir(parents=True)
    keys.write()
    token = layout.room("grafana") / "wardlight.token"
    first = token.read_text()
    clock.advance(RENEW_SECONDS + 60)
    keys.renew()
    assert token.read_text() == first


def test_a_new_certificate_is_trusted_as_soon_as_it_is_seen(layout: Layout, tmp_path: Path) -> None:
    server = issue(tmp_path)
    keys = Keys(layout, server, counted(), ManualClock())
    written(layout, server, keys)
    issue(tmp_path)
    keys.renew()
    trusted = layout.room("alertmanager") / "wardlight.pem"
    assert trusted.read_text() == leaf_pem(server.certificate)
    Path(server.certificate).write_text("broken")
    keys.renew()
    assert "BEGIN CERTIFICATE" in trusted.read_text()


def test_a_parts_token_does_its_one_thing_and_ends_those_before(layout: Layout) -> None:
    issue_token = Issuer(layout, Access())
    first, second, other = issue_token("prometheus"), issue_token("prometheus"), issue_token("alertmanager")
    with closing(State(layout.data / "state.db")) as state:
        kept = Book(state, SystemClock(), Access()).tokens
        assert kept.principal(first) is None
        metrics, alerts = kept.principal(second), kept.principal(other)
    assert metrics
    assert metrics.rights == {Right.LOOK}
    assert alerts
    assert alerts.rights == {Right.PING}


def test_the_first_administrator_is_told_one_link_which_ends_the_one_before(layout: Layout) -> None:
    settings = Settings(server=Server(url="https://watch.example/"))
    found = [welcome(layout, settings, seen=True) for _ in range(2)]
    links = [re.findall(r"https://watch\.example/welcome/(\w+) ", said)[0] for said in found]
    assert (layout.data / "first-sign-in").read_text() == f"https://watch.example/welcome/{links[1]}\n"
    assert stat.S_IMODE((layout.data / "first-sign-in").stat().st_mode) == 0o600
    with closing(State(layout.data / "state.db")) as state:
        signing = Book(state, SystemClock(), Access()).signing
        with pytest.raises(NotFound):
            signing.invited(links[0])
        signing.accept(links[1], "purple otter mends 7 kettles", Visit("127.0.0.1"), name="ada")
    assert welcome(layout, settings, seen=True) == ""


def test_the_link_is_in_no_log(layout: Layout) -> None:
    said = welcome(layout, Settings(), seen=False)
    assert "/welcome/" not in said
    assert str(layout.data / "first-sign-in") in said
