"""The console: what people see, rendered here: an overview that is renewed every two seconds, and the audit trail.

`prometheus` asks, `snapshot` orders, `verdict` judges, `overview` gathers, `words` writes, `pages` serves; `audit` is
the page of the audit trail, `incidents` those of incidents, `heartbeats` the table of
heartbeats.
"""

from wardlight.console.audit import router as audit_router
from wardlight.console.heartbeats import router as heartbeats_router
from wardlight.console.incidents import Desk
from wardlight.console.incidents import router as incidents_router
from wardlight.console.overview import Overview
from wardlight.console.pages import router

__all__ = ["Desk", "Overview", "audit_router", "heartbeats_router", "incidents_router", "router"]
