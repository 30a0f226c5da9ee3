"""Reading DATA/oncall.toml, with the line of everything that is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from wardlight.config import Section
from wardlight.escalation.policy import (
    BUILT_IN_ROUTES,
    CONTACT,
    Contact,
    Level,
    OnCall,
    Person,
    Policy,
    Rotation,
    Route,
    built_in,
    chain,
)  # fmt: skip
from wardlight.escalation.when import Handover, Hours, Span, zone_of
from wardlight.notify import refusal
from wardlight.problems import BadConfig

NAME = "oncall.toml"

_TABLES: Mapping[str, type[Section]] = {
    "people": Person, "rotations": Rotation, "levels": Level, "policies": Policy,
}  # fmt: skip
_OTHERS = ("contact", "routes", "summaries")
_KEY = re.compile(r"""\s*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|"[^"]*")\s*=""")
_AT = re.compile(r" - at `\$\.?([^`]*)`")
_KNOWN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

Path = tuple[str, ...]
Kind = TypeVar("Kind", bound=Section)


def read(text: str, file: str) -> OnCall:
    """Read the file's text. Raises BadConfig with everything that is wrong, a line each: `FILE:LINE: …`."""
    try:
        tree: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        number = line[1] if line else text.count("\n") + 1
        raise BadConfig(f"{file}:{number}: not valid TOML: {error}") from None
    reader = _Reader(file, text)
    oncall = reader.build(tree)
    if not reader.faults:
        reader.check(oncall)
    if reader.faults:
        raise BadConfig("\n".join(dict.fromkeys(reader.faults)))
    return oncall


class _Reader:
    """One file, and what was found wrong with it."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._lines = lines(text)
        self.faults: list[str] = []

    def build(self, tree: Mapping[str, Any]) -> OnCall:
        """Give every part its type."""
        for name in tree.keys() - _TABLES.keys() - set(_OTHERS):
            self._wrong((name,), f"unknown table or setting {name}")
        parts = {name: self._table(name, kind, tree.get(name, {})) for name, kind in _TABLES.items()}
        people, levels, policies = parts["people"], parts["levels"], parts["policies"]
        if "contact" in tree and (contact := self._convert(tree["contact"], Contact, ("contact",))):
            channels = {f"channel{at}": address for at, address in enumerate(contact.channels, 1)}
            people[CONTACT] = Person(channels=channels, name=contact.name, zone=contact.zone, hours=contact.hours)
            if not levels:
                levels = {CONTACT: Level(who=(CONTACT,), name=contact.name)}
        routes = [
            self._convert(route, Route, ("routes", str(at)))
            for at, route in enumerate(self._list(tree.get("routes", []), "routes"))
        ]
        return OnCall(
            people=people, rotations=parts["rotations"], levels=levels,
            policies=built_in(levels) | policies,
            routes=(*(route for route in routes if route), *BUILT_IN_ROUTES),
            summaries=tree.get("summaries", True) is True,
        )  # fmt: skip

    def check(self, oncall: OnCall) -> None:
        """See that every name leads somewhere."""
        for path, reason in _unreachable(oncall):
            self._wrong(path, reason)

    def _table(self, table: str, kind: type[Section], given: Any) -> dict[str, Any]:
        if not isinstance(given, dict):
            self._wrong((table,), f"{table} must be a table of tables")
            return {}
        found = {}
        for name, value in given.items():
            if not _KNOWN.fullmatch(name):
                self._wrong((table, name), f"{table}: a name is made of small letters, digits, - and _, not {name!r}")
            elif part := self._convert(value, kind, (table, name)):
                found[name] = part
        return found

    def _list(self, given: Any, name: str) -> list[Any]:
        if isinstance(given, list):
            return given
        self._wrong((name,), f"{name} must be tables in double brackets, [[{name}]]")
        return []

    def _convert(self, value: Any, kind: type[Kind], path: Path) -> Kind | None:
        try:
            return msgspec.convert(value, kind, dec_hook=_scalar)
        except msgspec.ValidationError as error:
            message = str(error)
            inside = _AT.search(message)
            field = re.search(r"field `([^`]+)`", message)
            deeper = re.split(r"[.\[]", inside[1])[:1] if inside else [field[1]] if field else []
            reason = message.split(" - at ", maxsplit=1)[0]
            self._wrong((*path, *deeper), f"{'.'.join((*path, *deeper))}: {reason}")
            return None

    def _wrong(self, path: Path, reason: str) -> None:
        while path and path not in self._lines:
            path = path[:-1]
        self.faults.append(f"{self._file}:{self._lines.get(path, 1)}: {reason}")


def _scalar(kind: type, value: Any) -> Any:
    """Read what TOML has no type for."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    if kind is ZoneInfo:
        return zone_of(value)
    if kind in (Span, Hours, Handover):
        return kind.parse(value)
    raise TypeError(f"no such type here: {kind.__name__}")


def _unreachable(oncall: OnCall) -> Iterator[tuple[Path, str]]:
    """Find the names that lead nowhere, and those who can't be reached."""
    if not oncall.levels:
        yield (), "there is neither [contact] nor a level: nobody would be told"
    for name in oncall.people.keys() & oncall.rotations.keys():
        yield ("rotations", name), f"{name} is a person and a rotation: give one of them another name"
    for name, person in oncall.people.items():
        yield from _person(name, person)
    for name, rotation in oncall.rotations.items():
        yield from _rotation(name, rotation, oncall)
    for name, level in oncall.levels.items():
        yield from _level(name, level, oncall)
    for name, policy in oncall.policies.items():
        yield from _policy(name, policy, oncall)
    for at, route in enumerate(oncall.routes):
        if route.policy and route.policy not in oncall.policies:
            yield ("routes", str(at), "policy"), f"there is no policy {route.policy}"


def _person(name: str, person: Person) -> Iterator[tuple[Path, str]]:
    path = (CONTACT, "channels") if name == CONTACT else ("people", name, "channels")
    if not person.channels:
        yield path, f"{name} has no channel and can't be told"
    for channel, address in person.channels.items():
        if reason := refusal(address):
            yield (*path, channel), f"{name}: channel {channel}: {reason}"
    for severity, names in (("critical", person.critical), ("warning", person.warning), ("info", person.info)):
        for channel in names:
            if channel not in person.channels:
                yield ("people", name, severity), f"{name} has no channel {channel}"


def _rotation(name: str, rotation: Rotation, oncall: OnCall) -> Iterator[tuple[Path, str]]:
    if bool(rotation.people) == bool(rotation.calendar):
        reason = "has no people" if not rotation.people else "has people and a calendar: it goes by one of them"
        yield ("rotations", name, "people"), f"rotation {name} {reason}"
    for person in rotation.people:
        if person not in oncall.people:
            yield ("rotations", name, "people"), f"rotation {name}: there is no person {person}"


def _level(name: str, level: Level, oncall: OnCall) -> Iterator[tuple[Path, str]]:
    if not level.who:
        yield ("levels", name, "who"), f"level {name} has nobody"
    for one in level.who:
        if one not in oncall.people and one not in oncall.rotations:
            yield ("levels", name, "who"), f"level {name}: there is no person or rotation {one}"
    known = {channel for person in oncall.people.values() for channel in person.channels}
    for channel in level.channels:
        if channel not in known:
            yield ("levels", name, "channels"), f"level {name}: nobody has a channel {channel}"


def _policy(name: str, policy: Policy, oncall: OnCall) -> Iterator[tuple[Path, str]]:
    if not policy.steps and not policy.then:
        yield ("policies", name, "steps"), f"policy {name} has no steps"
    for step in policy.steps:
        if step.level not in oncall.levels:
            yield ("policies", name, "steps"), f"policy {name}: there is no level {step.level}"
    if policy.then and policy.then not in oncall.policies:
        yield ("policies", name, "then"), f"policy {name}: there is no policy {policy.then}"
    way = list(chain(oncall.policies, name))
    if len(way) != len(set(way)):
        yield ("policies", name, "then"), f"policy {name} continues in a circle: {' → '.join(way)}"


def lines(text: str) -> dict[Path, int]:
    r"""Find the line of every table and key of a TOML text, by its path; tables of an array are numbered.

    >>> lines("[a.b]\nc = 1\n[[d]]\n[[d]]\ne = 2")[("d", "1", "e")]
    5
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare.startswith("[[") and "]]" in bare:
            path = _path(bare[2 : bare.index("]]")])
            counts[path] = counts.get(path, -1) + 1
            found.setdefault(path, number)
            table = (*path, str(counts[path]))
            found[table] = number
        elif bare.startswith("[") and "]" in bare and not bare.startswith(("[ ", "['")):
            table = _path(bare[1 : bare.index("]")])
            for depth in range(1, len(table) + 1):
                found.setdefault(table[:depth], number)
        elif key := _KEY.match(line):
            path = (*table, *_path(key[1]))
            for depth in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:depth], number)
    return found


def _path(dotted: str) -> Path:
    """Take a dotted name apart."""
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
