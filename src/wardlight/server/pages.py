"""The wing of pages that look across the others: overview, logs, users, security, errors, settings."""

from __future__ import annotations

from wardlight import console, dashboards
from wardlight.api import metrics
from wardlight.console import Overview
from wardlight.console import settings as settings_page
from wardlight.console.logs import LogDesk
from wardlight.console.oncall import duties
from wardlight.console.saved import SavedQueries
from wardlight.server.alerts import Alerts
from wardlight.server.changes import Told
from wardlight.server.ground import Ground, Wing
from wardlight.server.logs import Logs
from wardlight.server.trail import Audit
from wardlight.store.holds import Holds
from wardlight.store.stats import measure


def build(ground: Ground, audited: Audit, logged: Logs, alerted: Alerts, told: Told) -> Wing:
    """Open what the console shows."""
    settings, clock = ground.settings, ground.clock
    overview = Overview(
        settings.stack.prometheus_url, alerted.incidents, logged.store, lambda: ground.keys, clock,
        on_call=lambda: duties(alerted.escalation.roster),
    )  # fmt: skip
    neighbour = metrics.Prometheus(settings.stack.prometheus_url)
    saved = SavedQueries(ground.state, clock)
    guard = console.Guard(logged.queries, alerted.incidents, audited.ledger, ground.registry, clock)
    house = settings_page.House(
        settings=settings,
        path=ground.data / "wardlight.toml",
        store=logged.store,
        holds=Holds(ground.state, clock),
        stats=lambda: measure(logged.store, settings, ground.free(), clock.now_ns()),
        clock=clock,
    )
    return Wing(
        routers=[
            console.router(overview),
            console.dashboards_router(dashboards.built),
            metrics.router(neighbour),
            console.logs_router(LogDesk(logged.queries, saved)),
            console.users_router(logged.queries, clock),
            console.security_router(guard),
            console.errors_router(logged.queries, told.deployments, clock),
            settings_page.router(house),
        ],
        closing=[overview.aclose, neighbour.aclose],
    )
