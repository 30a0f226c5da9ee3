"""The one table of routes: who may open which. The gate, `docs/access.md` and the tests are all made from it.

A route is METHODS and the template of its path, as it is registered; `WS` is a websocket, `GRPC` a call. A route that
isn't here is refused. Where several rights are named, one of them is enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wardlight.access.principal import Principal
from wardlight.access.roles import Right


@dataclass(frozen=True)
class Need:
    """What a route asks of whoever comes."""

    rights: frozenset[Right] = frozenset()
    """One of these; none: to be known is enough."""
    public: bool = False
    """Nobody needs to be known."""

    def met(self, asker: Principal | None) -> bool:
        """Whether somebody may; None is somebody unknown."""
        if self.public:
            return True
        return asker is not None and (not self.rights or bool(self.rights & asker.rights))

    def __str__(self) -> str:
        if self.public:
            return "everybody"
        return " or ".join(f"`{right}`" for right in Right if right in self.rights) or "whoever has signed in"


PUBLIC = Need(public=True)
KNOWN = Need()


def _one_of(*rights: Right) -> Need:
    return Need(frozenset(rights))


_LOOK, _LOGS, _ACT, _TELL = _one_of(Right.LOOK), _one_of(Right.LOGS), _one_of(Right.ACT), _one_of(Right.TELL)
_TRAIL, _MANAGE, _ADMIT, _OWN = (_one_of(it) for it in (Right.TRAIL, Right.MANAGE, Right.ADMIT, Right.OWN))
_SEND, _PING = _one_of(Right.SEND), _one_of(Right.PING)

_LOKI = "/loki/api/v1"
_INCIDENT = "/api/v1/incidents/{incident_id}"
_HEARTBEAT = "/api/v1/heartbeats/{slug}"

_WRITTEN: Mapping[str, Mapping[str, Need]] = {
    "Health": {
        "GET /healthz": PUBLIC,
        "GET /readyz": PUBLIC,
        "GET /ready": PUBLIC,
        "GET /metrics": _LOOK,
        "GET HEAD /openapi.json": _LOOK,
    },
    "Signing in": {
        "GET POST /sign-in": PUBLIC,
        "GET POST /sign-in/code": PUBLIC,
        "GET /sign-in/elsewhere": PUBLIC,
        "GET /sign-in/back": PUBLIC,
        "GET POST /welcome/{secret}": PUBLIC,
        "POST /sign-out": PUBLIC,
        "GET /console/static/{build}/{name:path}": PUBLIC,
        "GET /account": KNOWN,
        "POST /account/{action}": KNOWN,
    },
    "Sending": {
        "POST /v1/logs": _SEND,
        "POST /otlp/v1/logs": _SEND,
        f"POST {_LOKI}/push": _SEND,
        "POST /api/v1/ingest": _SEND,
        "POST PUT /_bulk": _SEND,
        "POST PUT /{index}/_bulk": _SEND,
        "POST PUT /elasticsearch/_bulk": _SEND,
        "POST PUT /elasticsearch/{index}/_bulk": _SEND,
        "GET HEAD /elasticsearch/": _SEND,
        "GET HEAD /elasticsearch/_license": _SEND,
        "GET HEAD /elasticsearch/_cluster/health": _SEND,
        "GET HEAD /elasticsearch/_cat/health": _SEND,
        "GET HEAD POST PUT DELETE /elasticsearch/{path:path}": _SEND,
        "POST /fhir": _SEND,
        "POST /fhir/": _SEND,
        "POST /fhir/AuditEvent": _SEND,
        "GRPC opentelemetry.proto.collector.logs.v1.LogsService/Export": _SEND,
    },
    "Machines that report": {
        "POST /api/v1/alertmanager": _PING,
        "GET HEAD POST /ping/{slug}": _PING,
        "GET HEAD POST /ping/{slug}/{word}": _PING,
    },
    "Overview": {
        "GET /": _LOOK,
        "GET /console/live": _LOOK,
    },
    "Dashboards": {
        "GET /dashboards": _LOOK,
        "GET /dashboards/{uid}": _LOOK,
        "GET /api/v1/metrics/query": _LOOK,
        "GET /api/v1/metrics/query_range": _LOOK,
        "GET /api/v1/metrics/series": _LOOK,
        "GET /api/v1/metrics/labels": _LOOK,
        "GET /api/v1/metrics/label/{name}/values": _LOOK,
    },
    "Logs": {
        **{
            f"GET POST {_LOKI}/{name}": _LOGS
            for name in (
                "query_range",
                "query",
                "labels",
                "label",
                "label/{name}/values",
                "series",
                "detected_labels",
                "detected_fields",
                "detected_field/{name}/values",
                "index/stats",
                "index/volume",
                "index/volume_range",
                "patterns",
                "drilldown-limits",
                "format_query",
            )
        },
        "GET /logs": _LOGS,
        "GET /logs/more": _LOGS,
        "GET /logs/line": _LOGS,
        "GET /logs/tail": _LOGS,
        "GET /logs/download": _LOGS,
        "POST /logs/saved": _LOGS,
        "POST /logs/saved/{query_id}/delete": _LOGS,
        "GET /users": _LOGS,
        "GET /security": _LOGS,
        "GET /errors": _LOGS,
        f"GET {_LOKI}/status/buildinfo": _LOGS,
        f"WS {_LOKI}/tail": _LOGS,
        "GET /prometheus/api/v1/rules": _LOOK,
        "GET /prometheus/api/v1/alerts": _LOOK,
    },
    "Incidents": {
        "GET /incidents": _LOOK,
        "GET /incidents/{incident_id}": _LOOK,
        "POST /incidents/{incident_id}/{action}": _ACT,
        "GET /api/v1/incidents": _LOOK,
        f"GET {_INCIDENT}": _LOOK,
        "GET /api/v1/alert-history": _LOOK,
        **{
            f"POST {_INCIDENT}/{deed}": _ACT
            for deed in ("acknowledge", "release", "note", "resolve", "document", "merge", "silence")
        },
        f"DELETE {_INCIDENT}/silence/{{silence_id}}": _ACT,
        "GET POST /ack/{token}": PUBLIC,
    },
    "On call": {
        "GET /oncall": _LOOK,
        "GET /api/v1/oncall": _LOOK,
        "GET /api/v1/oncall/{rotation}.ics": _LOOK,
        "POST /api/v1/oncall/{rotation}/overrides": _ACT,
        "GET /api/v1/notifications": _LOOK,
    },
    "Maintenance, deployments, heartbeats": {
        "GET /maintenance": _LOOK,
        "POST /maintenance": _TELL,
        "POST /maintenance/{window_id}/{step}": _TELL,
        "GET /api/v1/maintenance": _LOOK,
        "POST /api/v1/maintenance": _TELL,
        "POST /api/v1/maintenance/{window_id}/{step}": _TELL,
        "GET /api/v1/deployments": _LOOK,
        "GET /api/v1/deployments/latest": _LOOK,
        "POST /api/v1/deployments": _one_of(Right.TELL, Right.PING),
        "GET /heartbeats": _LOOK,
        "GET /api/v1/heartbeats": _LOOK,
        f"GET {_HEARTBEAT}": _LOOK,
        "POST /api/v1/heartbeats": _MANAGE,
        f"POST {_HEARTBEAT}/pause": _MANAGE,
        f"POST {_HEARTBEAT}/resume": _MANAGE,
        f"DELETE {_HEARTBEAT}": _MANAGE,
    },
    "The audit trail": {
        "GET /audit": _TRAIL,
        "GET /api/v1/audit": _TRAIL,
        "GET /api/v1/audit/{index}/proof": _TRAIL,
        "GET /fhir/metadata": _one_of(Right.TRAIL, Right.SEND),
        "GET /fhir/AuditEvent": _TRAIL,
        "GET /fhir/AuditEvent/{id}": _TRAIL,
        "POST /fhir/AuditEvent/_search": _TRAIL,
        "GET /ledger/checkpoint": PUBLIC,
        "GET /ledger/witnessed": PUBLIC,
        "GET /ledger/vkey": PUBLIC,
        "GET /ledger/minimum": PUBLIC,
        "GET /ledger/tile/{level}/{number:path}": PUBLIC,
        "GET /ledger/stamp/{size}.{kind}": PUBLIC,
        "GET /ledger/tile/entries/{number:path}": _TRAIL,
    },
    "The house": {
        "GET /api/v1/store/stats": _LOOK,
        "POST /api/v1/store/backups": _OWN,
        "GET /api/v1/store/dead": _OWN,
        "POST /api/v1/store/dead/{name}/replay": _OWN,
        "GET /api/v1/audit/projection": _MANAGE,
        "POST /api/v1/audit/projection/replay": _OWN,
        "GET /settings": _MANAGE,
    },
    "People and tokens": {
        "GET POST /settings/people": _ADMIT,
        "POST /settings/people/{name}/{action}": _ADMIT,
        "GET POST /settings/tokens": _ADMIT,
        "POST /settings/tokens/{token_id}/revoke": _ADMIT,
        "GET POST /api/v1/users": _ADMIT,
        "POST /api/v1/users/{name}/roles": _ADMIT,
        "POST /api/v1/users/{name}/disable": _ADMIT,
        "POST /api/v1/users/{name}/enable": _ADMIT,
        "POST /api/v1/users/{name}/link": _ADMIT,
        "POST /api/v1/users/{name}/reset": _ADMIT,
        "GET POST /api/v1/tokens": _ADMIT,
        "POST /api/v1/tokens/{key}/revoke": _ADMIT,
    },
}


def _each(written: Mapping[str, Need]) -> Iterator[tuple[str, Need]]:
    """Go through routes with one method each."""
    for route, need in written.items():
        *methods, path = route.split(" ")
        yield from ((f"{method} {path}", need) for method in methods)


SECTIONS: Mapping[str, Mapping[str, Need]] = {title: dict(_each(written)) for title, written in _WRITTEN.items()}
"""By what they are about: METHOD and template, and what it needs."""

TABLE: Mapping[str, Need] = {route: need for section in SECTIONS.values() for route, need in section.items()}
"""METHOD and template, and what it needs."""

GRPC = TABLE["GRPC opentelemetry.proto.collector.logs.v1.LogsService/Export"]
"""What sending by OTLP/gRPC needs, whose calls the gate doesn't see."""
