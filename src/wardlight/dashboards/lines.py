"""Logs shows what happened at a moment; graphs lead here."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import CustomVariable, TextBoxVariable
from grafana_foundation_sdk.models.dashboard import VariableOption

from wardlight.dashboards.asked import STREAMS, logs
from wardlight.dashboards.board import Row, board
from wardlight.dashboards.folders import Json
from wardlight.dashboards.panels import Panel, bars, graph, log

CHOSEN = f'{{{STREAMS},kind=~"$kind"}} |~ `(?i)$search`'


def built() -> Json:
    """Compose the board."""
    return board(
        "wardlight-logs",
        "Logs",
        "What happened at this moment?",
        [Row("How many", _counts()), Row("Which", _lines())],
        more=[_kind(), TextBoxVariable("search").label("Search").default_value("")],
    )


def _kind() -> CustomVariable:
    """Choose kinds of logs; `audit` shows who opened whose record."""
    every = VariableOption(selected=True, text=["All"], value=["$__all"])
    kinds = CustomVariable("kind").label("Kind").values("application,security,error,audit").current(every)
    return kinds.multi(multi=True).include_all(include_all=True).all_value(".+")


def _counts() -> list[Panel]:
    return [
        graph(
            "Lines", "How many lines of what is chosen there are in each stretch of time, by level.",
            logs(f"sum by (level) (count_over_time({CHOSEN} [$__interval]))", "{{level}}"), counts=True, width=16,
        ),
        bars(
            "By service", "Which services the lines come from.",
            logs(f"sum by (service_name, kind) (count_over_time({CHOSEN} [$__range]))", "{{service_name}} {{kind}}"),
        ),
    ]  # fmt: skip


def _lines() -> list[Panel]:
    return [
        log("Log lines", "The newest lines of what is chosen; open one for all that is known about it.", logs(CHOSEN),
            height=20),
    ]  # fmt: skip
