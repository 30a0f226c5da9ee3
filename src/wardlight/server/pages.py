"""The wing of pages that look across the others: overview, logs."""

from __future__ import annotations

from wardlight import console
from wardlight.console import Overview
from wardlight.console.logs import LogDesk
from wardlight.console.saved import SavedQueries
from wardlight.server.alerts import Alerts
from wardlight.server.ground import Ground, Wing
from wardlight.server.logs import Logs


def build(ground: Ground, logged: Logs, alerted: Alerts) -> Wing:
    """Open what the console shows."""
    settings, clock = ground.settings, ground.clock
    overview = Overview(settings.stack.prometheus_url, alerted.incidents, logged.store, clock)
    saved = SavedQueries(ground.state, clock)
    return Wing(
        routers=[console.router(overview), console.logs_router(LogDesk(logged.queries, saved))],
        closing=[overview.aclose],
    )
