"""The console: what people see, rendered here: an overview that renews itself, and a page for each thing that is asked.

`prometheus` asks, `snapshot` orders, `verdict` judges, `overview` gathers, `words` writes, `pages` serves; `audit` is
the page of the audit trail, `incidents` those of incidents, `oncall`, `maintenance` and `heartbeats` what they say;
`logs`, `users`, `security` and `errors` ask the logs in the reader's sight (`asking`); `settings` is what is in force;
`live` tells open pages what is new;
`forms` reads what people write into them; `signin`, `account` and `admitting` are about who gets in.
"""

from wardlight.console.account import router as account_router
from wardlight.console.admitting import router as admitting_router
from wardlight.console.audit import router as audit_router
from wardlight.console.dashboards import router as dashboards_router
from wardlight.console.elsewhere import router as elsewhere_router
from wardlight.console.errors import router as errors_router
from wardlight.console.heartbeats import router as heartbeats_router
from wardlight.console.incidents import Desk
from wardlight.console.incidents import router as incidents_router
from wardlight.console.logs import router as logs_router
from wardlight.console.maintenance import router as maintenance_router
from wardlight.console.oncall import router as oncall_router
from wardlight.console.overview import Overview
from wardlight.console.pages import router
from wardlight.console.security import Guard
from wardlight.console.security import router as security_router
from wardlight.console.signin import refused
from wardlight.console.signin import router as signin_router
from wardlight.console.users import router as users_router

__all__ = [
    "Desk",
    "Guard",
    "Overview",
    "account_router",
    "admitting_router",
    "audit_router",
    "dashboards_router",
    "elsewhere_router",
    "errors_router",
    "heartbeats_router",
    "incidents_router",
    "logs_router",
    "maintenance_router",
    "oncall_router",
    "refused",
    "router",
    "security_router",
    "signin_router",
    "users_router",
]
