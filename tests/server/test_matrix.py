"""Who may what: every route, as everybody who may come, against the one table."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from starlette.responses import PlainTextResponse
from starlette.testclient import WebSocketDenialResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from tests.server.closed import HERE, SCOPES, Closed, Headers, closed

from wardlight.access.principal import Principal
from wardlight.access.roles import RIGHTS, Right, Role
from wardlight.access.table import SECTIONS, TABLE
from wardlight.api.gate import Gate, House
from wardlight.api.ways import WEBSOCKET, Way, Ways
from wardlight.console import refused

EVERYBODY = ("nobody", *Role, *SCOPES)
OTHER_DOORS = {route for route in TABLE if route.startswith("GRPC ")}


async def reached(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand in for what is behind the gate, where everything that is asked for would be done."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4000})
    elif scope["type"] == "http":
        await PlainTextResponse("reached")(scope, receive, send)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    with closed(tmp_path_factory.mktemp("matrix") / "data") as house:
        yield house


@pytest.fixture(scope="module")
def askers(house: Closed) -> dict[str, tuple[Headers, Principal | None]]:
    return house.askers()


@pytest.fixture(scope="module")
def ways(house: Closed) -> list[Way]:
    return list(Ways(house.app.routes))


@pytest.fixture(scope="module")
def gate(house: Closed) -> TestClient:
    """The gate as it stands in the server, before nothing."""
    known = house.app.state.house.known
    around = Gate(reached, House(known=known, page=refused, registry=CollectorRegistry()), house.app.routes)
    return TestClient(around, base_url=HERE, client=("127.0.0.1", 50000), follow_redirects=False)


def path_of(way: Way) -> str:
    """Fill a template in so that it leads to this route."""
    return re.sub(r"\{[^}]+\}", "7", way.template)


def outcome(gate: TestClient, way: Way, headers: Headers) -> str:
    """Ask, and say what came of it."""
    if way.method == WEBSOCKET:
        try:
            with gate.websocket_connect(f"ws://127.0.0.1:8480{path_of(way)}", headers={**headers}) as socket:
                socket.receive_text()
        except WebSocketDenialResponse as denied:
            return str(denied.status_code)
        except WebSocketDisconnect as gone:
            return "reached" if gone.code == 4000 else "401"
    answer = gate.request(way.method, path_of(way), headers=headers)
    return "reached" if answer.status_code == 200 else str(answer.status_code)


def test_every_route_is_in_the_table_and_the_table_has_no_other(ways: list[Way]) -> None:
    names = [way.name for way in ways]
    assert set(names) == set(TABLE) - OTHER_DOORS
    assert len(TABLE) == sum(map(len, SECTIONS.values()))


def test_each_route_is_found_as_the_application_finds_it(house: Closed, ways: list[Way]) -> None:
    found = Ways(house.app.routes)
    for way in ways:
        assert found.find(way.method, path_of(way)) == way or way.template.startswith("/elasticsearch"), way.name


@pytest.mark.parametrize("who", EVERYBODY)
def test_everybody_reaches_what_is_theirs_and_nothing_else(
    gate: TestClient, ways: list[Way], askers: dict[str, tuple[Headers, Principal | None]], who: str
) -> None:
    headers, principal = askers[who]
    for way in ways:
        assert way.need is not None, way.name
        may = way.need.met(principal)
        expected = "reached" if may else "401" if principal is None else "403"
        assert outcome(gate, way, headers) == expected, f"{who}: {way.name}"


def test_the_table_says_what_the_roles_are_for() -> None:
    def opens(route: str) -> set[str]:
        return {role for role in Role if TABLE[route].met(_of(role))}

    assert opens("GET /") == set(Role)
    assert opens("GET /audit") == opens("GET /ledger/tile/entries/{number:path}") == {Role.PRIVACY, Role.AUDITOR}
    assert opens("POST /settings/tokens") == opens("POST /settings/people") == {Role.ADMINISTRATOR}
    assert opens("POST /incidents/{incident_id}/{action}") == set(Role) - {Role.AUDITOR}
    assert opens("POST /v1/logs") == opens("POST /api/v1/store/backups") == set()


@pytest.mark.parametrize("role", Role)
def test_no_role_has_a_right_of_machines_or_of_the_owner(role: Role) -> None:
    assert not _of(role).rights & {Right.SEND, Right.PING, Right.OWN}


def _of(role: Role) -> Principal:
    return Principal(name="somebody", rights=RIGHTS[role], way="session")
