"""The console's own files at `/console/static/<build>/<name>`: the address changes with the files, so it is kept long.

Scripts and styles are ours; what `script/assets` takes from npm is under `vendor/`.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response

from wardlight.problems import NotFound

PREFIX = "/console/static"
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    """A file as it is sent."""

    content: bytes
    packed: bytes
    """The same by gzip."""
    media_type: str


@dataclass(frozen=True)
class Assets:
    """All files by name, and the build: a digest of them."""

    by_name: dict[str, Asset]
    build: str

    @property
    def address(self) -> str:
        """Where the files of this build are."""
        return f"{PREFIX}/{self.build}"


@lru_cache(1)
def assets() -> Assets:
    """Read the files, once."""
    found = dict(sorted(_read(files(__package__) / "static", "")))
    digest = hashlib.sha256()
    for name, asset in found.items():
        digest.update(name.encode() + b"\0" + asset.content)
    return Assets(found, digest.hexdigest()[:12])


def router(headers: dict[str, str]) -> APIRouter:
    """Make the route; `headers` are those of all pages."""
    routes = APIRouter(include_in_schema=False)
    held = assets()

    @routes.get(PREFIX + "/{build}/{name:path}")
    async def asset(request: Request, build: str, name: str) -> Response:
        found = held.by_name.get(name)
        if found is None:
            raise NotFound("the console has no such file")
        # A page of an older build gets the file of this one, but must not keep it as its own.
        kept = "public, max-age=31536000, immutable" if build == held.build else "no-cache"
        told = headers | {"Cache-Control": kept, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(found.packed, media_type=found.media_type, headers=told | {"Content-Encoding": "gzip"})
        return Response(found.content, media_type=found.media_type, headers=told)

    return routes


def _read(place: Traversable, prefix: str) -> list[tuple[str, Asset]]:
    found = []
    for entry in place.iterdir():
        if entry.is_dir():
            found += _read(entry, f"{prefix}{entry.name}/")
        elif media_type := _TYPES.get(entry.name.rpartition(".")[2]):
            content = entry.read_bytes()
            found.append((prefix + entry.name, Asset(content, gzip.compress(content, mtime=0), media_type)))
    return found
