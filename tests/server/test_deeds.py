"""What people do with incidents is in the audit trail; what rules and timers do isn't."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

WEBHOOK = {
    "version": "4", "groupKey": '{}:{alertname="ServerDown"}', "status": "firing", "receiver": "wardlight",
    "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://127.0.0.1:9093",
    "truncatedAlerts": 0,
    "alerts": [{
        "status": "firing", "labels": {"alertname": "ServerDown", "severity": "critical"}, "annotations": {},
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
        "fingerprint": "f1",
    }],
}  # fmt: skip


def deeds(server: TestClient) -> list[dict[str, Any]]:
    found = server.get("/fhir/AuditEvent", params={"type": "110100"}).json()
    return [entry["resource"] for entry in found.get("entry", [])]


def test_an_acknowledgement_is_an_event_with_who_and_what(server: TestClient) -> None:
    assert server.post("/api/v1/alertmanager", json=WEBHOOK).is_success
    (incident,) = server.get("/api/v1/incidents").json()["incidents"]
    assert deeds(server) == []
    number = incident["id"]
    assert server.post(f"/api/v1/incidents/{number}/acknowledge", json={"actor": "ann"}).is_success
    (deed,) = deeds(server)
    assert deed["agent"][0]["who"]["identifier"]["value"] == "ann"
    assert deed["entity"][0]["what"]["identifier"]["value"] == str(number)
    assert "incident.acknowledged" in str(deed["subtype"])
