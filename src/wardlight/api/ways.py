"""Which route a request goes to, said before it goes there: as the application itself finds it, the first that fits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import ASGIApp

from wardlight.access.table import TABLE, Need
from wardlight.api.direct import Direct

WEBSOCKET = "WS"
"""What stands for the method of a websocket."""


@dataclass(frozen=True)
class Way:
    """A route by one method; without `need` it isn't in the table."""

    method: str
    template: str
    pattern: re.Pattern[str]
    need: Need | None
    straight: ASGIApp | None = None
    """What answers, where the application needn't be asked."""

    @property
    def name(self) -> str:
        """How it stands in the table."""
        return f"{self.method} {self.template}"


@dataclass(frozen=True)
class Nowhere:
    """No route fits; of those whose path does, the methods."""

    allowed: tuple[str, ...] = ()


class Ways:
    """All routes of an application, in its order."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._all = list(_ways(routes))
        self._plain: dict[tuple[str, str], Way | Nowhere] = {
            (way.method, way.template): self._search(way.method, way.template)
            for way in self._all
            if "{" not in way.template
        }

    def __iter__(self) -> Iterator[Way]:
        return iter(self._all)

    def find(self, method: str, path: str) -> Way | Nowhere:
        """Find the route."""
        return self._plain.get((method, path)) or self._search(method, path)

    def _search(self, method: str, path: str) -> Way | Nowhere:
        fitting = [way for way in self._all if way.pattern.match(path)]
        found = next((way for way in fitting if way.method == method), None)
        return found or Nowhere(tuple(sorted({way.method for way in fitting} - {WEBSOCKET})))


def _ways(routes: Sequence[BaseRoute]) -> Iterator[Way]:
    for context in iter_route_contexts(routes):
        route = context.original_route
        socket = isinstance(route, WebSocketRoute)
        methods = [WEBSOCKET] if socket else sorted(getattr(route, "methods", None) or ())
        if context.path is None or not methods:
            raise TypeError(f"{route!r} is no route that the gate can find")
        for method in methods:
            pattern = getattr(route, "path_regex")  # noqa: B009 -- routes of all kinds that have methods have it
            straight = route.straight if isinstance(route, Direct) else None
            yield Way(method, context.path, pattern, TABLE.get(f"{method} {context.path}"), straight)
