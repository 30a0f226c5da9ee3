"""The ledger's files, for anybody who wants to check them: `GET /ledger/…` (C2SP tlog-tiles).

    /ledger/checkpoint                 the newest signed checkpoint
    /ledger/witnessed                  the newest one that a witness has cosigned
    /ledger/vkey                       the key by which both are checked
    /ledger/minimum                    the index below which entries were removed under the retention policy
    /ledger/tile/<level>/<number>      hashes
    /ledger/tile/entries/<number>      entries: they tell about patients, so not everybody may read them
    /ledger/stamp/<size>.checkpoint    checkpoints that a time stamp authority has stamped, and the stamps, `.tsr`

All are read-only, and files of one directory: whatever serves files can serve them instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi import Path as Parameter
from isal import igzip

from wardlight.ledger import Ledger
from wardlight.ledger.tiles import ENTRIES, Tile
from wardlight.ledger.tree import CHECKPOINT, MINIMUM, STAMPS, VKEY, WITNESSED
from wardlight.problems import NotFound

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
_CHANGES = {"Cache-Control": "no-cache"}
_STAYS = {"Cache-Control": "public, max-age=31536000, immutable"}
_STAYS_PRIVATE = {"Cache-Control": "private, max-age=31536000, immutable", "Vary": "Accept-Encoding"}

Note = Callable[[Request], None]


def router(ledger: Ledger, note: Note) -> APIRouter:
    """Make the routes of the ledger; `note` is called before entries are read."""
    routes = APIRouter(prefix="/ledger", tags=["ledger"])

    def text(name: str) -> Callable[[], Response]:
        def answer() -> Response:
            ledger.open()
            return Response(_read(ledger, name), media_type=_TEXT, headers=_CHANGES)

        return answer

    for name, summary in (
        (CHECKPOINT, "The newest checkpoint"),
        (WITNESSED, "The newest cosigned checkpoint"),
        (VKEY, "The key by which checkpoints are checked"),
        (MINIMUM, "The index below which entries were removed"),
    ):
        routes.add_api_route(f"/{name}", text(name), summary=summary)

    @routes.get("/tile/entries/{number:path}", summary="Entries", dependencies=[Depends(note)])
    def entries(number: str, accept_encoding: Annotated[str, Header()] = "") -> Response:
        data = _read(ledger, Tile.parse(f"tile/entries/{number}").path)
        if "gzip" in accept_encoding:
            headers = _STAYS_PRIVATE | {"Content-Encoding": "gzip"}
            return Response(igzip.compress(data), media_type=_BYTES, headers=headers)
        return Response(data, media_type=_BYTES, headers=_STAYS_PRIVATE)

    @routes.get("/tile/{level}/{number:path}", summary="Hashes")
    def hashes(level: str, number: str) -> Response:
        tile = Tile.parse(f"tile/{level}/{number}")
        if tile.level == ENTRIES:
            raise NotFound("there is no such tile")
        return Response(_read(ledger, tile.path), media_type=_BYTES, headers=_STAYS)

    @routes.get("/stamp/{size}.{kind}", summary="A stamped checkpoint, or its stamp")
    def stamped(size: Annotated[int, Parameter(ge=0)], kind: str) -> Response:
        media = {"checkpoint": _TEXT, "tsr": "application/timestamp-reply"}.get(kind)
        if media is None:
            raise NotFound("there is no such file")
        return Response(_read(ledger, f"{STAMPS}/{size}.{kind}"), media_type=media, headers=_STAYS)

    return routes


def _read(ledger: Ledger, path: str) -> bytes:
    """Read a file whose path is made of checked parts."""
    try:
        return (ledger.directory / path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound("the ledger has no such file") from None
