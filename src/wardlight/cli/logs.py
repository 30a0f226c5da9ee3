"""`wardlight logs`: ask a running server in LogQL, or follow new lines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import click
import httpx

from wardlight.cli.reach import Reach, reaching
from wardlight.problems import BadInput, Busy, Denied, Problem, TimedOut, Unauthenticated, Unavailable

_PAGE = 1000
_SOURCES = ("service_name", "service", "app", "job", "container", "host_name")
_COLOURS = {
    "trace": "bright_black",
    "debug": "bright_black",
    "info": "green",
    "warn": "yellow",
    "error": "red",
    "fatal": "magenta",
}
_PROBLEMS: dict[int, type[Problem]] = {401: Unauthenticated, 403: Denied, 429: Busy, 503: Unavailable, 504: TimedOut}


@dataclass(frozen=True)
class Found:
    """One line of an answer."""

    ts: int
    labels: dict[str, str]
    line: str


@click.command()
@click.argument("query")
@click.option("--since", metavar="DURATION", help="How far back, as 15m or 2d; an hour if nothing is said.")
@click.option("--from", "start", metavar="TIME", help="Begin here: RFC 3339, or seconds since 1970.")
@click.option("--to", "end", metavar="TIME", help="End here; now if nothing is said.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Most lines.")
@click.option("--follow", "-f", is_flag=True, help="Go on with new lines as they come.")
@click.option("--output", type=click.Choice(["text", "json", "raw"]), default="text", show_default=True,
              help="Lines for people, JSON objects, or the bare lines.")  # fmt: skip
@reaching
def logs(
    *,
    query: str,
    since: str | None,
    start: str | None,
    end: str | None,
    limit: int,
    output: str,
    reach: Reach,
    follow: bool,
) -> None:
    """Show log lines, or the values of a metric QUERY, in LogQL: '{service_name="portal"} |= "timeout"'.

    Lines come oldest first. Exits with 65 when the query makes no sense, with 69 when the server is away.
    """
    span = {name: value for name, value in (("since", since), ("start", start), ("end", end)) if value}
    try:
        with reach.client(90.0) as client:
            if follow:
                _print(_followed(reach, {"query": query, "limit": str(limit), **span}), output)
                return
            answer = _ask(client, {"query": query, "limit": str(min(limit, _PAGE)), **span})
            if answer["resultType"] == "streams":
                _print(_pages(client, query, span, limit, answer), output)
            else:
                _print_series(answer["result"], output)
    except httpx.TransportError as error:
        raise Unavailable(f"no server answers at {reach.url}: {error}") from None
    except KeyboardInterrupt:
        sys.exit(130)


def _ask(client: httpx.Client, parameters: dict[str, str]) -> Any:
    answer = client.get("/loki/api/v1/query_range", params=parameters)
    if answer.status_code != 200:
        raise _PROBLEMS.get(answer.status_code, BadInput if answer.status_code < 500 else Problem)(answer.text.strip())
    return answer.json()["data"]


def _pages(client: httpx.Client, query: str, span: dict[str, str], limit: int, answer: Any) -> list[Found]:
    """Gather the newest lines, page by page backwards; return them oldest first."""
    found: dict[Found | tuple[int, str, str], Found] = {}
    while True:
        page = sorted(_lines(answer["result"]), key=lambda each: each.ts)
        before = len(found)
        for each in page:
            found[(each.ts, json.dumps(each.labels, sort_keys=True), each.line)] = each
        if len(found) == before or len(page) < _PAGE or len(found) >= limit:
            return sorted(found.values(), key=lambda each: each.ts)[-limit:]
        # The next page may repeat lines of the oldest moment, and begins with it.
        older = {"query": query, "limit": str(_PAGE), **span, "end": str(page[0].ts + 1)}
        answer = _ask(client, older)


def _lines(streams: Iterable[Any]) -> Iterator[Found]:
    for stream in streams:
        for value in stream["values"]:
            yield Found(int(value[0]), stream["stream"], value[1])


def _followed(reach: Reach, parameters: dict[str, str]) -> Iterator[Found]:
    """Listen to the server's tail; when the connection breaks, go on a second later."""
    from websockets.exceptions import ConnectionClosed, InvalidStatus
    from websockets.sync.client import connect

    known: dict[str, Any] = {"additional_headers": reach.headers}
    if reach.context:
        known |= {"ssl": reach.context, "server_hostname": reach.pin.name if reach.pin else None}
    address = f"{reach.url.replace('http', 'ws', 1)}/loki/api/v1/tail"
    while True:
        try:
            with connect(f"{address}?{urlencode(parameters)}", **known, max_size=None) as socket:
                for message in socket:
                    found = list(_lines(json.loads(message).get("streams", [])))
                    yield from sorted(found, key=lambda each: each.ts)
        except InvalidStatus as error:
            body = error.response.body.decode().strip() if error.response.body else str(error)
            raise _PROBLEMS.get(error.response.status_code, BadInput)(body) from None
        except ConnectionClosed:
            parameters = {**parameters, "start": str(time.time_ns())}
        except OSError as error:
            raise Unavailable(f"no server answers at {reach.url}: {error}") from None
        time.sleep(1)


def _print(found: Iterable[Found], output: str) -> None:
    for each in found:
        if output == "raw":
            click.echo(each.line)
        elif output == "json":
            click.echo(
                json.dumps({"time": _time(each.ts), "labels": each.labels, "line": each.line}, ensure_ascii=False)
            )
        else:
            level = each.labels.get("level") or each.labels.get("detected_level") or ""
            source = next((each.labels[name] for name in _SOURCES if name in each.labels), "")
            marked = click.style(f"{level:5}", fg=_COLOURS.get(level))
            click.echo(f"{click.style(_time(each.ts), dim=True)} {marked} {click.style(source, bold=True)} {each.line}")


def _print_series(series: Any, output: str) -> None:
    """Write a metric's values, a line for each; JSON has a series a line."""
    for each in series:
        if output == "json":
            click.echo(json.dumps(each, ensure_ascii=False))
            continue
        labels = ", ".join(f'{name}="{value}"' for name, value in sorted(each["metric"].items()))
        for ts, value in each["values"]:
            click.echo(value if output == "raw" else f"{_time(int(ts * 10**9))} {{{labels}}} {value}")


def _time(ns: int) -> str:
    """Write a moment in local time, to the millisecond."""
    local = datetime.fromtimestamp(ns // 10**9, UTC).astimezone()
    return f"{local:%Y-%m-%dT%H:%M:%S}.{ns // 10**6 % 1000:03d}{local:%z}"
