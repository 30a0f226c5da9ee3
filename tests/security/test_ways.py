"""What leads elsewhere doesn't: paths out of their folders, values into headers, slashes to another host."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from tests.security.conftest import HERE

OUT = (
    "../../../../etc/passwd", "..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "....//....//etc/passwd", "..%5c..%5cetc%5cpasswd", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd",
    "..%252f..%252fetc%252fpasswd", "../state.db", "..%2fstate.db", "..%2f..%2fserver.json", "../wardlight.toml", "%00",
    "file:///etc/passwd", "x%00.js", ".", "..", "~root/.profile",
)  # fmt: skip
SECRETS = (b"root:", b"SQLite format 3", b'"key":', b"BEGIN ")
INJECTED = "a\r\nSet-Cookie: stolen=1\r\n\r\n<b>"


def templates(house: TestClient) -> list[tuple[str, str]]:
    """Every method and address that has a variable part."""
    return sorted(
        (method, route.path)
        for route in iter_route_contexts(house.app.routes)  # type: ignore[attr-defined]
        for method in getattr(route, "methods", None) or ()
        if "{" in route.path and method in ("GET", "POST", "DELETE")
    )


def filled(template: str, value: str) -> str:
    return re.sub(r"\{\w+(:\w+)?\}", lambda _: value, template)


@pytest.mark.parametrize("out", OUT)
def test_no_path_leads_out(house: TestClient, out: str) -> None:
    for method, template in templates(house):
        answer = house.request(method, HERE + filled(template, out), follow_redirects=False)
        assert answer.status_code < 500, (template, answer.text[:200])
        assert not any(secret in answer.content for secret in SECRETS), template


def test_no_value_becomes_a_header(house: TestClient) -> None:
    written = INJECTED.replace("\r", "%0d").replace("\n", "%0a")
    for method, template in templates(house):
        answer = house.request(method, HERE + filled(template, written), follow_redirects=False)
        assert "set-cookie" not in answer.headers, template
    for path in ("/", "/logs", "/logs/download", "/incidents", "/audit", "/api/v1/audit", "/users", "/sign-in"):
        names = ("next", "q", "query", "format", "name", "user", "patient", "from", "back")
        answer = house.get(path, params=dict.fromkeys(names, INJECTED), follow_redirects=False)
        assert "stolen" not in str(answer.headers.get("set-cookie", "")), path
        assert "\r" not in "".join(answer.headers.values()), path


def test_a_path_with_a_slash_too_many_is_not_led_to_another_host(house: TestClient) -> None:
    for path in ("//evil.example/incidents/", "/incidents//evil.example/..", "//evil.example//"):
        answer = house.get(HERE + path, follow_redirects=False)
        assert "evil.example" not in urlsplit(answer.headers.get("location", "")).netloc


def test_a_number_that_no_entry_can_have_is_not_found(house: TestClient) -> None:
    for number in ("-1", str(2**64), str(10**30)):
        assert house.get(f"/api/v1/audit/{number}/proof").status_code in (404, 422)
        assert house.get(f"/fhir/AuditEvent/{number}").status_code in (404, 422)
