"""Templates in labels and annotations: Go's text/template with Prometheus's variables and functions.

`$labels`, `$value`, `$externalLabels` (none) and `$externalURL`; Go's own functions and those of `_OWN`. `query` is
left out on purpose: what leaves in an alert is the alert's own labels and value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from typing import Any

from wardlight.query import template, units
from wardlight.query.template import TemplateError, parser
from wardlight.query.template.functions import FUNCTIONS
from wardlight.query.template.layout import Moment
from wardlight.query.template.values import show_inside
from wardlight.query.tree import regexp

_VARIABLES = (
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"
)
_GO = (
    "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "print", "println", "printf",
    "urlquery", "html", "js", "title",
)  # fmt: skip
_BINARY = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")


@dataclass(frozen=True)
class Text:
    """A template, read once. Reading raises TemplateError."""

    source: str

    def __post_init__(self) -> None:
        self._nodes  # noqa: B018 -- read it now, so that a fault is told now

    @cached_property
    def _nodes(self) -> tuple[parser.Node, ...]:
        return parser.parse(_VARIABLES + self.source, _KNOWN)

    def render(self, labels: Mapping[str, str], value: float, url: str) -> str:
        """Fill it in; a failure becomes its text, as Prometheus does it."""
        if "{{" not in self.source:
            return self.source
        dot = {
            "Labels": template.Labels(labels), "ExternalLabels": template.Labels(), "ExternalURL": url, "Value": value,
        }  # fmt: skip
        try:
            return template.execute(self._nodes, dot, _FUNCTIONS)
        except TemplateError as error:
            return f"<error expanding template: {error}>"


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TemplateError(f"can't convert {type(value).__name__} to float")
    try:
        return units.parse_float(value) if isinstance(value, str) else float(value)
    except ValueError as error:
        raise TemplateError(str(error)) from None


def _short(value: float) -> str:
    """Write four significant digits, as Go's `%.4g`."""
    if math.isfinite(value):
        return f"{value:.4g}"
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _grown(value: float, prefixes: Sequence[str], base: float) -> str:
    """Divide by the base for as many prefixes as it takes to get below it."""
    prefix = ""
    for each in prefixes:
        if abs(value) < base:
            break
        prefix, value = each, value / base
    return _short(value) + prefix


def _shrunk(value: float) -> str:
    """Multiply by a thousand for as many prefixes as it takes to reach one."""
    prefix = ""
    for each in "munpfazy":
        if abs(value) >= 1:
            break
        prefix, value = each, value * 1000
    return _short(value) + prefix


def _humanize(given: Any) -> str:
    value = _number(given)
    if value == 0 or not math.isfinite(value):
        return _short(value)
    return _grown(value, "kMGTPEZY", 1000) if abs(value) >= 1 else _shrunk(value)


def _humanize1024(given: Any) -> str:
    value = _number(given)
    return _grown(value, _BINARY, 1024) if math.isfinite(value) else _short(value)


def _humanize_duration(given: Any) -> str:
    value = _number(given)
    if not math.isfinite(value):
        return _short(value)
    if abs(value) < 1:
        return (_shrunk(value) if value else "0") + "s"
    sign, whole = "-" if value < 0 else "", int(abs(value))
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{_short(abs(value))}s"


def _humanize_timestamp(given: Any) -> str:
    value = _number(given)
    return show_inside(_moment(value)) if math.isfinite(value) else _short(value)


def _moment(given: Any) -> Moment:
    value = _number(given)
    if not abs(value) < 2**63 / 10**9:
        raise TemplateError(f"{_short(value)} cannot be represented as a timestamp")
    return Moment(int(value * 1000) * 10**6)


def _duration(text: str) -> float:
    try:
        return units.parse_prometheus_duration(text) / 1e9
    except ValueError as error:
        raise TemplateError(str(error)) from None


def _matches(expression: str, text: str) -> bool:
    try:
        return regexp(expression).search(text) is not None
    except ValueError as error:
        raise TemplateError(str(error)) from None


def _without_port(host: str) -> str:
    bare, colon, _ = host.rpartition(":")
    return bare.strip("[]") if colon and (":" not in bare or bare.endswith("]")) else host


def _without_domain(host: str) -> str:
    bare = _without_port(host)
    try:
        ip_address(bare)
    except ValueError:
        return bare.partition(".")[0] + host[len(bare) :]
    return host


_OWN: dict[str, Callable[..., Any]] = {
    "humanize": _humanize,
    "humanize1024": _humanize1024,
    "humanizeDuration": _humanize_duration,
    "humanizePercentage": lambda value: f"{_short(_number(value) * 100)}%",
    "humanizeTimestamp": _humanize_timestamp,
    "toTime": _moment,
    "parseDuration": _duration,
    "toUpper": FUNCTIONS["upper"],
    "toLower": FUNCTIONS["lower"],
    "match": _matches,
    "reReplaceAll": lambda expression, new, text: FUNCTIONS["regexReplaceAll"](expression, text, new),
    "stripPort": _without_port,
    "stripDomain": _without_domain,
    "safeHtml": lambda text: text,
}
_FUNCTIONS = {name: FUNCTIONS[name] for name in _GO} | _OWN
_KNOWN = frozenset(_FUNCTIONS)
