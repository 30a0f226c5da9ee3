"""Where the files of a log are read from: a directory, or a server that publishes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import httpx

from wardlight.ledger.tiles import Tile
from wardlight.problems import Denied, NotFound, Unauthenticated, Unavailable

_LIMIT_BYTES = 32 * 1024 * 1024


class Source(Protocol):
    """A log's files."""

    def read(self, path: str) -> bytes:
        """Read a file. Raises NotFound when there is none, Unavailable when it can't be read."""
        ...

    def partials(self) -> Iterator[Tile]:
        """Name the tiles that aren't full, also those of older checkpoints, as far as they can be listed."""
        ...


class Directory:
    """A directory with `checkpoint` at its top."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def read(self, path: str) -> bytes:
        """Read a file. Raises NotFound."""
        try:
            return (self.top / path).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"{self.top} has no {path}") from None

    def partials(self) -> Iterator[Tile]:
        """Name all tiles that aren't full."""
        for path in sorted((self.top / "tile").rglob("*.p/*")):
            yield Tile.parse(path.relative_to(self.top).as_posix())


class Server:
    """A server that publishes a log, by the URL that `checkpoint` lies under."""

    def __init__(self, url: str, client: httpx.Client) -> None:
        self._url = url.rstrip("/")
        self._client = client

    def read(self, path: str) -> bytes:
        """Fetch a file. Raises NotFound, Denied, Unauthenticated, Unavailable."""
        try:
            answer = self._client.get(f"{self._url}/{path}")
        except httpx.HTTPError as error:
            raise Unavailable(f"{self._url} can't be reached: {error}") from error
        for problem in (NotFound, Denied, Unauthenticated):
            if answer.status_code == problem.status:
                raise problem(f"{self._url} answers {answer.status_code} for {path}")
        if not answer.is_success or len(answer.content) > _LIMIT_BYTES:
            raise Unavailable(f"{self._url} answers {answer.status_code} for {path}")
        return answer.content

    def partials(self) -> Iterator[Tile]:
        """A server doesn't list."""
        return iter(())


@contextmanager
def opened(place: str) -> Iterator[Source]:
    """Open a directory, or a URL."""
    if "://" not in place:
        yield Directory(Path(place))
        return
    with httpx.Client(timeout=30, trust_env=False, follow_redirects=True) as client:
        yield Server(place, client)
