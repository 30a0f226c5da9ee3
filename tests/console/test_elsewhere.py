"""Signing in by an OpenID Connect provider, which runs here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from httpx import Response
from joserfc.jwk import RSAKey
from tests.access.provider import CLIENT, SECRET, OpenIdProvider, listening, shared
from tests.conftest import NOW
from tests.server.closed import Closed, closed

from wardlight.access.roles import Role
from wardlight.config import Access, Settings


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with listening(NOW // 10**9) as provider:
        yield provider


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, provider: OpenIdProvider) -> Iterator[Closed]:
    directory = tmp_path_factory.mktemp("elsewhere")
    (directory / "secret").write_text(f"{SECRET}\n")
    access = Access(
        oidc_issuer=provider.issuer, oidc_client_id=CLIENT, oidc_client_secret_file=str(directory / "secret"),
        oidc_roles_claim="groups", oidc_roles=("it = support", "trust/privacy = privacy-officer"),
    )  # fmt: skip
    with closed(directory / "data", settings=Settings(access=access)) as house:
        yield house


@pytest.fixture
def browser(house: Closed, provider: OpenIdProvider) -> Iterator[Closed]:
    house.client.cookies.clear()
    provider.lies, provider.signs_with, provider.algorithm = {}, None, "RS256"
    provider.person = {"sub": "4711", "preferred_username": "ann", "name": "Ann Archer", "groups": ["it", "staff"]}
    yield house
    house.client.cookies.clear()


def there(browser: Closed, onward: str = "/") -> str:
    answer = browser.client.get("/sign-in/elsewhere", params={"next": onward})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def back(browser: Closed, given: dict[str, str]) -> Response:
    return browser.client.get("/sign-in/back", params=given)  # type: ignore[return-value]


def signed_in(browser: Closed, provider: OpenIdProvider, onward: str = "/") -> Response:
    return back(browser, provider.authorize(there(browser, onward)))


def test_whom_the_provider_recognises_is_in_and_led_on(browser: Closed, provider: OpenIdProvider) -> None:
    assert "Sign in by 127.0.0.1" in browser.client.get("/sign-in").text
    answer = signed_in(browser, provider, "/incidents?state=all")
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents?state=all")
    assert "Ann Archer" in browser.client.get("/account").text
    assert browser.access.people.get("ann").roles == (Role.SUPPORT,)


def test_roles_are_those_of_the_last_sign_in(browser: Closed, provider: OpenIdProvider) -> None:
    signed_in(browser, provider)
    provider.person["groups"] = ["trust/privacy"]
    signed_in(browser, provider)
    assert browser.access.people.get("ann").roles == (Role.PRIVACY,)


def test_who_has_no_role_here_does_not_get_in(browser: Closed, provider: OpenIdProvider) -> None:
    provider.person |= {"sub": "5", "preferred_username": "eve", "groups": ["staff"]}
    answer = signed_in(browser, provider)
    assert (answer.status_code, "no role" in answer.text) == (403, True)
    assert browser.client.get("/account").status_code == 401


def test_nobody_takes_over_an_account_by_its_name(browser: Closed, provider: OpenIdProvider) -> None:
    browser.access.people.invite("root.local", "", [Role.ADMINISTRATOR], by="test")
    provider.person |= {"sub": "6", "preferred_username": "root.local"}
    assert signed_in(browser, provider).status_code == 409


@pytest.mark.parametrize(
    "lie",
    [
        {"iss": "https://evil.example"}, {"aud": "somebody-else"}, {"nonce": "another"}, {"nonce": None}, {"exp": None},
        {"exp": NOW // 10**9 - 3600}, {"sub": None}, {"aud": [CLIENT, "other"], "azp": "other"}, {"iat": None},
    ],
)  # fmt: skip
def test_a_token_that_says_something_wrong_is_not_believed(
    browser: Closed, provider: OpenIdProvider, lie: dict[str, Any]
) -> None:
    provider.lies = lie
    assert signed_in(browser, provider).status_code == 403
    assert browser.client.get("/account").status_code == 401


def test_a_token_that_somebody_else_has_signed_is_not_believed(browser: Closed, provider: OpenIdProvider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    assert signed_in(browser, provider).status_code == 403


def test_a_token_signed_with_what_the_client_knows_is_not_believed(browser: Closed, provider: OpenIdProvider) -> None:
    provider.signs_with, provider.algorithm = shared(SECRET), "HS256"
    assert signed_in(browser, provider).status_code == 403


def test_new_keys_of_the_provider_are_learnt(browser: Closed, provider: OpenIdProvider) -> None:
    signed_in(browser, provider)
    provider.key = RSAKey.generate_key(2048, {"kid": "one"})
    assert signed_in(browser, provider).status_code == 303


def test_an_answer_counts_once_and_in_the_browser_that_asked(browser: Closed, provider: OpenIdProvider) -> None:
    given = provider.authorize(there(browser))
    browser.client.cookies.clear()
    assert back(browser, given).status_code == 403, "another browser"
    given = provider.authorize(there(browser))
    assert back(browser, given).status_code == 303
    assert back(browser, given).status_code == 403, "the same again"


@pytest.mark.parametrize("wrong", [{"state": "made-up"}, {"iss": "https://evil.example"}, {"code": "made-up"}])
def test_an_answer_that_was_not_asked_for_is_refused(
    browser: Closed, provider: OpenIdProvider, wrong: dict[str, str]
) -> None:
    given = provider.authorize(there(browser)) | wrong
    assert back(browser, given).status_code == 403


def test_a_provider_that_has_let_nobody_in_is_believed(browser: Closed, provider: OpenIdProvider) -> None:
    given = provider.authorize(there(browser))
    answer = back(browser, {"error": "access_denied", "state": given["state"]})
    assert (answer.status_code, "let nobody in" in answer.text) == (403, True)


def test_nobody_is_led_elsewhere_by_the_way_back(browser: Closed, provider: OpenIdProvider) -> None:
    assert signed_in(browser, provider, "https://evil.example/").headers["location"] == "/"
