"""Sign-in by an OpenID Connect provider: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, 3.1).

Who somebody is and what roles they have is in the ID token, which is checked as 3.1.3.7 says. Methods block.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from wardlight.access.roles import Role
from wardlight.clock import Clock
from wardlight.config import Access as Settings
from wardlight.problems import BadConfig, Denied, Unavailable

BACK = "/sign-in/back"
"""Where the provider leads back to; it is told this address."""
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures only: neither none, nor the client's secret as a key."""
_SCOPES = "openid profile email"
_LONGEST_WAY = 600.0
_MOST_ON_THE_WAY = 1000
_FRESH = 3600.0
_LEEWAY = 60
_TIMEOUT = 10.0
_NOT_BELIEVED = "the sign-in service's answer isn't believed"


@dataclass(frozen=True)
class Arrived:
    """Whom the provider has recognised; `subject` stays when a name changes."""

    subject: str
    name: str
    display_name: str
    roles: tuple[Role, ...]
    onward: str


@dataclass(frozen=True)
class _OnTheWay:
    nonce: str
    verifier: str
    onward: str
    until: float


class Provider:
    """The one that the settings name. Raises BadConfig for what they say wrongly."""

    def __init__(self, settings: Settings, url: str, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._issuer = settings.oidc_issuer.rstrip("/")
        self._back = url + BACK
        self._secret = _secret(settings.oidc_client_secret_file)
        self._roles = roles(settings.oidc_roles)
        self._ways: dict[str, _OnTheWay] = {}
        self._lock = threading.Lock()
        self._known: tuple[float, Mapping[str, Any], KeySet] | None = None

    @property
    def name(self) -> str:
        """How people know it."""
        return urlsplit(self._issuer).hostname or self._issuer

    def begin(self, onward: str) -> tuple[str, str]:
        """Say where a browser goes to sign in, and the state that it must come back with. Raises Unavailable."""
        about, _ = self._about()
        state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        now = self._clock.monotonic()
        with self._lock:
            ways = [(key, way) for key, way in self._ways.items() if way.until > now]
            self._ways = dict(ways[-_MOST_ON_THE_WAY:])
            self._ways[state] = _OnTheWay(nonce, verifier, onward, now + _LONGEST_WAY)
        with self._client() as client:
            address, _ = client.create_authorization_url(
                about["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        return address, state

    def finish(self, given: Mapping[str, str], state: str) -> Arrived:
        """Recognise somebody by what the provider has sent back; `state` is what their browser kept.

        Raises Denied when it isn't believed, or when the provider has recognised nobody; Unavailable.
        """
        with self._lock:
            way = self._ways.pop(given.get("state", ""), None)
        alike = secrets.compare_digest(given.get("state", "").encode(), state.encode())
        if way is None or not alike or way.until < self._clock.monotonic():
            raise Denied("this sign-in has not begun here, or took too long: begin again")
        if given.get("iss", self._settings.oidc_issuer) != self._settings.oidc_issuer:
            raise Denied(_NOT_BELIEVED)
        if "code" not in given:
            raise Denied("the sign-in service has let nobody in")
        claims = self._claims(self._exchanged(given["code"], way.verifier), way.nonce)
        named = (claims.get(name) for name in ("preferred_username", "email", "sub"))
        return Arrived(
            subject=f"{self._issuer} {claims['sub']}",
            name=next(name for name in named if isinstance(name, str) and name),
            display_name=str(claims.get("name") or ""),
            roles=self._roles_in(claims),
            onward=way.onward,
        )

    def _exchanged(self, code: str, verifier: str) -> str:
        """Take the ID token for a code."""
        about, _ = self._about()
        try:
            with self._client() as client:
                answer = client.fetch_token(
                    about["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=verifier
                )
        except httpx.HTTPError as error:
            raise Unavailable(f"the sign-in service doesn't answer: {type(error).__name__}") from None
        except (AuthlibBaseError, ValueError):
            raise Denied(_NOT_BELIEVED) from None
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Denied(_NOT_BELIEVED)
        return token

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        """Check an ID token, with the provider's newest keys if need be. Raises Denied."""
        audience = self._settings.oidc_client_id
        required = jwt.JWTClaimsRegistry(
            now=lambda: self._clock.now_ns() // 10**9,
            leeway=_LEEWAY,
            iss={"essential": True, "value": self._settings.oidc_issuer},
            aud={"essential": True, "value": audience},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        for newest in (False, True):
            _, keys = self._about(newest=newest)
            try:
                claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
                required.validate(claims)
            except (JoseError, ValueError):
                continue
            if claims.get("azp", audience) == audience:
                return claims
        raise Denied(_NOT_BELIEVED)

    def _roles_in(self, claims: Mapping[str, Any]) -> tuple[Role, ...]:
        """Read roles out of the claim; dots lead inside."""
        found: Any = claims.get(self._settings.oidc_roles_claim)
        if found is None:
            found = claims
            for part in self._settings.oidc_roles_claim.split("."):
                found = found.get(part) if isinstance(found, Mapping) else None
        values = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        mapped = {self._roles[value] for value in values if isinstance(value, str) and value in self._roles}
        return tuple(role for role in Role if role in mapped)

    def _about(self, *, newest: bool = False) -> tuple[Mapping[str, Any], KeySet]:
        """Ask the provider about itself and its keys, once an hour (OpenID Connect Discovery 1.0). Raises Unavailable."""
        now = self._clock.monotonic()
        if self._known is not None and not newest and now < self._known[0]:
            return self._known[1], self._known[2]
        try:
            with httpx.Client(timeout=_TIMEOUT, trust_env=False) as client:
                about = client.get(f"{self._issuer}/.well-known/openid-configuration").raise_for_status().json()
                keys = KeySet.import_key_set(client.get(about["jwks_uri"]).raise_for_status().json())
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"the sign-in service can't be asked about itself: {type(error).__name__}") from None
        if about.get("issuer") != self._settings.oidc_issuer:
            raise Unavailable("the sign-in service names another issuer than access.oidc_issuer")
        self._known = (now + _FRESH, about, keys)
        return about, keys

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            self._settings.oidc_client_id,
            self._secret,
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
            scope=_SCOPES,
            redirect_uri=self._back,
            code_challenge_method="S256",
            timeout=_TIMEOUT,
            trust_env=False,
        )


def roles(written: tuple[str, ...]) -> dict[str, Role]:
    """Read what the claim's values mean; raises BadConfig.

    >>> roles(("wardlight-support = support",))
    {'wardlight-support': <Role.SUPPORT: 'support'>}
    """
    found = {}
    for one in written:
        value, _, role = (part.strip() for part in one.rpartition("="))
        if not value or role not in set(Role):
            known = ", ".join(Role)
            raise BadConfig(f"access.oidc_roles: {one!r} is not VALUE = ROLE, with a role out of {known}")
        found[value] = Role(role)
    return found


def _secret(path: str) -> str | None:
    if not path:
        return None
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise BadConfig(f"access.oidc_client_secret_file: {path} can't be read: {error.strerror}") from None
