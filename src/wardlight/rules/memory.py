"""What rules remember over a restart: when each group was last evaluated, and its alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict

from sqlalchemy import JSON, BigInteger, Column, Connection, MetaData, Table, Text, delete, insert, select, tuple_

from wardlight.records import labels_of
from wardlight.rules.model import Alert, AlertRule, Group, Rule
from wardlight.store.schema import Migration
from wardlight.store.state import State

Rules = Mapping[str, Mapping[str, Alert]]
"""Alerts by rule (`keys`) and by labels."""

_metadata = MetaData()
_groups = Table("rule_groups", _metadata, Column("name", Text, primary_key=True), Column("evaluated", BigInteger))
_TIMES = ("active_ns", "fired_ns", "absent_ns", "resolved_ns", "sent_ns")
_alerts = Table(
    "rule_alerts",
    _metadata,
    Column("group_name", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("labels", Text, primary_key=True),
    Column("annotations", JSON),
    Column("value", Text),
    Column("state", Text),
    *(Column(name, BigInteger) for name in _TIMES),
)

MIGRATIONS = (
    Migration(
        1,
        "when groups of rules were evaluated, and their alerts",
        (
            "CREATE TABLE rule_groups (name TEXT PRIMARY KEY, evaluated BIGINT NOT NULL)",
            """
CREATE TABLE rule_alerts (
    group_name TEXT NOT NULL,
    rule TEXT NOT NULL,
    labels TEXT NOT NULL,
    annotations JSON NOT NULL,
    value TEXT NOT NULL,
    state TEXT NOT NULL,
    active_ns BIGINT NOT NULL,
    fired_ns BIGINT,
    absent_ns BIGINT,
    resolved_ns BIGINT,
    sent_ns BIGINT,
    PRIMARY KEY (group_name, rule, labels)
)""",
        ),
    ),
)
"""In order; a released one is never changed. Times are nanoseconds since 1970; `value` is what `repr` makes of it."""


def keys(rules: tuple[Rule, ...]) -> list[str]:
    """Name each rule so that a change of its expression or place doesn't lose its alerts."""
    found: list[str] = []
    for rule in rules:
        texts = {name: text.source for name, text in rule.labels.items()} if isinstance(rule, AlertRule) else {}
        base = f"{rule.name} {sorted(texts.items())}"
        found.append(f"{base} {sum(key.startswith(base) for key in found)}")
    return found


class Memory:
    """The rules' part of the state database. Methods block; they raise Unavailable."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.migrate("rules", MIGRATIONS)

    def load(self, group: Group) -> tuple[int | None, dict[str, dict[str, Alert]]]:
        """Say when a group was last evaluated (None: never), and its alerts; those of rules it no longer has go."""
        known: dict[str, dict[str, Alert]] = {key: {} for key in keys(group.rules)}
        own = _alerts.c.group_name == group.key
        with self._state.write() as connection:
            connection.execute(delete(_alerts).where(own, _alerts.c.rule.not_in(list(known))))
            evaluated = connection.scalar(select(_groups.c.evaluated).where(_groups.c.name == group.key))
            for row in connection.execute(select(_alerts).where(own)).mappings():
                values = {**row, "labels": labels_of(row["labels"]), "value": float(row["value"])}
                del values["group_name"], values["rule"]
                known[row["rule"]][row["labels"]] = Alert(**values)
        return evaluated, known

    def save(self, group: Group, evaluated_ns: int, before: Rules, after: Rules) -> None:
        """Keep what an evaluation changed; on return it is on disk."""
        had = {(rule, key): alert for rule, alerts in before.items() for key, alert in alerts.items()}
        has = {(rule, key): alert for rule, alerts in after.items() for key, alert in alerts.items()}
        changed = {place: alert for place, alert in has.items() if had.get(place) != alert}
        stale = [place for place in had if has.get(place) != had[place]]
        with self._state.write() as connection:
            connection.execute(delete(_groups).where(_groups.c.name == group.key))
            connection.execute(insert(_groups).values(name=group.key, evaluated=evaluated_ns))
            _remove(connection, group.key, stale)
            if changed:
                rows = [
                    {**asdict(alert), "group_name": group.key, "rule": rule, "labels": key, "value": repr(alert.value)}
                    for (rule, key), alert in changed.items()
                ]
                connection.execute(insert(_alerts), rows)

    def forget(self, keep: Callable[[str], bool]) -> None:
        """Drop the groups, by `Group.key`, that aren't to be kept."""
        with self._state.write() as connection:
            gone = [name for name in connection.scalars(select(_groups.c.name)) if not keep(name)]
            for name in gone:
                connection.execute(delete(_groups).where(_groups.c.name == name))
                connection.execute(delete(_alerts).where(_alerts.c.group_name == name))


def _remove(connection: Connection, group: str, places: list[tuple[str, str]]) -> None:
    for at in range(0, len(places), 500):
        some = tuple_(_alerts.c.rule, _alerts.c.labels).in_(places[at : at + 500])
        connection.execute(delete(_alerts).where(_alerts.c.group_name == group, some))
