"""The wing of who gets in: accounts, sessions, tokens, and the gate that asks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from wardlight import console
from wardlight.access.access import FIRST, Access
from wardlight.access.book import Deed
from wardlight.access.oidc import Provider
from wardlight.api import access as access_api
from wardlight.api.gate import House, Known
from wardlight.looking import looking
from wardlight.receive.own import OwnLog
from wardlight.server.ground import Ground, Wing
from wardlight.server.noticed import Noticed
from wardlight.server.trail import Audit

_TIDY_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """The parts that others need."""

    house: House
    wing: Wing


def build(ground: Ground, audited: Audit, log: OwnLog, *, open_: bool) -> Entrance:
    """Open the accounts; in an open house nobody needs one."""
    settings, url, clock = ground.settings.access, ground.settings.server.address, ground.clock

    def told(deed: Deed) -> None:
        audited.deeds.access(deed.action, deed.by, deed.about, int(deed.at.timestamp() * 1_000_000) * 1000)
        if deed.action == "login.failed":
            log("sign-in.failed", "a sign-in failed", _failure(deed))
        elif deed.action == "person.joined":
            (ground.data / FIRST).unlink(missing_ok=True)

    access = Access(ground.state, clock, settings, told)
    ground.opened.callback(access.close)

    def tidy() -> None:
        """Write down when tokens were last used; tell what the command line has changed."""
        access.tokens.flush()
        access.pass_on()

    @asynccontextmanager
    async def tidying() -> AsyncIterator[None]:
        async with looking(tidy, lambda: _TIDY_SECONDS, "telling who gets in"):
            yield

    provider = Provider(settings, url, clock) if settings.oidc_issuer else None
    routers = [
        access_api.router(access, url),
        console.signin_router(access, provider.name if provider else ""),
        console.elsewhere_router(access, provider, access.signing.refused),
        console.account_router(access, clock),
        console.admitting_router(access, url, clock),
    ]
    known = Known(None if open_ else access, ground.running.key)
    house = House(known=known, page=console.refused, registry=ground.registry)
    return Entrance(house=house, wing=Wing(routers=routers, running=[tidying, Noticed(ground, audited.deeds).running]))


def _failure(deed: Deed) -> dict[str, str]:
    return {
        "wardlight.kind": "security", "event.outcome": "failure", "user.id": deed.by,
        "client.address": deed.about.get("address", ""), "reason": deed.about.get("reason", ""),
    }  # fmt: skip
