"""Elasticsearch's `_bulk` to records: lines in pairs, an action and a document."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import msgspec

from wardlight.config import Receive
from wardlight.problems import BadInput
from wardlight.receive import documents
from wardlight.receive.assemble import Decoding
from wardlight.receive.ndjson import not_json, read_object

_ADDING = ("index", "create")
_WITHOUT_DOCUMENT = ("delete",)
_ACTIONS = (*_ADDING, "update", *_WITHOUT_DOCUMENT)


class _Target(msgspec.Struct):
    """Where a document should go."""

    index: str | None = msgspec.field(name="_index", default=None)
    id: str | int | None = msgspec.field(name="_id", default=None)


_ACTION = msgspec.json.Decoder(dict[str, _Target])


@dataclass(frozen=True)
class Item:
    """What became of one action."""

    action: str
    index: str
    id: str
    problem: str = ""
    """What was wrong with it; empty when it is kept."""


@dataclass(frozen=True)
class Bulk(Decoding):
    """What a bulk request held."""

    items: tuple[Item, ...] = ()
    """In the order of the actions."""


def decode(payload: bytes, index: str, settings: Receive, now_ns: int) -> Bulk:
    """Decode a bulk request to an index of this name unless an action says another.

    Raises BadInput with its line when an action can't be read, as nobody knows what follows it.
    """
    objects: list[dict[str, Any]] = []
    places: list[int] = []
    items: list[Item] = []
    unread = 0
    lines = enumerate(payload.split(b"\n"), 1)
    for number, line in lines:
        if not line or line.isspace():
            continue
        action, target_index, target_id = _action(line, number)
        item = Item(action, target_index or index, target_id)
        if action in _WITHOUT_DOCUMENT:
            items.append(replace(item, problem="logs are only added here: delete is refused"))
            continue
        _, document = next(lines, (0, b""))
        found = read_object(document) if action in _ADDING else f"logs are only added here: {action} is refused"
        if isinstance(found, str):
            unread += action in _ADDING
            items.append(replace(item, problem=found if action not in _ADDING else f"the document {found}"))
            continue
        places.append(len(items))
        items.append(item)
        objects.append(found if not item.index or "index" in found else {**found, "index": item.index})
    decoding = documents.decode(objects, settings, now_ns)
    for refusal in decoding.refused:
        for at in refusal.records:
            items[places[at]] = replace(items[places[at]], problem=f"the document {refusal.rule}")
    return Bulk(decoding.batch, (*decoding.refused, *not_json(unread)), decoding.timed, tuple(items))


def _action(line: bytes, number: int) -> tuple[str, str, str]:
    """Read an action: its name, index and identifier."""
    try:
        return _read_action(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"malformed action/metadata line [{number}]: {error}") from None


@lru_cache(maxsize=4096)
def _read_action(line: bytes) -> tuple[str, str, str]:
    """Read an action; the same few lines come again and again."""
    found = _ACTION.decode(line)
    name = next(iter(found), "")
    if len(found) != 1 or name not in _ACTIONS:
        raise msgspec.DecodeError(f"one of {', '.join(_ACTIONS)} is expected")
    target = found[name]
    return name, target.index or "", "" if target.id is None else str(target.id)
