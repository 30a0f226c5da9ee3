"""Signing in leads to our own pages only, whatever the link that somebody was sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.security.conftest import HERE
from tests.server.closed import Closed, closed

from wardlight.access.roles import Role
from wardlight.access.sessions import Visit

ELSEWHERE = (
    "https://evil.example/", "//evil.example/", "/\\evil.example/", "\\\\evil.example", "/%09/evil.example", "\t//evil.example",
    "///evil.example", "javascript:alert(1)", "http:evil.example", "/\r\nLocation: https://evil.example/", "@evil.example",
    "https:evil.example", "/..//evil.example", "/.//evil.example", "data:text/html,x", " //evil.example", "\u2215/evil.example",
    "/\t/evil.example", "/\n/evil.example",
)  # fmt: skip


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    with closed(tmp_path_factory.mktemp("shut") / "data") as house:
        yield house


@pytest.fixture(scope="module")
def person(shut: Closed) -> dict[str, str]:
    """Somebody with a password."""
    invited = shut.access.people.first()
    assert invited is not None
    password = "purple otter mends 7 kettles"
    shut.access.signing.accept(invited.secret, password, Visit("127.0.0.1"), name="ada", display_name="Ada")
    return {"name": "ada", "password": password}


def stays_here(location: str) -> bool:
    r"""Whether a browser that is led there stays on this host; it drops tabs and line ends, and takes \ for /."""
    as_read = re.sub(r"[\t\r\n]", "", location).replace("\\", "/").strip()
    parts = urlsplit(as_read)
    return not parts.scheme and not parts.netloc and as_read.startswith("/") and not as_read.startswith("//")


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_signing_in_leads_nowhere_else(shut: Closed, person: dict[str, str], elsewhere: str) -> None:
    answer = shut.client.post("/sign-in", data=person | {"next": elsewhere}, headers={"Origin": HERE})
    assert answer.status_code == 303, answer.text
    assert stays_here(answer.headers["location"])
    assert "evil" not in urlsplit(answer.headers["location"]).netloc
    signed_in = shut.session(Role.SUPPORT)
    again = shut.client.get("/sign-in", params={"next": elsewhere}, headers=signed_in)
    assert again.status_code != 303 or stays_here(again.headers["location"])


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "/%2f%2fevil.example", "//evil.example/%2e%2e"])
def test_being_led_to_sign_in_leads_nowhere_else(shut: Closed, path: str) -> None:
    answer = shut.client.get(HERE + path, headers={"Accept": "text/html"})
    if answer.is_redirect:
        assert stays_here(answer.headers["location"])


def test_the_servers_files_are_for_their_owner_alone(shut: Closed, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = Path(next(tmp_path_factory.getbasetemp().glob("shut*"))) / "data"
    for name in ("server.json", "state.db", "links.key"):
        assert not (data / name).stat().st_mode & 0o077, name
