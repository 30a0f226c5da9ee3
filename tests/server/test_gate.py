"""The gate before the whole server: who is known by what, and what is refused whoever asks."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator

import pytest
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from tests.server.closed import HERE, Closed, closed

from wardlight.access.roles import Role
from wardlight.api.headers import HEADERS
from wardlight.problems import Denied, Problem, Unauthenticated

LINE = {"streams": [{"stream": {"service_name": "portal"}, "values": [["1767225600000000000", "hello"]]}]}
OTHER = {"streams": [{"stream": {"service_name": "billing"}, "values": [["1767225600000000000", "hello"]]}]}
PAGE = {"Accept": "text/html,application/xhtml+xml"}
PUSH = "/loki/api/v1/push"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    with closed(tmp_path_factory.mktemp("gate") / "data") as house:
        yield house


def test_whoever_is_unknown_is_told_how_to_be_known(house: Closed) -> None:
    answer = house.client.get("/api/v1/incidents")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="wardlight"')
    assert "sign in" in answer.json()["error"]


def test_a_browser_is_led_to_sign_in_and_back(house: Closed) -> None:
    answer = house.client.get("/incidents?state=all&severity=critical", headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fincidents%3Fstate%3Dall%26severity%3Dcritical"


def test_a_person_who_may_not_is_told_so_on_a_page(house: Closed) -> None:
    answer = house.client.get("/audit", headers=house.session(Role.SUPPORT) | PAGE)
    assert (answer.status_code, "not for your role" in answer.text) == (403, True)


def test_nobody_learns_which_part_of_a_token_is_wrong(house: Closed) -> None:
    secret = house.token("metrics")["Authorization"]
    told = {
        (answer.status_code, answer.text, answer.headers["www-authenticate"])
        for wrong in (secret[:-1] + "0", "Bearer wl_aaaaaaaa_" + "x" * 43, "Bearer ", "Bearer x", "Basic !", "Digest x")
        for answer in [house.client.get("/metrics", headers={"Authorization": wrong})]
    }
    assert len(told) == 1
    assert next(iter(told))[0] == 401


def test_a_token_may_be_the_password_of_basic(house: Closed) -> None:
    token = house.token("metrics")["Authorization"].removeprefix("Bearer ")
    basic = base64.b64encode(f"prometheus:{token}".encode()).decode()
    assert house.client.get("/metrics", headers={"Authorization": f"Basic {basic}"}).status_code == 200


def test_a_revoked_token_opens_nothing(house: Closed) -> None:
    headers = house.token("metrics")
    assert house.client.get("/metrics", headers=headers).status_code == 200
    house.access.tokens.revoke(headers["Authorization"].split("_")[1], by="test")
    house.clock.advance(2)
    assert house.client.get("/metrics", headers=headers).status_code == 401


def test_the_owner_is_known_by_the_key_in_the_data_directory(house: Closed) -> None:
    headers = {"Authorization": f"Bearer {house.key}"}
    assert house.client.get("/api/v1/store/dead", headers=headers).json() == []


def test_a_wrong_token_is_not_made_good_by_a_session(house: Closed) -> None:
    headers = house.session(Role.AUDITOR) | {"Authorization": "Bearer wrong"}
    assert house.client.get("/incidents", headers=headers).status_code == 401


def test_the_body_of_a_refused_request_is_not_read(house: Closed) -> None:
    async def ask() -> list[int]:
        sent: list[int] = []

        async def receive() -> dict[str, object]:
            raise AssertionError("the body was asked for")

        async def send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                sent.append(int(str(message["status"])))

        scope = {
            "type": "http", "method": "POST", "path": PUSH, "raw_path": PUSH.encode(), "query_string": b"",
            "headers": [(b"host", b"127.0.0.1:8480")], "scheme": "http", "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8480), "http_version": "1.1",
        }  # fmt: skip
        await house.app(scope, receive, send)  # type: ignore[arg-type]
        return sent

    assert asyncio.run(ask()) == [401]


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:8481"},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {},
    ],
)  # fmt: skip
def test_a_session_does_nothing_for_another_site(house: Closed, elsewhere: dict[str, str]) -> None:
    headers = {"Cookie": house.session(Role.SUPPORT)["Cookie"]} | elsewhere
    answer = house.client.post("/incidents/1/acknowledge", headers=headers, data={"note": "x"})
    assert (answer.status_code, "another site" in answer.text) == (403, True)


def test_a_form_of_our_own_page_is_taken_though_it_tells_no_origin(house: Closed) -> None:
    session = {"Cookie": house.session(Role.SUPPORT)["Cookie"]}
    headers = session | {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert house.client.post("/incidents/1/acknowledge", headers=headers, data={"note": "x"}).status_code == 404
    strange = session | {"Origin": "null", "Sec-Fetch-Site": "cross-site"}
    assert house.client.post("/incidents/1/acknowledge", headers=strange, data={"note": "x"}).status_code == 403


def test_nobody_is_signed_in_by_another_site(house: Closed) -> None:
    answer = house.client.post("/sign-in", headers={"Origin": "https://evil.example"}, data={"name": "eve"})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/sign-in", "/healthz", "/metrics", "/nowhere", "/incidents", "/ledger/vkey"])
def test_every_answer_has_the_headers_for_safety(house: Closed, path: str) -> None:
    answer = house.client.get(path)
    assert {name.lower() for name in HEADERS} <= set(answer.headers)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_with_tls_browsers_are_told_to_stay_with_it(house: Closed) -> None:
    answer = house.client.get("https://127.0.0.1:8480/healthz")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_with_tls_only_a_cookie_of_this_host_is_a_session(house: Closed) -> None:
    secret = house.session(Role.AUDITOR)["Cookie"].partition("=")[2]
    page = "https://127.0.0.1:8480/incidents"
    assert house.client.get(page, headers={"Cookie": f"wardlight={secret}"}).status_code == 401
    assert house.client.get(page, headers={"Cookie": f"__Host-wardlight={secret}"}).status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/incidents", 405)])
def test_what_isnt_there_is_not_there_for_anybody(house: Closed, method: str, path: str, status: int) -> None:
    assert house.client.request(method, path).status_code == status
    assert house.client.request(method, path, headers=house.session(Role.ADMINISTRATOR)).status_code == status


@pytest.mark.parametrize("path", ["//incidents", "/incidents/", "/incidents/../audit", "/%61udit", "/audit%00"])
def test_a_path_written_otherwise_opens_no_more(house: Closed, path: str) -> None:
    answer = house.client.get(f"{HERE}{path}", headers=house.session(Role.SUPPORT))
    assert answer.status_code in (403, 404)


def test_a_token_of_one_service_sends_for_that_one_only(house: Closed) -> None:
    headers = house.token("send:portal")
    assert house.client.post(PUSH, json=LINE, headers=headers).status_code == 204
    assert house.client.post(PUSH, json=OTHER, headers=headers).status_code == 403
    assert house.client.post("/fhir/AuditEvent", json={}, headers=headers).status_code == 403
    assert house.client.post(PUSH, json=OTHER, headers=house.token("send")).status_code == 204


def test_a_page_that_renews_itself_keeps_no_session_awake(house: Closed) -> None:
    headers = house.session(Role.SUPPORT)
    for path, status in (("/incidents", 200), ("/console/live", 200), ("/oncall?renewed=1", 200), ("/incidents", 401)):
        assert house.client.get(path, headers=headers).status_code == status, path
        house.clock.advance(6 * 60)


def test_an_answer_that_goes_on_ends_with_the_session(house: Closed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wardlight.api.gate._LOOK_SECONDS", 0.05)
    headers = house.session(Role.SUPPORT)
    secret = headers["Cookie"].partition("=")[2]
    address = 'ws://127.0.0.1:8480/loki/api/v1/tail?query={app="x"}'
    with house.client.websocket_connect(address, headers=headers) as socket:
        house.access.signing.sign_out(secret)
        with pytest.raises(WebSocketDisconnect) as gone:
            socket.receive_text()
    assert gone.value.code == 1008


def test_who_acts_is_who_has_signed_in_whatever_is_written(house: Closed) -> None:
    headers = house.session(Role.DEVELOPER)
    window = {
        "what": "upgrade", "matchers": ["service=billing"], "by": "somebody else",
        "starts": "2026-01-02T00:00:00Z", "ends": "2026-01-02T01:00:00Z",
    }  # fmt: skip
    answer = house.client.post("/api/v1/maintenance", headers=headers, json=window)
    assert (answer.status_code, answer.json()["by"]) == (201, "developer.person")


def test_pages_show_what_one_may_open_and_who_one_is(house: Closed) -> None:
    def shown(role: Role) -> str:
        return house.client.get("/incidents", headers=house.session(role)).text

    assert 'href="/audit"' in shown(Role.AUDITOR)
    assert 'href="/audit"' not in shown(Role.SUPPORT)
    assert "support.person" in shown(Role.SUPPORT)
    assert 'action="/sign-out"' in shown(Role.SUPPORT)


def test_refusals_are_counted(house: Closed) -> None:
    house.client.get("/metrics")
    text = house.client.get("/metrics", headers=house.token("metrics")).text
    assert 'wardlight_gate_refused_requests_total{status="401"}' in text


def test_a_websocket_is_refused_as_a_request_is(house: Closed) -> None:
    address = "ws://127.0.0.1:8480/loki/api/v1/tail"
    with pytest.raises(WebSocketDenialResponse) as refused, house.client.websocket_connect(address):
        pass
    assert refused.value.status_code == 401


def test_senders_by_grpc_are_let_in_by_the_same_tokens(house: Closed) -> None:
    def let_in(headers: dict[str, str]) -> str | type[Problem]:
        try:
            return asyncio.run(house.app.state.house.known.sender(headers.get("Authorization", "")))  # type: ignore[no-any-return]
        except Problem as problem:
            return type(problem)

    assert let_in(house.token("send")) == ""
    assert let_in(house.token("send:portal")) == "portal"
    assert let_in(house.token("metrics")) is Denied
    assert let_in({}) is let_in({"Authorization": "Bearer wrong"}) is Unauthenticated
