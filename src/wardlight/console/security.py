"""The console's page of security: who tries to get in, who goes beyond, and whether the trail is whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from prometheus_client import CollectorRegistry

from wardlight.clock import Clock, moment
from wardlight.console.asking import Asking, or_away
from wardlight.console.forms import HEADERS
from wardlight.console.lines import parameters
from wardlight.console.pages import environment
from wardlight.console.spans import NAMES, SECOND, Span, span
from wardlight.console.tables import Question, Table, rows, table
from wardlight.incidents import Incident, Incidents
from wardlight.ledger import Ledger
from wardlight.query import QueryService

_USER, _ADDRESS, _ROLE = ("user_id", "User"), ("client_address", "Address"), ("user_role", "Role")
_FAILED = '{kind="security"} | event_name="user.login" | event_outcome="failure"'
_SUCCEEDED = '{kind="security"} | event_name="user.login" | event_outcome="success" | client_address!=""'

QUESTIONS = (
    Question(
        title="Failed log-ins by user",
        help="A few are typing errors. Many of one user: a forgotten password, or somebody guesses it.",
        lines=_FAILED,
        by=(_USER,),
    ),
    Question(
        title="Failed log-ins by address",
        help="Many from one address, of many users: somebody tries a list of names and passwords.",
        lines=_FAILED,
        by=(_ADDRESS,),
    ),
    Question(
        title="Permission denied",
        help="Somebody wanted what they may not: a role that lacks something, or curiosity.",
        lines='{kind="security"} | event_name="permission.denied"',
        by=(_USER, ("permission_name", "Permission")),
    ),
    Question(
        title="Break the glass",
        help="Records opened with the emergency as the reason. Each should have one: ask the user.",
        lines='{kind="audit"} | health_purpose=~"ETREAT|BTG"',
        by=(_USER, _ROLE),
    ),
    Question(
        title="Most records",
        help="Who opened or changed most records. Compare with what their work needs.",
        lines='{kind="audit"} | event_name="record.access" | user_id!=""',
        by=(_USER, _ROLE),
    ),
    Question(
        title="Exports",
        help="Records that left as files.",
        lines='{kind="audit"} | event_name="record.export"',
        by=(_USER, ("health_record_type", "Records")),
    ),
    Question(
        title="Roles granted",
        help="Who gave whom more rights.",
        lines='{kind="security"} | event_name="role.granted"',
        by=(_USER, ("role_user", "To"), ("role_name", "Role")),
    ),
)
_BRUTE_FORCE = Question(
    title="Brute force",
    help="Addresses with five or more failed log-ins within five minutes; the count is that of the worst five minutes.",
    lines=f'{_FAILED} | client_address!=""',
    by=(_ADDRESS,),
)
_NEW = Question(
    title="New addresses",
    help="Log-ins from an address from which this user hasn't come in the 30 days before.",
    lines=_SUCCEEDED,
    by=(_USER, _ADDRESS),
)
_FEW = 5
_FIVE_MINUTES = 300 * SECOND
_BEFORE = "30d"
_SHOWN = 50


@dataclass(frozen=True)
class Guard:
    """What the page needs."""

    queries: QueryService
    incidents: Incidents
    ledger: Ledger
    registry: CollectorRegistry
    clock: Clock


@dataclass(frozen=True)
class LedgerState:
    """How the ledger is."""

    size: int
    problem: str
    """Why nothing is recorded; empty while all is."""
    failed: bool
    """The last look found something wrong."""
    verified: datetime | None
    """The last look that found all right."""


def router(guard: Guard) -> APIRouter:
    """Make the route."""
    routes = APIRouter(include_in_schema=False)
    template = environment().get_template("security.html")

    @routes.get("/security")
    def page(request: Request) -> HTMLResponse:
        asking, now = Asking(guard.queries, request), guard.clock.now_ns()
        asked = span(request.query_params, now, "24h")
        text = template.render(
            tables=list(_tables(asking, asked)), span=asked, spans=NAMES, now=moment(now),
            incidents=or_away(lambda: _open(guard.incidents)), ledger=_ledger(guard),
        )  # fmt: skip
        return HTMLResponse(text, headers=HEADERS)

    return routes


def _tables(asking: Asking, asked: Span) -> Sequence[Table]:
    """Answer the questions whose lines the reader sees."""
    seen = [it for it in QUESTIONS if any(f'kind="{kind}"' in it.lines for kind in asking.who.sight.kinds)]
    found = [table(asking, question, asked) for question in seen]
    if "security" in asking.who.sight.kinds:
        found[2:2] = [_brute_force(asking, asked), _new_addresses(asking, asked)]
    return found


def _brute_force(asking: Asking, asked: Span) -> Table:
    def ask() -> list[tuple[list[str], float]]:
        counted = f"sum by (client_address) (count_over_time({_BRUTE_FORCE.lines} [5m])) >= {_FEW}"
        series = asking.curves(counted, asked, _FIVE_MINUTES)
        worst = [(dict(one.labels), max(value for _, value in one.points)) for one in series if one.points]
        return rows(sorted(worst, key=lambda pair: -pair[1])[:_SHOWN], _BRUTE_FORCE)

    return Table(_BRUTE_FORCE, or_away(ask), parameters(_BRUTE_FORCE.lines, asked.asked))


def _new_addresses(asking: Asking, asked: Span) -> Table:
    def ask() -> list[tuple[list[str], float]]:
        now = f"sum by (user_id, client_address) (count_over_time({_SUCCEEDED} [{asked.duration}]))"
        then = f"sum by (user_id, client_address) (count_over_time({_SUCCEEDED} [{_BEFORE}] offset {asked.duration}))"
        return rows(asking.counts(f"{now} unless {then}", asked.end)[:_SHOWN], _NEW)

    return Table(_NEW, or_away(ask), parameters(_SUCCEEDED, asked.asked))


def _open(incidents: Incidents) -> list[Incident]:
    return [it for it in reversed(incidents.pending()) if it.category in ("security", "data_access")]


def _ledger(guard: Guard) -> LedgerState:
    """Ask the ledger, and what its rounds have told."""
    read = guard.registry.get_sample_value
    verified = read("wardlight_ledger_verified_timestamp_seconds")
    return LedgerState(
        size=guard.ledger.size,
        problem=guard.ledger.problem,
        failed=bool(read("wardlight_ledger_verification_failed")),
        verified=moment(int(verified * SECOND)) if verified else None,
    )
