"""Queries that people keep: under a name, for themselves or for everybody. Blocking; each call is one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Column, Integer, MetaData, Table, Text, delete, func, insert, or_, select

from wardlight.clock import Clock, moment
from wardlight.problems import BadInput, NotFound
from wardlight.query.parse import parse
from wardlight.store.schema import Migration
from wardlight.store.state import Instant, State

MOST = 100
"""Queries of one person."""
_LONGEST = 10_000
_LONGEST_NAME = 100

_queries = Table(
    "saved_queries",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", Text),
    Column("query", Text),
    Column("owner", Text),
    Column("shared", Boolean),
    Column("at", Instant),
)

_FIRST = """
CREATE TABLE saved_queries (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    owner TEXT NOT NULL,
    shared BOOLEAN NOT NULL,
    at BIGINT NOT NULL
)"""

MIGRATIONS = (Migration(1, "queries that people keep", (_FIRST,)),)


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A query with its name."""

    id: int
    name: str
    query: str
    owner: str
    shared: bool
    at: datetime


class SavedQueries:
    """The queries of everybody; a private one is there for its owner only."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        state.migrate("console", MIGRATIONS)

    def seen_by(self, person: str) -> list[Saved]:
        """List somebody's own queries and the shared ones, by name."""
        mine = or_(_queries.c.owner == person, _queries.c.shared)
        with self._state.read() as connection:
            rows = connection.execute(select(_queries).where(mine).order_by(_queries.c.name, _queries.c.id)).mappings()
            return [Saved(**row) for row in rows]

    def keep(self, name: str, query: str, owner: str, *, shared: bool) -> Saved:
        """Keep a query; one's own of the same name is replaced. Raises BadInput, also for a query that can't be read."""
        name = name.strip()
        if not name or len(name) > _LONGEST_NAME:
            raise BadInput(f"the query needs a name of at most {_LONGEST_NAME} characters")
        if len(query) > _LONGEST:
            raise BadInput(f"a query that is kept has at most {_LONGEST} characters")
        parse(query)
        with self._state.write() as connection:
            own = _queries.c.owner == owner
            connection.execute(delete(_queries).where(own, _queries.c.name == name))
            if (connection.scalar(select(func.count()).select_from(_queries).where(own)) or 0) >= MOST:
                raise BadInput(f"{MOST} queries are kept already: delete one first")
            saved = Saved(
                id=(connection.scalar(select(func.max(_queries.c.id))) or 0) + 1, name=name, query=query, owner=owner,
                shared=shared, at=moment(self._clock.now_ns()),
            )  # fmt: skip
            connection.execute(insert(_queries).values(vars(saved)))
        return saved

    def drop(self, query_id: int, owner: str) -> None:
        """Delete one of one's own. Raises NotFound."""
        with self._state.write() as connection:
            gone = connection.execute(delete(_queries).where(_queries.c.id == query_id, _queries.c.owner == owner))
        if gone.rowcount == 0:
            raise NotFound("none of your queries has this number")
