"""The life of an alert, as Prometheus has it. Pure: what an evaluation at a moment makes of the alerts before it.

    series there      none, inactive → pending, and at once firing without `for`
                      pending        → firing after `for`
                      firing         → firing
    series gone       pending        → forgotten
                      firing         → firing for `keep_firing_for`, then inactive (resolved)
                      inactive       → forgotten after `RETENTION_NS`, told again until then

Alerts are kept by their labels, written as `records.stream_of` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from wardlight.problems import BadInput
from wardlight.records import stream_of
from wardlight.rules.model import Alert, AlertRule, RecordingRule, Sample, refuse_personal
from wardlight.rules.text import Text

RETENTION_NS = 15 * 60 * 10**9
"""How long a resolved alert is told again, in case Alertmanager was away."""

Alerts = Mapping[str, Alert]


class TooMany(BadInput):
    """A result is larger than the group's limit."""


@dataclass(frozen=True)
class Seen:
    """An alert as one evaluation has it."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    value: float


def seen(rule: AlertRule, samples: Sequence[Sample], url: str) -> dict[str, Seen]:
    """Put a rule's labels and annotations on its result. Raises BadInput for what can't be told apart."""
    found: dict[str, Seen] = {}
    for sample in samples:
        refuse_personal(sample.labels)
        labels = _labels({**sample.labels, **_filled(rule.labels, sample, url), "alertname": rule.name})
        if (key := stream_of(labels)) in found:
            raise BadInput("the result has two series with the same labels after the rule's labels were put on")
        found[key] = Seen(labels, _filled(rule.annotations, sample, url), sample.value)
    return found


def _filled(texts: Mapping[str, Text], sample: Sample, url: str) -> dict[str, str]:
    return {name: text.render(sample.labels, sample.value, url) for name, text in texts.items()}


def recorded(rule: RecordingRule, samples: Sequence[Sample], limit: int) -> dict[str, Sample]:
    """Put a rule's labels on its result. Raises BadInput for too many series, or such that can't be told apart."""
    if limit and len(samples) > limit:
        raise TooMany(f"exceeded limit of {limit} with {len(samples)} series")
    found: dict[str, Sample] = {}
    for sample in samples:
        refuse_personal(sample.labels)
        labels = _labels({**sample.labels, **rule.labels})
        if (key := stream_of(labels)) in found:
            raise BadInput("the result has two series with the same labels after the rule's labels were put on")
        found[key] = Sample(labels, sample.value)
    return found


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Leave out the metric's name and what is empty."""
    return {name: value for name, value in labels.items() if value and name != "__name__"}


def follow(rule: AlertRule, had: Alerts, found: Mapping[str, Seen], at_ns: int, limit: int) -> dict[str, Alert]:
    """Say what becomes of a rule's alerts. Raises TooMany when more than `limit` are pending or firing."""
    after = {key: _present(rule, had.get(key), each, at_ns) for key, each in found.items()}
    for key, alert in had.items():
        if key not in found and (left := _absent(rule, alert, at_ns)) is not None:
            after[key] = left
    active = sum(alert.state != "inactive" for alert in after.values())
    if limit and active > limit:
        raise TooMany(f"exceeded limit of {limit} with {active} alerts")
    return after


def _present(rule: AlertRule, had: Alert | None, found: Seen, at_ns: int) -> Alert:
    if had is None or had.state == "inactive":
        alert = Alert(labels=found.labels, annotations=found.annotations, value=found.value, active_ns=at_ns)
    else:
        alert = replace(had, annotations=found.annotations, value=found.value, absent_ns=None)
    if alert.state == "pending" and at_ns - alert.active_ns >= rule.hold_ns:
        return replace(alert, state="firing", fired_ns=at_ns)
    return alert


def _absent(rule: AlertRule, had: Alert, at_ns: int) -> Alert | None:
    if had.state == "pending":
        return None
    if had.state == "inactive":
        return had if had.resolved_ns is None or at_ns - had.resolved_ns <= RETENTION_NS else None
    since = had.absent_ns if had.absent_ns is not None else at_ns
    if at_ns - since < rule.keep_ns:
        return replace(had, absent_ns=since)
    return replace(had, state="inactive", resolved_ns=at_ns, absent_ns=None)


def is_due(alert: Alert, now_ns: int, resend_ns: int) -> bool:
    """Say whether Alertmanager should be told (again)."""
    if alert.state == "pending":
        return False
    if alert.sent_ns is None or (alert.resolved_ns is not None and alert.resolved_ns > alert.sent_ns):
        return True
    return alert.sent_ns + resend_ns <= now_ns


def unwatched(alert: Alert, for_ns: int) -> Alert:
    """Leave time that nobody evaluated out of `for` and `keep_firing_for`."""
    if alert.state == "pending":
        return replace(alert, active_ns=alert.active_ns + for_ns)
    return replace(alert, absent_ns=None if alert.absent_ns is None else alert.absent_ns + for_ns)


def set_back(alert: Alert, by_ns: int) -> Alert:
    """Move an alert's times with a clock that was set back."""
    times = {name: getattr(alert, name) for name in ("active_ns", "fired_ns", "absent_ns", "resolved_ns", "sent_ns")}
    return replace(alert, **{name: at - by_ns for name, at in times.items() if at is not None})
