"""ClickHouse's HTTP interface over chDB, as a process, for the real client: `clickhouse_shim.py DIRECTORY PORT`."""

from __future__ import annotations

import re
import sys
from typing import Any

import lz4.frame
import uvicorn
from chdb.session import Session
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

OURS = {"query", "database", "default_format", "session_id", "compress", "decompress", "wait_end_of_query", "query_id",
        "client_protocol_version", "role", "enable_http_compression"}  # fmt: skip
FORMAT = re.compile(r"\sFORMAT\s+(\w+)\s*$", re.IGNORECASE)


def answer(directory: str, params: dict[str, str], body: bytes) -> Response:
    """Run one request on a session of its own, with its settings and parameters."""
    session = Session(directory)
    try:
        for name, value in params.items():
            if name not in OURS and not name.startswith("param_"):
                quoted = value if re.fullmatch(r"-?\d+(\.\d+)?", value) else "'" + value.replace("'", "\\'") + "'"
                session.query(f"SET {name} = {quoted}")
        head, _, data = (params["query"].encode(), b"", body) if "query" in params else body.partition(b"\n")
        if head.lstrip().upper().startswith(b"INSERT"):
            return insert(session, head.decode(), data)
        sql = params.get("query") or body.decode()
        found = FORMAT.search(sql)
        form = found[1] if found else params.get("default_format", "TabSeparated")
        bound = {name[6:]: value for name, value in params.items() if name.startswith("param_")}
        result: Any = session.query(FORMAT.sub("", sql), form, params=bound)
        return Response(result.bytes(), headers={"X-ClickHouse-Format": form})
    except RuntimeError as error:
        code = re.search(r"Code: (\d+)", str(error))
        headers = {"X-ClickHouse-Exception-Code": code[1] if code else "1"}
        return Response(str(error), 500, headers)
    finally:
        session.close()


def insert(session: Session, sql: str, body: bytes) -> Response:
    """Insert a body: `INSERT INTO t (columns) FORMAT F`."""
    found = FORMAT.search(sql)
    assert found, sql
    inserter = session.send_insert(FORMAT.sub("", sql), found[1])
    inserter.append(body)
    done = inserter.finish()
    return Response(headers={"X-ClickHouse-Summary": f'{{"written_rows":"{done.rows_written}"}}'})


def main(directory: str, port: str) -> None:
    Session(directory).query("SELECT 1")
    kept = Session(directory)

    async def handle(request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "lz4":
            body = lz4.frame.decompress(body)
        return await run_in_threadpool(answer, directory, dict(request.query_params), body)

    app = Starlette(routes=[Route("/", handle, methods=["GET", "POST"]), Route("/ping", lambda _r: Response("Ok.\n"))])
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")
    kept.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
