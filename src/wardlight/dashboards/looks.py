"""How values look: thresholds, words in place of numbers, links that lead on."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from grafana_foundation_sdk.builders.dashboard import DashboardLink, ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

Marks = tuple[tuple[float | None, str], ...]
"""From which value on which colour; the first has no value."""

PLAIN: Marks = ((None, "blue"),)
UP: Marks = ((None, "red"), (1, "green"))
ANY: Marks = ((None, "green"), (1, "red"))
"""One is one too many."""
MOMENT_MS = 600_000
"""So long a stretch of logs a link shows, around the moment."""

YES = {"0": ("Down", "red"), "1": ("Up", "green")}
READABLE = {"0": ("Unreadable", "red"), "1": ("Readable", "green")}
SOUND = {"0": ("Stopped", "red"), "1": ("Recorded", "green")}


def above(warn: float, bad: float) -> Marks:
    """High is bad."""
    return ((None, "green"), (warn, "orange"), (bad, "red"))


def below(warn: float, bad: float) -> Marks:
    """Low is bad."""
    return ((None, "red"), (bad, "orange"), (warn, "green"))


def thresholds(marks: Marks) -> ThresholdsConfig:
    """Write thresholds."""
    steps = [Threshold(value=value, color=colour) for value, colour in marks]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def words(named: Mapping[str, tuple[str, str]]) -> list[ValueMapping]:
    """Write words and their colours in place of numbers."""
    results = {
        value: ValueMappingResult(text=text, color=colour, index=at)
        for at, (value, (text, colour)) in enumerate(named.items())
    }
    return [ValueMap(options=results)]


def to_logs(kinds: str, search: str = "") -> DashboardLink:
    """Lead from a point of a graph to the logs around its moment: the board of logs takes `time` and `time.window`.

    `kinds` are joined by `|`; each is a value of its own, since Grafana takes a value for a text and not for an expression.
    """
    asked = f"time=${{__value.time}}&time.window={MOMENT_MS}"
    asked += "".join(f"&var-kind={kind}" for kind in kinds.split("|")) + (
        f"&var-search={quote(search)}" if search else ""
    )
    chosen = "${environment:queryparam}&${service:queryparam}"
    return DashboardLink("Logs of this moment").type(DashboardLinkType.LINK).url(f"/d/wardlight-logs?{asked}&{chosen}")
