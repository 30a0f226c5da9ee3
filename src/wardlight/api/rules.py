"""Rules and alerts as Loki's ruler shows them: `/prometheus/api/v1/rules` and `/prometheus/api/v1/alerts`.

    {"status": "success", "data": {"groups": [{"name": "log-ins", "file": "security.yml", "interval": 60, "limit": 0,
      "evaluationTime": 0.02, "lastEvaluation": "2026-01-01T12:00:00Z", "rules": [
        {"type": "alerting", "state": "firing", "name": "FailedLogins", "query": "…", "duration": 120,
         "keepFiringFor": 0, "labels": {…}, "annotations": {…}, "health": "ok", "lastError": "",
         "evaluationTime": 0.02, "lastEvaluation": "…", "alerts": [
           {"state": "firing", "labels": {…}, "annotations": {…}, "activeAt": "…", "value": "2.1e+01"}]}]}]}}

`rules` takes `type` (`alert`, `record`), `rule_name[]`, `rule_group[]`, `file[]` and `exclude_alerts`. A rule file that
is broken is told under `warnings`, and in `lastError` of the rules that it still runs from before.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from wardlight.clock import moment
from wardlight.query.units import format_float
from wardlight.rules import Ruler
from wardlight.rules.model import Alert, AlertRule, GroupStatus, RuleStatus

_ZERO = datetime(1, 1, 1, tzinfo=UTC)
_KINDS = {"": (True, False), "alert": (True,), "record": (False,)}


def _many(name: str) -> Any:
    return Query(alias=name, default_factory=list)


def router(ruler: Ruler) -> APIRouter:
    """Make the routes that show rules."""
    routes = APIRouter(prefix="/prometheus/api/v1", tags=["rules"])

    @routes.get("/rules", summary="Show rules on logs, how they stand, and their alerts")
    def rules(
        names: Annotated[list[str], _many("rule_name[]")],
        groups: Annotated[list[str], _many("rule_group[]")],
        files: Annotated[list[str], _many("file[]")],
        type_: Annotated[str, Query(alias="type")] = "",
        exclude_alerts: bool = False,
    ) -> Response:
        if type_ not in _KINDS:
            reason = "type is neither alert nor record"
            return JSONResponse({"status": "error", "errorType": "bad_data", "error": reason}, 400)

        def wanted(status: RuleStatus) -> bool:
            return isinstance(status.rule, AlertRule) in _KINDS[type_] and (not names or status.rule.name in names)

        shown = [
            _group(status, [each for each in status.rules if wanted(each)], exclude_alerts=exclude_alerts)
            for status in ruler.statuses()
            if (not groups or status.group.name in groups) and (not files or status.group.file in files)
        ]
        unfiltered = not (type_ or names)
        return _answer(ruler, {"groups": [group for group in shown if group["rules"] or unfiltered]})

    @routes.get("/alerts", summary="Show the alerts of rules on logs that are pending or firing")
    def alerts() -> Response:
        return _answer(
            ruler, {"alerts": [each for s in ruler.statuses() for rule in s.rules for each in _alerts(rule)]}
        )

    return routes


def _answer(ruler: Ruler, data: dict[str, Any]) -> Response:
    faults = [line for fault in ruler.faults().values() for line in fault.splitlines()]
    return JSONResponse({"status": "success", "data": data, **({"warnings": faults} if faults else {})})


def _group(status: GroupStatus, rules: list[RuleStatus], *, exclude_alerts: bool) -> dict[str, Any]:
    return {
        "name": status.group.name,
        "file": status.group.file,
        "interval": status.group.interval_ns / 1e9,
        "limit": status.group.limit,
        "evaluationTime": status.seconds,
        "lastEvaluation": _time(status.evaluated_ns),
        "rules": [_rule(rule, status.fault, exclude_alerts=exclude_alerts) for rule in rules],
    }


def _rule(status: RuleStatus, fault: str, *, exclude_alerts: bool) -> dict[str, Any]:
    rule = status.rule
    shown: dict[str, Any] = {
        "name": rule.name,
        "query": rule.expr,
        "health": status.health,
        "lastError": status.error or fault,
        "evaluationTime": status.seconds,
        "lastEvaluation": _time(status.evaluated_ns),
    }
    if not isinstance(rule, AlertRule):
        return {**shown, "type": "recording", "labels": dict(rule.labels)}
    return {
        **shown,
        "type": "alerting",
        "state": status.state,
        "duration": rule.hold_ns / 1e9,
        "keepFiringFor": rule.keep_ns / 1e9,
        "labels": {name: text.source for name, text in rule.labels.items()},
        "annotations": {name: text.source for name, text in rule.annotations.items()},
        **({} if exclude_alerts else {"alerts": _alerts(status)}),
    }


def _alerts(status: RuleStatus) -> list[dict[str, Any]]:
    return [_alert(alert) for alert in status.alerts if alert.state != "inactive"]


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "state": alert.state,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "activeAt": _time(alert.active_ns),
        "value": _number(alert.value),
        **({} if alert.absent_ns is None else {"keepFiringSince": _time(alert.absent_ns)}),
    }


def _number(value: float) -> str:
    """Write a number as Prometheus does here, with an exponent.

    >>> _number(21.0), _number(0.5), _number(0.0), _number(float("inf"))
    ('2.1e+01', '5e-01', '0e+00', '+Inf')
    """
    if not abs(value) < float("inf"):
        return format_float(value)
    mantissa, _, exponent = f"{Decimal(repr(value)).normalize():e}".partition("e")
    return f"{mantissa}e{int(exponent):+03d}"


def _time(ns: int | None) -> str:
    """Write a time as RFC 3339; never is the year 1."""
    return (_ZERO if ns is None else moment(ns)).isoformat().replace("+00:00", "Z")
