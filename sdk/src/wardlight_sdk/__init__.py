"""Send logs, audit events and metrics of a healthcare application to Wardlight."""

from wardlight_sdk.asgi import Middleware, metrics_app
from wardlight_sdk.events import (
    Action,
    Outcome,
    bind,
    bound,
    exception,
    feature_use,
    permission_denied,
    record_access,
    record_export,
    role_granted,
    session_end,
    session_start,
    user_login,
    user_logout,
)
from wardlight_sdk.process import close, flush, setup

__all__ = [
    "Action",
    "Middleware",
    "Outcome",
    "bind",
    "bound",
    "close",
    "exception",
    "feature_use",
    "flush",
    "metrics_app",
    "permission_denied",
    "record_access",
    "record_export",
    "role_granted",
    "session_end",
    "session_start",
    "setup",
    "user_login",
    "user_logout",
]
