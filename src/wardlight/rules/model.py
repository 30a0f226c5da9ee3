"""What a rule is, and what its evaluation gives. Times are nanoseconds since 1970, durations nanoseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from wardlight.problems import BadInput
from wardlight.rules.text import Text

AlertState = Literal["pending", "firing", "inactive"]
Health = Literal["unknown", "ok", "err"]

PERSONAL = frozenset((
    "client_address", "client_ip", "enduser_id", "exception_message", "exception_stacktrace", "health_patient_id",
    "health_record_id", "ip", "ip_address", "mrn", "patient", "patient_id", "patient_name", "record_id", "remote_addr",
    "session", "session_id", "source_address", "span_id", "trace_id", "user", "user_agent_original", "user_email",
    "user_full_name", "user_hash", "user_id", "user_name", "username", "__error_details__",
))  # fmt: skip
"""Labels that lead to a person: no alert and no recorded series may carry one."""


@dataclass(frozen=True)
class Sample:
    """One series of an evaluation's result."""

    labels: Mapping[str, str]
    value: float


class Evaluator(Protocol):
    """What answers a rule's query."""

    def instant(self, query: str, at_ns: int) -> Sequence[Sample]:
        """Evaluate a metric query at a moment; a bare number is one sample without labels. Raises Problem; blocks."""
        ...

    def cancel(self) -> None:
        """Let what is being evaluated raise Cancelled."""
        ...


@dataclass(frozen=True, kw_only=True)
class AlertRule:
    """`alert`: every series of the result is an alert."""

    name: str
    expr: str
    hold_ns: int = 0
    """`for`: how long a series must be there before its alert fires."""
    keep_ns: int = 0
    """`keep_firing_for`: how long an alert outlives its series."""
    labels: Mapping[str, Text] = field(default_factory=dict)
    annotations: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RecordingRule:
    """`record`: the result is a metric of its own."""

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


Rule = AlertRule | RecordingRule


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rules that are evaluated together, in order."""

    file: str
    name: str
    interval_ns: int
    rules: tuple[Rule, ...]
    limit: int = 0
    """Most alerts or series of one rule; 0: any number."""
    offset_ns: int = 0
    """`query_offset`: how far back a query looks, for lines that come late."""

    @property
    def key(self) -> str:
        """What it is called among all groups."""
        return f"{self.file};{self.name}"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert of a rule: the series with these labels, and what became of it."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    value: float
    state: AlertState = "pending"
    active_ns: int
    """When its series was first seen."""
    fired_ns: int | None = None
    absent_ns: int | None = None
    """Since when `keep_firing_for` alone keeps it up."""
    resolved_ns: int | None = None
    sent_ns: int | None = None
    """When Alertmanager was last told."""


@dataclass(frozen=True, kw_only=True)
class RuleStatus:
    """How a rule stands after its latest evaluation."""

    rule: Rule
    health: Health = "unknown"
    error: str = ""
    evaluated_ns: int | None = None
    seconds: float = 0.0
    alerts: tuple[Alert, ...] = ()

    @property
    def state(self) -> AlertState:
        """Say what is worst of its alerts."""
        states = {alert.state for alert in self.alerts}
        return "firing" if "firing" in states else "pending" if "pending" in states else "inactive"


@dataclass(frozen=True, kw_only=True)
class GroupStatus:
    """How a group stands."""

    group: Group
    rules: tuple[RuleStatus, ...]
    evaluated_ns: int | None = None
    seconds: float = 0.0
    fault: str = ""
    """Why the newest version of its file isn't used."""


def refuse_personal(labels: Mapping[str, str]) -> None:
    """Raise BadInput if a label leads to a person; the message has the label's name, not its value."""
    if found := PERSONAL.intersection(labels):
        raise BadInput(f"the result has the label {min(found)}, which leads to a person: aggregate it away")
