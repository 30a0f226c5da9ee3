"""Bringing boards and data sources into a Grafana that runs elsewhere: as often as one likes, and over nobody's work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from wardlight.dashboards.folders import FOLDERS, Json, folder
from wardlight.dashboards.grafana import Grafana
from wardlight.problems import BadInput, Conflict, NotFound

MARK = "wardlight "
"""A version's message begins with it; the board's digest follows."""
_DIGEST = "wardlight"
"""Where a data source keeps the digest of what was pushed, in its `jsonData`."""

Outcome = Literal["made", "changed", "unchanged", "kept"]


@dataclass(frozen=True)
class Done:
    """What became of one thing; what is kept has a reason."""

    what: Literal["folder", "data source", "board", "home"]
    name: str
    outcome: Outcome
    why: str = ""


def push(grafana: Grafana, boards: Mapping[str, Json], sources: Mapping[str, Json], *, force: bool) -> Iterator[Done]:
    """Bring data sources (by uid, as Grafana's API takes them), folders and boards; the second time nothing changes.

    What somebody edited in Grafana is kept and reported, with `force` it is replaced; its versions stay in Grafana.
    """
    for uid, source in sources.items():
        yield _source(grafana, uid, source, force=force)
    for uid, title in FOLDERS.items():
        yield _folder(grafana, uid, title)
    for uid, board in boards.items():
        yield _board(grafana, uid, board, force=force)


def home(grafana: Grafana, team: str, uid: str) -> Done:
    """Let a team start with a board. Raises NotFound for a team that isn't there."""
    teams = grafana.ask("GET", f"/api/teams/search?name={quote(team)}").get("teams", [])
    if not teams:
        raise NotFound(f"Grafana has no team {team!r}")
    path = f"/api/teams/{teams[0]['id']}/preferences"
    chosen = grafana.ask("GET", path)
    if chosen.get("homeDashboardUID") == uid:
        return Done("home", team, "unchanged")
    kept = {name: chosen[name] for name in ("theme", "timezone", "weekStart", "language") if chosen.get(name)}
    grafana.ask("PUT", path, {**kept, "homeDashboardUID": uid})
    return Done("home", team, "changed" if chosen.get("homeDashboardUID") else "made")


def _folder(grafana: Grafana, uid: str, title: str) -> Done:
    """See to a folder; one that somebody gave another title keeps it."""
    if grafana.find(f"/api/folders/{uid}") is not None:
        return Done("folder", title, "unchanged")
    grafana.ask("POST", "/api/folders", {"uid": uid, "title": title})
    return Done("folder", title, "made")


def _board(grafana: Grafana, uid: str, board: Json, *, force: bool) -> Done:
    """See to a board; one that somebody moved to another folder stays there."""
    name, message = board["title"], MARK + digest(board)
    found = grafana.find(f"/api/dashboards/uid/{quote(uid)}")
    if found is None:
        _save(grafana, board, folder(board), message)
        return Done("board", name, "made")
    if found["meta"].get("provisioned"):
        return Done("board", name, "kept", "it comes from a file of that Grafana")
    last = grafana.last_message(uid)
    if last == message:
        return Done("board", name, "unchanged")
    if not last.startswith(MARK) and not force:
        return Done(
            "board", name, "kept", "somebody edited it; --force replaces it, their version stays in its history"
        )
    where = found["meta"].get("folderUid", "")
    _save(grafana, {**board, "version": found["dashboard"]["version"]}, where, message)
    return Done("board", name, "changed")


def _save(grafana: Grafana, board: Json, where: str, message: str) -> None:
    """Save a board; Grafana refuses it (412) if somebody saved it since it was asked for."""
    body = {"dashboard": {**board, "id": None}, "folderUid": where, "message": message, "overwrite": False}
    try:
        grafana.ask("POST", "/api/dashboards/db", body)
    except Conflict as problem:
        raise Conflict(f"board {board['title']!r}: saved by somebody else meanwhile; push again. {problem}") from None


def _source(grafana: Grafana, uid: str, source: Json, *, force: bool) -> Done:
    """See to a data source; Grafana doesn't give secrets back, so their digest says whether they are the same."""
    name, path = source["name"], f"/api/datasources/uid/{quote(uid)}"
    wanted = _signed({**source, "uid": uid})
    found = grafana.find(path)
    if found is None:
        grafana.ask("POST", "/api/datasources", wanted)
        return Done("data source", name, "made")
    kept = found.get("jsonData", {}).get(_DIGEST)
    if found["type"] != source["type"]:
        raise BadInput(
            f"Grafana has a data source with the uid {uid}, of type {found['type']} in place of {source['type']}"
        )
    if (kept is None or found.get("readOnly")) and not force:
        return Done("data source", name, "unchanged", "one with that uid was there before, and the boards use it")
    ours = kept == _signed(_told(found))["jsonData"][_DIGEST]
    if ours and kept == wanted["jsonData"][_DIGEST]:
        return Done("data source", name, "unchanged")
    if not ours and not force:
        return Done("data source", name, "kept", "it isn't as it was pushed; --force replaces it")
    grafana.ask("PUT", path, wanted | {"name": found["name"], "isDefault": found.get("isDefault", False)})
    return Done("data source", name, "changed")


def _signed(source: Json) -> Json:
    """Put the digest of what counts into `jsonData`; of secrets, which Grafana never shows, their own digest."""
    plain = {name: value for name, value in source["jsonData"].items() if name != _DIGEST}
    if secrets := source.get("secureJsonData"):
        plain["wardlightSecrets"] = digest(secrets)
    told = {"type": source["type"], "url": source["url"], "access": source["access"], "jsonData": plain}
    return {**source, "jsonData": {**plain, _DIGEST: digest(told)}}


def _told(found: Json) -> Json:
    """Take what counts from what Grafana has."""
    return {name: found[name] for name in ("type", "url", "access")} | {"jsonData": found.get("jsonData", {})}


def digest(value: Any) -> str:
    """Shorten anything to 16 hexadecimal digits: the same for the same content, in whatever order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
