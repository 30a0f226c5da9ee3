"""Standard logging, sent along: a handler for the root logger."""

from __future__ import annotations

import logging
from bisect import bisect_right

from opentelemetry._logs import SeverityNumber

from wardlight_sdk.client import Client, Kind

_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
_SEVERITIES = (
    SeverityNumber.TRACE,
    SeverityNumber.DEBUG,
    SeverityNumber.INFO,
    SeverityNumber.WARN,
    SeverityNumber.ERROR,
    SeverityNumber.FATAL,
)
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_QUIET = ("wardlight_sdk", "opentelemetry", "urllib3")
"""Loggers that speak while records are sent; sending what they say would never end."""


def severity_of(level: int) -> SeverityNumber:
    """Read a level of `logging` as OpenTelemetry's severity.

    >>> severity_of(logging.INFO), severity_of(35).name
    (<SeverityNumber.INFO: 9>, 'WARN')
    """
    return _SEVERITIES[bisect_right(_LEVELS, level)]


class Bridge(logging.Handler):
    """Sends what the application logs: kind `error` from level ERROR or with an exception, else `application`."""

    def __init__(self, client: Client, level: int) -> None:
        super().__init__(level)
        self._client = client

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; one that can't be formatted goes to `logging`'s own error handling."""
        if record.name.partition(".")[0] in _QUIET:
            return
        try:
            body = record.getMessage()
        except Exception:  # noqa: BLE001 -- as every handler of `logging` does
            self.handleError(record)
            return
        said: dict[str, object] = {name: value for name, value in vars(record).items() if name not in _OWN}
        said["code.function.name"] = record.funcName
        said["code.file.path"] = record.pathname
        said["code.line.number"] = record.lineno
        severity, ts = severity_of(record.levelno), int(record.created * 1e9)
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._client.report(error, body, said, severity=severity, source=record.name, ts=ts)
        else:
            kind: Kind = "error" if record.levelno >= logging.ERROR else "application"
            self._client.send(kind, body, said, severity=severity, source=record.name, ts=ts)
