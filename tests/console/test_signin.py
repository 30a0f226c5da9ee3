"""Coming in and going out, as browsers do it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyotp
import pytest
from httpx import Response
from tests.server.closed import HERE, Closed, closed

from wardlight.access.people import Invitation
from wardlight.access.roles import Role
from wardlight.console.signin import on_this_host

GOOD = "violet harbour trombone 41"
BETTER = "lantern gravel oyster 88"
FORM = {"Origin": HERE}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    with closed(tmp_path_factory.mktemp("signin") / "data") as house:
        yield house


@pytest.fixture
def browser(house: Closed) -> Iterator[Closed]:
    """A browser that nobody has used."""
    house.client.cookies.clear()
    house.clock.advance(3600 * 30)
    yield house
    house.client.cookies.clear()


_ANN = iter(f"ann{number}" for number in range(1000))


def invited(house: Closed, *roles: Role) -> Invitation:
    return house.access.people.invite(next(_ANN), "Ann Archer", roles or [Role.SUPPORT], by="test")


def post(house: Closed, path: str, **fields: str) -> Response:
    return house.client.post(path, data=fields, headers=FORM)  # type: ignore[return-value]


def joined(house: Closed, *roles: Role) -> str:
    """Let somebody follow their link; they are signed in then."""
    invitation = invited(house, *roles)
    answer = post(house, invitation.path, password=GOOD, again=GOOD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account"), answer.text
    return invitation.person


def deeds(house: Closed) -> list[tuple[str, str, str]]:
    """List what the trail was told about who gets in: what, by whom, and its outcome."""
    headers = house.session(Role.AUDITOR)
    found = house.client.get("/fhir/AuditEvent?_count=200", headers={**headers, "Accept": "application/fhir+json"})
    events = [entry["resource"] for entry in found.json()["entry"]]
    return [
        (kind.get("display", ""), event["agent"][0]["who"]["identifier"]["value"], event["outcome"])
        for event in events
        for kind in event.get("subtype", ())
    ]


def test_a_link_lets_somebody_choose_a_password_once(browser: Closed) -> None:
    invitation = invited(browser)
    assert "Ann Archer" in browser.client.get(invitation.path).text
    assert "Ann Archer" in browser.client.get(invitation.path).text, "looking uses nothing up"
    assert post(browser, invitation.path, password=GOOD, again=GOOD).status_code == 303
    assert browser.client.get("/account").status_code == 200
    browser.client.cookies.clear()
    assert browser.client.get(invitation.path).status_code == 404
    assert post(browser, invitation.path, password=BETTER, again=BETTER).status_code == 404


@pytest.mark.parametrize(("password", "again"), [("short", "short"), ("password1234", "password1234"), (GOOD, BETTER)])
def test_a_weak_or_mistyped_password_is_refused_and_the_link_stays(browser: Closed, password: str, again: str) -> None:
    invitation = invited(browser)
    answer = post(browser, invitation.path, password=password, again=again)
    assert (answer.status_code, password in answer.text) == (400, False)
    assert post(browser, invitation.path, password=GOOD, again=GOOD).status_code == 303


def test_signing_in_leads_on_to_the_page_that_was_asked_for(browser: Closed) -> None:
    name = joined(browser)
    browser.client.cookies.clear()
    assert browser.client.get("/incidents", headers={"Accept": "text/html"}).status_code == 303
    answer = post(browser, "/sign-in", name=name.upper(), password=GOOD, next="/incidents?state=all")
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents?state=all")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert browser.client.get("/incidents").status_code == 200


def test_with_tls_the_cookie_is_of_this_host_alone(browser: Closed) -> None:
    name = joined(browser)
    fields = {"name": name, "password": GOOD}
    here = "https://127.0.0.1:8480"
    answer = browser.client.post(f"{here}/sign-in", data=fields, headers={"Origin": here})
    assert re.match(r"__Host-wardlight=\w+; HttpOnly; Path=/; SameSite=lax; Secure$", answer.headers["set-cookie"])


def test_a_wrong_name_and_a_wrong_password_look_the_same(browser: Closed) -> None:
    name = joined(browser)
    browser.client.cookies.clear()
    wrong, unknown = (post(browser, "/sign-in", name=who, password=BETTER) for who in (name, "nobody"))
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace(name, "") == unknown.text.replace("nobody", "")
    assert "set-cookie" not in wrong.headers
    assert BETTER not in wrong.text


def test_who_fails_often_must_wait(browser: Closed) -> None:
    name = joined(browser)
    browser.client.cookies.clear()
    statuses = [post(browser, "/sign-in", name=name, password=BETTER).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    right = post(browser, "/sign-in", name=name, password=GOOD)
    assert (right.status_code, right.headers["retry-after"] > "0") == (429, True)


def test_a_session_from_before_is_not_the_one_after(browser: Closed) -> None:
    name = joined(browser)
    before = browser.client.cookies["wardlight"]
    post(browser, "/sign-in", name=name, password=GOOD)
    assert browser.client.cookies["wardlight"] != before
    assert browser.client.get("/account", headers={"Cookie": f"wardlight={before}"}).status_code in (200, 401)
    browser.client.cookies.clear()
    assert browser.client.get("/account", headers={"Cookie": f"wardlight={before}"}).status_code == 401


def test_a_cookie_that_somebody_else_has_set_is_not_taken_over(browser: Closed) -> None:
    name = joined(browser)
    browser.client.cookies.clear()
    browser.client.cookies.set("wardlight", "planted", domain="127.0.0.1")
    answer = post(browser, "/sign-in", name=name, password=GOOD)
    assert "planted" not in answer.headers["set-cookie"]


def test_signing_out_ends_the_session_on_the_server(browser: Closed) -> None:
    joined(browser)
    secret = browser.client.cookies["wardlight"]
    answer = post(browser, "/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    browser.client.cookies.clear()
    assert browser.client.get("/account", headers={"Cookie": f"wardlight={secret}"}).status_code == 401


@pytest.mark.parametrize(
    "onward",
    [
        "//evil.example", "https://evil.example", "https:evil.example", "/\\evil.example", "\\\\evil.example",
        "/\t/evil.example", "javascript:alert(1)", " //evil.example", "/a\r\nSet-Cookie: x=y", "", "evil", "/sign-in",
    ],
)  # fmt: skip
def test_nobody_is_led_elsewhere_after_signing_in(onward: str) -> None:
    assert on_this_host(onward) == "/"


def test_a_second_factor_is_asked_for_once_it_is_set_up(browser: Closed) -> None:
    name = joined(browser)
    enrolment = post(browser, "/account/enrol", current=GOOD).text
    shared = re.search(r"<code>([A-Z2-7]{32})</code>", enrolment)
    assert shared
    assert "<svg" in enrolment
    otp = pyotp.TOTP(shared[1])
    codes = post(browser, "/account/confirm", code=otp.at(browser.clock.now_ns() // 10**9)).text
    recovery = re.findall(r"<code>([a-z2-9-]{23})</code>", codes)
    assert len(recovery) == 10
    browser.client.cookies.clear()
    browser.clock.advance(60)
    answer = post(browser, "/sign-in", name=name, password=GOOD, next="/oncall")
    assert answer.headers["location"] == "/sign-in/code?next=%2Foncall"
    assert browser.client.get("/account").status_code == 401, "half a sign-in opens nothing"
    assert post(browser, "/sign-in/code", code="000000", next="/oncall").status_code == 401
    answer = post(browser, "/sign-in/code", code=otp.at(browser.clock.now_ns() // 10**9), next="/oncall")
    assert answer.headers["location"] == "/oncall"
    assert browser.client.get("/account").status_code == 200


def test_a_new_password_needs_the_old_one_and_ends_every_session(browser: Closed) -> None:
    joined(browser)
    before = browser.client.cookies["wardlight"]
    assert post(browser, "/account/password", current=BETTER, password=BETTER, again=BETTER).status_code == 401
    assert post(browser, "/account/password", current=GOOD, password=BETTER, again=BETTER).status_code == 303
    assert browser.client.get("/account").status_code == 200
    browser.client.cookies.clear()
    assert browser.client.get("/account", headers={"Cookie": f"wardlight={before}"}).status_code == 401


def test_an_administrator_invites_gives_roles_and_disables(browser: Closed) -> None:
    joined(browser, Role.ADMINISTRATOR)
    fields = {"name": "ben.b", "display_name": "Ben", "role-support": "1", "role-auditor": "1"}
    page = post(browser, "/settings/people", **fields).text
    assert re.search(r"<code>http://127\.0\.0\.1:8480/welcome/\w{43}</code>", page)
    assert browser.access.people.get("ben.b").roles == (Role.AUDITOR, Role.SUPPORT)
    assert post(browser, "/settings/people/ben.b/roles", **{"role-developer": "1"}).status_code == 303
    assert browser.access.people.get("ben.b").roles == (Role.DEVELOPER,)
    assert post(browser, "/settings/people/ben.b/roles").status_code == 400
    assert post(browser, "/settings/people/ben.b/disable").status_code == 303
    assert browser.access.people.get("ben.b").state == "disabled"


def test_an_administrator_makes_a_token_that_is_shown_once(browser: Closed) -> None:
    joined(browser, Role.ADMINISTRATOR)
    page = post(browser, "/settings/tokens", name="ci", ping="1", send="1", source="portal", days="30").text
    secret = re.search(r"wl_\w{8}_\w{43}", page)
    assert secret
    assert secret[0] not in browser.client.get("/settings/tokens").text
    (token,) = [one for one in browser.access.tokens.listed() if one.name == "ci"]
    assert token.scopes == ("ping", "send:portal")
    assert post(browser, f"/settings/tokens/{token.id}/revoke").status_code == 303
    assert "revoked" in browser.client.get("/settings/tokens").text
    assert post(browser, "/settings/tokens", name="ci").status_code == 400


def test_names_are_shown_and_never_run(browser: Closed) -> None:
    joined(browser, Role.ADMINISTRATOR)
    evil = "<script>alert(1)</script>"
    fields = {"name": "eve", "display_name": evil, "role-support": "1"}
    for page in (
        post(browser, "/settings/people", **fields), browser.client.get("/settings/people"),
        post(browser, "/settings/tokens", name=evil, ping="1"), post(browser, "/settings/tokens", name=evil),
        post(browser, "/sign-in", name=evil, password="x", next=evil),
    ):  # fmt: skip
        assert evil not in page.text


def test_every_sign_in_and_out_is_in_the_trail(browser: Closed) -> None:
    name = joined(browser)
    post(browser, "/sign-out")
    post(browser, "/sign-in", name=name, password=BETTER)
    found = deeds(browser)
    assert {("Login", name, "0"), ("Logout", name, "0"), ("Login", name, "4")} <= set(found)
