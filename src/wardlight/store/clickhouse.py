"""ClickHouse servers over HTTP: the same table, the same SQL, one server or a cluster.

On a cluster an insert is answered when a quorum of each shard's replicas has it. A server of ours keeps its journal
(`store/journal.py`) either way, so that what was acknowledged survives the cluster being away.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from wardlight.problems import BadConfig, Unavailable
from wardlight.records import Protected
from wardlight.store import Limits, Table, Where
from wardlight.store.dialect import arrow_stream, by_partition, columns, comment, explained, settings
from wardlight.store.params import Param
from wardlight.store.schema import HAS_TEXT_INDEX, MIGRATIONS, TEXT_INDEX, VERSIONS, cluster_migrations

_NAME = re.compile(r"[A-Za-z_][\w-]*")


class ClickHouseStore:
    """A `LogStore` on ClickHouse at `url` (`http://user:password@host:8123/database`)."""

    def __init__(self, url: str, *, cluster: str = "", text_index: bool = True) -> None:
        if cluster and not _NAME.fullmatch(cluster):
            raise BadConfig(f"{cluster!r} can't be a cluster's name (store.cluster)")
        self._cluster = cluster
        self.where = Where(cluster=cluster, local=False)
        self._pause = threading.Lock()
        try:
            # Without a session of its own, a client serves several threads at once.
            self._client: Client = clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False)
        except (ClickHouseError, OSError) as error:
            raise Unavailable(f"ClickHouse can't be reached (store.clickhouse): {type(error).__name__}") from error
        self._migrate(text_index)

    def insert(self, batches: Iterable[Protected], token: str = "", table: Table = "logs") -> None:
        """Write batches partition by partition; on return a quorum has them. A known token is skipped."""
        parts = by_partition(batches, table)
        with self._pause, _explained():
            for partition, part in parts.items():
                same = (
                    {"insert_deduplication_token": f"{token}.{partition}"}
                    if token
                    else {"deduplicate_insert": "disable"}
                )
                self._client.raw_insert(
                    table,
                    column_names=columns(part),
                    insert_block=arrow_stream(part),
                    fmt="ArrowStream",
                    settings=same | self._durable(),
                )

    def select(
        self, sql: str, params: Mapping[str, Param] | None = None, *, limits: Limits = Limits(), tag: str = ""
    ) -> pa.Table:
        """Run one SELECT with bound parameters."""
        with _explained():
            answer = self._client.raw_query(
                sql, parameters=dict(params or {}), settings=settings(limits, tag), fmt="ArrowStream"
            )
        return pa.ipc.open_stream(answer).read_all()

    def cancel(self, tag: str) -> None:
        """Stop the running queries that carry this tag, on every server."""
        where = "WHERE Settings['log_comment'] = {tag:String} ASYNC"
        with _explained():
            self._client.raw_query(f"KILL QUERY {self._everywhere()} {where}", parameters={"tag": comment(tag)})

    def manage(self, statement: str, params: Mapping[str, Param] | None = None) -> None:
        """Run one administrative statement."""
        with _explained():
            self._client.raw_query(
                statement, parameters=dict(params or {}), settings={"log_comment": comment("manage")}
            )

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold this server's inserts back."""
        with self._pause:
            yield

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _migrate(self, text_index: bool) -> None:
        """Run the steps that this database hasn't seen."""
        versions = VERSIONS
        if self._cluster:
            versions = VERSIONS.replace("migrations (", f"migrations {self._everywhere()} (", 1)
        with _explained():
            self._client.command(versions)
            done = self.select("SELECT max(version) AS version FROM migrations")["version"][0].as_py()
            for step in cluster_migrations(self._cluster) if self._cluster else MIGRATIONS:
                if step.version > done:
                    for statement in step.statements:
                        self._client.command(statement)
                    self._client.insert("migrations", [[step.version]], column_names=["version"])
            table = self.where.local_table("logs")
            if self.select(HAS_TEXT_INDEX.format(table=table))["has"][0].as_py() != text_index:
                self._client.command(TEXT_INDEX[text_index].format(table=f"{table} {self._everywhere()}"))

    def _everywhere(self) -> str:
        return f"ON CLUSTER '{self._cluster}'" if self._cluster else ""

    def _durable(self) -> dict[str, str | int]:
        """Settings by which an insert into a cluster returns only when it is safe."""
        return {"insert_quorum": "auto", "distributed_foreground_insert": 1} if self._cluster else {}


@contextmanager
def _explained() -> Iterator[None]:
    """Turn ClickHouse's errors, and its being away, into problems of ours; tracebacks don't show its: they quote values."""
    try:
        yield
    except DatabaseError as error:
        raise explained(str(error)) from None
    except (ClickHouseError, OSError) as error:
        raise Unavailable(f"ClickHouse doesn't answer (store.clickhouse): {type(error).__name__}") from None
