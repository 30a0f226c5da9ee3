"""Asking what a board asks, as Grafana would: its variables filled in, its range the last quarter of an hour."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

RANGE = 900
STEP = 15
FILLED = {
    "$__rate_interval": "30s",
    "$__interval": f"{STEP}s",
    "$__range": f"{RANGE}s",
    "$environment": ".*",
    "$service": ".*",
    "$instance": ".*",
    "$kind": ".+",
    "$search": "",
}
Json = Mapping[str, Any]


def targets(board: Json) -> Iterator[tuple[str, Json]]:
    """Go through all queries of a board, with the titles of their panels."""
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target


def filled(expr: str) -> str:
    """Fill in the variables: all of everything."""
    for name, value in FILLED.items():
        expr = expr.replace(name, value)
    return expr


def ask(target: Json, servers: Mapping[str, str]) -> list[Any]:
    """Ask a query of its data source (`servers`: uid to address) and return the result's series or streams."""
    uid = target["datasource"]["uid"]
    prefix = f"{servers[uid]}/loki/api/v1" if uid == "wardlight-logs" else f"{servers[uid]}/api/v1"
    now = target.get("instant") or target.get("queryType") == "instant"
    end = time.time()
    span = {"time": end} if now else {"start": end - RANGE, "end": end, "step": STEP}
    limit = {"limit": target["maxLines"]} if "maxLines" in target else {}
    asked = {"query": filled(target["expr"]), **span, **limit}
    answer = httpx.get(f"{prefix}/query{'' if now else '_range'}", params=asked, timeout=60)
    assert answer.is_success, f"{asked['query']}: {answer.text[:300]}"
    found: list[Any] = answer.json()["data"]["result"]
    return found
