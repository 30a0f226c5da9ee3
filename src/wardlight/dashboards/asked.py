"""What panels ask: queries to Prometheus and to the log store, and how parts of them recur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import loki, prometheus
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

METRICS = DataSourceRef(type_val="prometheus", uid="prometheus")
LOGS = DataSourceRef(type_val="loki", uid="wardlight-logs")
ALERTS = DataSourceRef(type_val="alertmanager", uid="alertmanager")

APP = 'job="application",instance=~"$instance"'
"""Chooses the application's metrics."""
ROUTES = f'{APP},http_route!~"/(healthz|canary|metrics)"'
"""Chooses what people wait for: health checks don't count."""
STREAMS = 'deployment_environment=~"$environment",service_name=~"$service"'
"""Chooses logs, beside their kind."""
SECONDS = "http_server_request_duration_seconds"


@dataclass(frozen=True)
class Query:
    """One query; `legend` names its series, as Grafana does it (`{{label}}`)."""

    source: DataSourceRef
    expr: str
    legend: str = ""

    def metric(self, ref: str, *, now: bool, shape: PromQueryFormat = PromQueryFormat.TIME_SERIES) -> _Built:
        """Write it for a panel: the value now, or its course."""
        if self.source is LOGS:
            built = loki.Dataquery().expr(self.expr).query_type("instant" if now else "range")
            return built.ref_id(ref).datasource(LOGS).legend_format(self.legend)
        asked = prometheus.Dataquery().expr(self.expr).format(shape)
        asked = asked.instant() if now else asked.range()
        return asked.ref_id(ref).datasource(METRICS).legend_format(self.legend or "__auto")

    def lines(self, ref: str, most: int) -> _Built:
        """Write a query of log lines, newest first."""
        return loki.Dataquery().expr(self.expr).query_type("range").max_lines(most).ref_id(ref).datasource(LOGS)


_Built = loki.Dataquery | prometheus.Dataquery


def metric(expr: str, legend: str = "") -> Query:
    """Ask Prometheus."""
    return Query(METRICS, " ".join(expr.split()), legend)


def logs(expr: str, legend: str = "") -> Query:
    """Ask the log store in LogQL."""
    return Query(LOGS, " ".join(expr.split()), legend)


def zero(expr: str, *labels: str) -> str:
    """Say 0 where there is nothing yet: of a series for everything, or named "none" by the labels that others have."""
    nothing = "vector(0)"
    for label in labels:
        nothing = f'label_replace({nothing}, "{label}", "none", "", "")'
    return f"({expr}) or on () {nothing}"


def rate(counter: str, chosen: str, by: Sequence[str] = ()) -> str:
    """Write how many a second, by labels."""
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouped} (rate({counter}{{{chosen}}}[$__rate_interval]))"


def count(counter: str, chosen: str, window: str, by: Sequence[str] = ()) -> str:
    """Write how many in a window, by labels; whole, since Prometheus extrapolates an increase to fractions."""
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"round(sum{grouped} (increase({counter}{{{chosen}}}[{window}])))"


def quantile(share: float, chosen: str, by: Sequence[str] = ()) -> str:
    """Write within how many seconds a share of the requests ends."""
    grouped = ", ".join((*by, "le"))
    return f"histogram_quantile({share}, sum by ({grouped}) (rate({SECONDS}_bucket{{{chosen}}}[$__rate_interval])))"
