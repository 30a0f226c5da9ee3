"""The client: what an application says becomes records in the outbox and counts in the metrics."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Counter

from wardlight_sdk.context import who
from wardlight_sdk.metrics import Metrics
from wardlight_sdk.outbox import Outbox

Kind = Literal["application", "security", "error", "audit"]

CAPACITY = 10_000
"""Most records that wait in memory."""
LONGEST_TEXT = 100_000
"""Most characters of a line or an attribute; the rest is cut."""


def plain(value: object) -> str | bool | int | float:
    """Turn any value into one that can be sent: a scalar, text without lone surrogates, not endless."""
    if isinstance(value, (bool, float)) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return value
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 -- a broken __str__ must not break the application
        text = f"<{type(value).__name__}>"
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT] + "…"
    return text.encode("utf-8", "replace").decode()


def type_of(error: BaseException) -> str:
    """Name an exception's class, with its module unless it is a built-in."""
    module, name = type(error).__module__, type(error).__qualname__
    return name if module == "builtins" else f"{module}.{name}"


def described(error: BaseException) -> dict[str, object]:
    """Describe an exception by OpenTelemetry's names."""
    return {
        "exception.type": type_of(error),
        "exception.message": error,
        "exception.stacktrace": "".join(traceback.format_exception(error)),
    }


def first_seen(error: BaseException) -> bool:
    """Tell whether an exception is reported for the first time, and mark it: each is sent once."""
    if getattr(error, "__wardlight_reported__", False):
        return False
    with suppress(AttributeError, TypeError):
        error.__wardlight_reported__ = True  # type: ignore[attr-defined]
    return True


class Client:
    """A connection from this application to Wardlight."""

    def __init__(self, resource: Mapping[str, str], endpoint: str, registry: CollectorRegistry) -> None:
        self.metrics = Metrics(registry, resource.get("service.version", ""))
        self._provider = LoggerProvider(Resource.create(dict(resource)), shutdown_on_exit=False)
        self._provider.add_log_record_processor(
            Outbox(f"{endpoint.rstrip('/')}/v1/logs", capacity=CAPACITY, count=self._count_records)
        )

    def _count_records(self, outcome: str, records: int) -> None:
        if records:
            self.metrics.sent.labels(outcome).inc(records)

    def count(self, counter: Counter, *labels: str) -> None:
        """Count something by its labels."""
        counter.labels(*(plain(label) for label in labels)).inc()

    def send(
        self,
        kind: Kind,
        body: str,
        attributes: Mapping[str, object] | None = None,
        *,
        severity: SeverityNumber = SeverityNumber.INFO,
        source: str = "wardlight_sdk",
        ts: int | None = None,
    ) -> None:
        """Queue one record with what is known of the one at work; never waits, never raises.

        `ts` is in nanoseconds since 1970-01-01 UTC, now by default; attributes that are None or empty are left out.
        """
        try:
            said = {**who().attributes(), **(attributes or {}), "wardlight.kind": kind}
            self._provider.get_logger(source).emit(
                LogRecord(
                    timestamp=ts or time.time_ns(),
                    severity_number=severity,
                    severity_text=severity.name,
                    body=plain(body),
                    attributes={name: plain(value) for name, value in said.items() if value not in (None, "")},
                )
            )
        except Exception:  # noqa: BLE001 -- whatever it is, the application goes on
            self._count_records("failed", 1)

    def report(
        self,
        error: BaseException,
        body: str = "",
        attributes: Mapping[str, object] | None = None,
        *,
        severity: SeverityNumber = SeverityNumber.ERROR,
        source: str = "wardlight_sdk",
        ts: int | None = None,
    ) -> None:
        """Send and count an exception, once: whoever reports the same one later is ignored."""
        if first_seen(error):
            name = type_of(error)
            self.count(self.metrics.errors, name)
            said = {**(attributes or {}), **described(error)}
            self.send("error", body or f"{name} was raised", said, severity=severity, source=source, ts=ts)

    def flush(self, timeout: float) -> bool:
        """Send what waits; False when something still waits after `timeout` seconds."""
        return self._provider.force_flush(int(timeout * 1000))

    def close(self) -> None:
        """Send what waits, for a few seconds at most, and stop."""
        self._provider.shutdown()
        self.metrics.remove()
