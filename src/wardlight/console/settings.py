"""The console's page of settings: what is in force and what set it, how long things are kept, which versions run.

Nothing is changed here; secrets are not shown.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from wardlight import __version__, config
from wardlight.access.principal import principal
from wardlight.clock import Clock, moment
from wardlight.config import Settings
from wardlight.console.asking import or_away
from wardlight.console.forms import HEADERS
from wardlight.console.pages import environment
from wardlight.records import KINDS
from wardlight.store import Limits, LogStore
from wardlight.store.holds import Holds
from wardlight.store.stats import StoreStats

_MORE = (("/settings/people", "People"), ("/settings/tokens", "Tokens"))
HIDDEN = "••••"
_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]*@")
"""What stands before the host in an address: a name and a password."""
_IN_WORDS = re.compile(r"(?i)\b(password\s*=\s*)('[^']*'|\S+)")
_AFTER_HOST = re.compile(r"(?<=\?)\S+")
"""A query: it may be a token."""
_PATH = re.compile(r"(://[^/\s]+/)\S+")
_SECRET = re.compile(r"(secret|password|token)$")


@dataclass(frozen=True)
class Setting:
    """One setting as it is in force."""

    name: str
    value: str
    origin: str
    doc: str
    changed: bool


@dataclass(frozen=True)
class Section:
    """Settings that belong together."""

    name: str
    doc: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True, kw_only=True)
class House:
    """What the page needs."""

    settings: Settings
    path: Path
    store: LogStore
    holds: Holds
    stats: Callable[[], StoreStats]
    clock: Clock


def router(house: House) -> APIRouter:
    """Make the route."""
    routes = APIRouter(include_in_schema=False)
    template = environment().get_template("settings.html")
    docs = config.docs()

    @routes.get("/settings")
    def page(request: Request) -> HTMLResponse:
        kept = house.settings.retention
        text = template.render(
            sections=list(sections(house.settings, house.path, docs)),
            kept=[(kind, getattr(kept, f"{kind}_days")) for kind in KINDS],
            stats=or_away(house.stats),
            holds=house.holds.listed(),
            versions=or_away(lambda: _versions(house.store)),
            more=() if principal(request).way == "open" else _MORE,
            now=moment(house.clock.now_ns()),
        )
        return HTMLResponse(text, headers=HEADERS)

    return routes


def sections(settings: Settings, path: Path, docs: dict[tuple[str, str], str]) -> Iterator[Section]:
    """Describe the settings in force."""
    for section in msgspec.structs.fields(Settings):
        found = []
        for field in msgspec.structs.fields(section.type):
            value = getattr(getattr(settings, section.name), field.name)
            origin = config.origin(f"{section.name}.{field.name}", path)
            changed = value != field.default
            found.append(
                Setting(
                    name=field.name,
                    value=shown(field.name, value),
                    origin=origin or ("command line" if changed else "default"),
                    doc=docs.get((section.type.__name__, field.name), ""),
                    changed=changed,
                )
            )
        yield Section(section.name, (section.type.__doc__ or "").strip(), tuple(found))


def shown(name: str, value: object) -> str:
    """Write a value without what is secret in it.

    >>> shown("clickhouse", "http://ann:pa55@host:8123/logs"), shown("files", ("a", "b")), shown("text_index", True)
    ('http://••••@host:8123/logs', 'a, b', 'yes')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(shown(name, one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} = {shown(name, one)}" for key, one in value.items())
    text = str(value)
    if text and _SECRET.search(name):
        return HIDDEN
    if name == "emergency":  # a webhook's address is its secret
        text = _PATH.sub(rf"\1{HIDDEN}", text)
    text = _AFTER_HOST.sub(HIDDEN, _IN_ADDRESS.sub(f"{HIDDEN}@", text))
    return _IN_WORDS.sub(rf"\1{HIDDEN}", text)


def _versions(store: LogStore) -> list[tuple[str, str]]:
    engine = store.select("SELECT version() AS version", limits=Limits(seconds=2.0)).to_pylist()[0]["version"]
    return [("Wardlight", __version__), ("Log engine (ClickHouse)", engine), ("Python", platform.python_version())]
