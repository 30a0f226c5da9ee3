"""The wing of the audit trail: ledger, the way in, its projection, answers, and who looked."""

from __future__ import annotations

from dataclasses import dataclass
from random import SystemRandom

from fastapi import Request

from wardlight import console
from wardlight.api import audit, fhir, projection
from wardlight.api import ledger as ledger_api
from wardlight.audit.deeds import Deeds
from wardlight.audit.keep import Keep
from wardlight.audit.looks import Looks
from wardlight.audit.projection import Projection
from wardlight.audit.reader import who
from wardlight.audit.search import Search
from wardlight.audit.trail import Trail
from wardlight.ledger import Ledger
from wardlight.ledger.outside import Outside
from wardlight.ledger.rounds import Rounds
from wardlight.ledger.witness import Witness
from wardlight.server.ground import Ground, Wing


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The parts that other wings need."""

    ledger: Ledger
    trail: Trail
    looks: Looks
    deeds: Deeds
    projection: Projection
    keep: Keep
    wing: Wing


def build(ground: Ground) -> Audit:
    """Open the ledger and all that stands on it."""
    settings, clock = ground.settings, ground.clock
    ledger = _ledger(ground)
    keep = Keep(ground.engine, ledger, ground.state, clock, days=settings.retention.audit_days)
    projected = Projection(ledger, ground.engine, ground.registry, since_ns=keep.since_ns)
    projected.start()
    ground.opened.callback(projected.close)
    trail = Trail(ledger, ground.engine, ground.registry)
    looks = Looks(trail, clock)
    search = Search(ground.engine, settings.query, projected.settle)

    def note(request: Request) -> None:
        reader = who(request)
        looks.note(reader.name, request.url.path, address=reader.address)

    wing = Wing(
        routers=[
            ledger_api.router(ledger, note),
            fhir.router(trail, ground.protector, search, looks, settings=settings.receive, clock=clock),
            audit.router(search, ledger, looks, clock),
            projection.router(projected),
            console.audit_router(search, looks),
        ]
    )
    deeds = Deeds(trail, clock, ground.registry)
    return Audit(ledger=ledger, trail=trail, looks=looks, deeds=deeds, projection=projected, keep=keep, wing=wing)


def _ledger(ground: Ground) -> Ledger:
    """Open the ledger, begin to show it to its witnesses, and to look it over."""
    settings = ground.settings.ledger
    ledger = Ledger(ground.data / "ledger" / "log", settings.origin, ground.clock)
    witnesses = [Witness.parse(one) for one in settings.witnesses]
    outside = Outside(ledger, witnesses, settings.timestamp_authority, ground.clock)
    ground.opened.callback(ledger.close)
    ground.opened.callback(outside.close)
    rounds = Rounds(ledger, ground.clock, ground.registry, SystemRandom())
    ground.opened.callback(rounds.close)
    ledger.start()
    outside.start()
    rounds.start()
    return ledger
