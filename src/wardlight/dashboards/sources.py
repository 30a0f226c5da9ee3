"""The data sources that the boards name by their uids, as Grafana's files and its API take them."""

from __future__ import annotations

from wardlight.dashboards.folders import Json


def sources(*, prometheus: str, logs: str, alertmanager: str, token: str = "") -> dict[str, Json]:
    """Describe them by uid, with the addresses at which Grafana reaches them.

    `token` is sent to Wardlight with each question: one that may query, from `wardlight token`.
    """
    header = {"httpHeaderName1": "Authorization"} if token else {}
    secret = {"secureJsonData": {"httpHeaderValue1": f"Bearer {token}"}} if token else {}
    managed = {"implementation": "prometheus", "handleGrafanaManagedAlerts": False}
    scraped = {"timeInterval": "5s", "httpMethod": "POST"}
    return {
        "prometheus": _source("Wardlight metrics", "prometheus", prometheus, scraped),
        "wardlight-logs": _source("Wardlight logs", "loki", logs, {"maxLines": 1000, **header}) | secret,
        "alertmanager": _source("Wardlight alerts", "alertmanager", alertmanager, managed),
    }


def _source(name: str, kind: str, url: str, more: Json) -> Json:
    return {"name": name, "type": kind, "access": "proxy", "url": url, "jsonData": more}
