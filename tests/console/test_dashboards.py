"""The pages of the dashboards; that they are drawn is tested in a browser, tests/e2e/browser."""

from __future__ import annotations

import html.parser
import json
import re
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from tests.seeing import Gate

from wardlight import dashboards
from wardlight.access.principal import Principal
from wardlight.access.roles import Role
from wardlight.console import dashboards_router
from wardlight.console.assets import assets
from wardlight.console.dashboards import in_page
from wardlight.console.pages import HEADERS
from wardlight.problems import NotFound

HOSTILE = "</script><script>alert(1)</script><!-- & \u2028"


@pytest.fixture
async def browser() -> AsyncIterator[AsyncClient]:
    app = FastAPI()
    app.include_router(dashboards_router(dashboards.built))
    async with AsyncClient(transport=ASGITransport(Gate(app)), base_url="http://wardlight.test") as browser:
        yield browser


class Held(html.parser.HTMLParser):
    """What a browser takes for the page's JSON."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text, self._in = "", False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in = tag == "script" and ("id", "board") in attrs

    def handle_data(self, data: str) -> None:
        if self._in:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        self._in = False


async def test_all_dashboards_are_listed_with_the_question_each_answers(browser: AsyncClient) -> None:
    text = (await browser.get("/dashboards")).text
    for uid, board in dashboards.built().items():
        assert f'href="/dashboards/{uid}"' in text
        assert board["title"] in text


@pytest.mark.parametrize("uid", list(dashboards.built()))
async def test_a_page_holds_the_same_json_that_grafana_gets(browser: AsyncClient, uid: str) -> None:
    held = json.loads(Held((await browser.get(f"/dashboards/{uid}")).text).text)
    assert held["board"] == json.loads(json.dumps(dashboards.built()[uid]))


async def test_the_one_that_is_made_for_the_readers_role_comes_first() -> None:
    app = FastAPI()
    app.include_router(dashboards_router(dashboards.built))
    support = Principal(name="sue", rights=frozenset(), roles=(Role.SUPPORT,), way="session")
    async with AsyncClient(transport=ASGITransport(Gate(app, support)), base_url="http://wardlight.test") as browser:
        text = (await browser.get("/dashboards")).text
    assert re.findall(r'"/dashboards/([\w-]+)"', text)[0] == "wardlight-home-support"
    assert text.count("made for your role") == 1


async def test_an_unknown_dashboard_is_not_found(browser: AsyncClient) -> None:
    with pytest.raises(NotFound):
        await browser.get("/dashboards/none")


async def test_nothing_in_a_board_ends_the_json_that_it_stands_in() -> None:
    written = in_page({"title": HOSTILE})
    assert not set("<>&\u2028") & set(written)
    assert json.loads(written) == {"title": HOSTILE}


async def test_nothing_runs_or_loads_but_its_own_files(browser: AsyncClient) -> None:
    answer = await browser.get("/dashboards/wardlight-system")
    assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
    for address in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert address.startswith(("/", "#")), address
    assert not re.search(r"<[^>]+\s(style|on\w+)=", answer.text.replace(Held(answer.text).text, ""))


async def test_every_script_of_the_viewer_is_fetched_at_once(browser: AsyncClient) -> None:
    text = (await browser.get("/dashboards/wardlight-system")).text
    own = [name for name in assets().by_name if name.startswith("viewer/") and name.endswith(".js")]
    assert own
    for name in own:
        assert f'<link rel="modulepreload" href="{assets().address}/{name}">' in text


async def test_what_the_viewer_imports_is_there() -> None:
    held = assets().by_name
    for name, asset in held.items():
        if name.startswith("viewer/") and name.endswith(".js"):
            for imported in re.findall(r'^import .*? from "([^"]+)";', asset.content.decode(), re.MULTILINE):
                place = name.rpartition("/")[0].split("/")
                for part in imported.split("/"):
                    place = place[:-1] if part == ".." else place if part == "." else [*place, part]
                assert "/".join(place) in held, (name, imported)


async def test_no_script_writes_markup() -> None:
    for name, asset in assets().by_name.items():
        if name.startswith("viewer/"):
            assert not re.search(rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", asset.content), (
                name
            )
