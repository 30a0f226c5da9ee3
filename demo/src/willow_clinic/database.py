"""The application's way to PostgreSQL: two pools, one as the application and one as the canary."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, LiteralString

from fastapi import Depends, Request
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]


class Database:
    """Both pools; they connect in the background, and again after the database was away."""

    def __init__(self, data: Path, port: int) -> None:
        self._data = data
        self._port = port
        self.records = self._pool("app", most=16, timeout=0.9)
        self.canary = self._pool("canary", most=1, timeout=1.5)

    def address(self, name: str) -> str:
        """Say how to connect; read each time, as on first start the database writes it after us."""
        path = self._data / f"{name}.uri"
        known = path.read_text().strip() if path.exists() else ""
        return make_conninfo(known, host="127.0.0.1", port=self._port, connect_timeout=3)

    def _pool(self, name: str, *, most: int, timeout: float) -> Pool:
        return AsyncConnectionPool(
            partial(self.address, name),
            kwargs={"row_factory": dict_row, "application_name": f"willow-clinic {name}"},
            min_size=1,
            max_size=most,
            timeout=timeout,
            max_idle=60.0,
            reconnect_timeout=5.0,
            check=AsyncConnectionPool.check_connection,
            open=False,
            name=name,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Keep the pools open meanwhile, whether or not the database is there."""
        for pool in (self.records, self.canary):
            await pool.open(wait=False)
        try:
            yield
        finally:
            for pool in (self.records, self.canary):
                await pool.close(timeout=2.0)


async def _connection(request: Request) -> AsyncIterator[AsyncConnection[DictRow]]:
    """Lend a connection to one request: committed before the answer, rolled back on an error."""
    database: Database = request.app.state.database
    async with database.records.connection() as connection:
        yield connection


Connection = Annotated[AsyncConnection[DictRow], Depends(_connection, scope="function")]


async def one(connection: AsyncConnection[DictRow], query: LiteralString, **values: Any) -> DictRow | None:
    """Run a query of our own and give the first row, if there is one."""
    return await (await connection.execute(query, values)).fetchone()


async def rows(connection: AsyncConnection[DictRow], query: LiteralString, **values: Any) -> list[DictRow]:
    """Run a query of our own and give all rows."""
    return await (await connection.execute(query, values)).fetchall()
