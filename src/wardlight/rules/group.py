"""One group at work: evaluates its rules in order, remembers, tells."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import quote

from wardlight.alertmanager.outbox import Notice
from wardlight.clock import Clock
from wardlight.problems import Cancelled, Problem
from wardlight.rules import life, schedule
from wardlight.rules.memory import Memory, keys
from wardlight.rules.metrics import Gauges, Recordings
from wardlight.rules.model import (
    Alert,
    AlertRule,
    Evaluator,
    Group,
    GroupStatus,
    RecordingRule,
    Rule,
    RuleStatus,
    Sample,
)

RESEND_NS = 60 * 10**9
"""How often Alertmanager is told of an alert that goes on."""
HOLDS = 4
"""Tellings that may get lost before Alertmanager takes an alert for ended."""

_LABELS = re.compile(r"\{.*\}", re.DOTALL)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What all groups share."""

    evaluator: Evaluator
    memory: Memory
    clock: Clock
    gauges: Gauges
    recordings: Recordings
    tell: Callable[[Iterable[Notice]], None]
    stopping: threading.Event
    url: str
    """Where links in alerts lead."""


class GroupRun:
    """A group's state. `catch_up` runs in one thread at a time; `status` may be read from any."""

    def __init__(self, group: Group, tools: Tools) -> None:
        self.group = group
        self._tools = tools
        self._keys = keys(group.rules)
        self._places = [f"{group.key};{at}" for at in range(len(group.rules))]
        self._evaluated, self._alerts = tools.memory.load(group)
        self._saved = self._alerts
        self._since = 0
        self._seconds = 0.0
        self.status = GroupStatus(
            group=group,
            rules=tuple(
                RuleStatus(rule=rule, alerts=tuple(self._alerts[key].values()))
                for rule, key in zip(group.rules, self._keys, strict=True)
            ),
        )

    def end(self) -> None:
        """Show nothing more of what it records."""
        for place in self._places:
            self._tools.recordings.drop(place)

    def turn(self) -> schedule.Turn | None:
        """Say what is due."""
        return schedule.turn(self.group, self._evaluated, self._tools.clock.now_ns(), self._seconds)

    def catch_up(self) -> None:
        """Evaluate what is due; a group that is slow lets others come first after each. Raises Cancelled."""
        self._since = self._evaluated or 0
        while (turn := self.turn()) is not None:
            self._evaluate(turn)
            if self._seconds * 1e9 >= self.group.interval_ns:
                return

    def _evaluate(self, turn: schedule.Turn) -> None:
        began = self._tools.clock.monotonic()
        alerts = self._adjusted(turn)
        statuses, notices = [], list[Notice]()
        for rule, key, place in zip(self.group.rules, self._keys, self._places, strict=True):
            if isinstance(rule, AlertRule):
                status, alerts[key] = self._alert(rule, alerts[key], turn.at_ns)
                if status.health == "ok":
                    alerts[key] = self._tell(rule, alerts[key], turn.at_ns, notices)
                status = replace(status, alerts=tuple(alerts[key].values()))
            else:
                status = self._record(rule, place, turn.at_ns)
            statuses.append(status)
        self._log(statuses)
        self._keep(alerts, turn.at_ns)
        self._tools.tell(notices)
        self._seconds = self._tools.clock.monotonic() - began
        self._count(turn, statuses)
        self.status = GroupStatus(
            group=self.group, rules=tuple(statuses), evaluated_ns=turn.at_ns, seconds=self._seconds
        )

    def _adjusted(self, turn: schedule.Turn) -> dict[str, dict[str, Alert]]:
        """Bring the alerts to the moment: a pause that nobody evaluated, or a clock that was set back."""
        if turn.skipped:
            _log.warning("rules %s: %d evaluations were missed", self.group.key, turn.skipped)
            adjust = partial(life.unwatched, for_ns=turn.skipped * self.group.interval_ns)
        elif turn.back_ns:
            _log.warning("rules %s: the clock was set back by %.0f s", self.group.key, turn.back_ns / 1e9)
            adjust = partial(life.set_back, by_ns=turn.back_ns)
        else:
            return dict(self._alerts)
        return {rule: {key: adjust(alert) for key, alert in alerts.items()} for rule, alerts in self._alerts.items()}

    def _alert(self, rule: AlertRule, had: dict[str, Alert], at_ns: int) -> tuple[RuleStatus, dict[str, Alert]]:
        """Evaluate an alert rule. A failure changes no alert; but a result beyond the limit drops them all."""
        after = had

        def follow() -> None:
            nonlocal after
            found = life.seen(rule, self._ask(rule.expr, at_ns), self._tools.url)
            try:
                after = life.follow(rule, had, found, at_ns, self.group.limit)
            except life.TooMany:
                after = {}
                raise

        return self._timed(rule, at_ns, follow), after

    def _record(self, rule: RecordingRule, place: str, at_ns: int) -> RuleStatus:
        """Evaluate a recording rule. When it fails, it shows nothing rather than something old."""

        def record() -> None:
            found = life.recorded(rule, self._ask(rule.expr, at_ns), self.group.limit)
            self._tools.recordings.put(place, rule.name, found)

        status = self._timed(rule, at_ns, record)
        if status.health == "err":
            self._tools.recordings.drop(place)
        return status

    def _ask(self, expr: str, at_ns: int) -> Sequence[Sample]:
        if self._tools.stopping.is_set():
            raise Cancelled("the server stops")
        return self._tools.evaluator.instant(expr, at_ns - self.group.offset_ns)

    def _timed(self, rule: Rule, at_ns: int, evaluate: Callable[[], None]) -> RuleStatus:
        """Say how an evaluation went. An error's text leaves: it may not hold labels of single lines."""
        began, error = self._tools.clock.monotonic(), ""
        try:
            evaluate()
        except Cancelled:
            raise
        except Problem as problem:
            error = _LABELS.sub("{…}", str(problem)).strip()
        seconds = self._tools.clock.monotonic() - began
        return RuleStatus(rule=rule, health="err" if error else "ok", error=error, evaluated_ns=at_ns, seconds=seconds)

    def _tell(
        self, rule: AlertRule, alerts: Mapping[str, Alert], at_ns: int, notices: list[Notice]
    ) -> dict[str, Alert]:
        """Add what Alertmanager is told now, and note that it was."""
        now_ns = self._tools.clock.now_ns()
        holds_ns = max(at_ns, now_ns) + HOLDS * max(RESEND_NS, self.group.interval_ns)
        due = {key for key, alert in alerts.items() if life.is_due(alert, at_ns, RESEND_NS)}
        notices += [self._notice(rule, alerts[key], holds_ns) for key in alerts if key in due]
        return {key: replace(alert, sent_ns=at_ns) if key in due else alert for key, alert in alerts.items()}

    def _notice(self, rule: AlertRule, alert: Alert, holds_ns: int) -> Notice:
        """Write what Alertmanager is told; the link asks the rule's query as of the moment when it fired."""
        fired_ns = alert.active_ns if alert.fired_ns is None else alert.fired_ns
        query = f"query={quote(rule.expr, safe='')}&time={fired_ns - self.group.offset_ns}"
        return Notice(
            labels=alert.labels,
            annotations=alert.annotations,
            starts_ns=fired_ns,
            ends_ns=holds_ns if alert.resolved_ns is None else alert.resolved_ns,
            link=f"{self._tools.url}/loki/api/v1/query?{query}",
        )

    def _keep(self, alerts: dict[str, dict[str, Alert]], at_ns: int) -> None:
        """Remember the evaluation; without a state database, go on alerting all the same."""
        self._alerts, self._evaluated = alerts, at_ns
        try:
            self._tools.memory.save(self.group, at_ns, self._saved, alerts)
        except Problem as problem:
            _log.error("rules %s: a restart would forget its alerts: %s", self.group.key, problem)
        else:
            self._saved = alerts

    def _log(self, statuses: Sequence[RuleStatus]) -> None:
        """Log what fails or is well again, once."""
        for before, after in zip(self.status.rules, statuses, strict=True):
            if after.error and after.error != before.error:
                first = after.error.splitlines()[0]
                _log.error("rules %s: %s fails: %s", self.group.key, after.rule.name, first)
            elif before.error and not after.error:
                _log.info("rules %s: %s is well again", self.group.key, after.rule.name)
            if any(self._is_over(alert, after) for alert in after.alerts):
                # Alertmanager notifies nobody of an alert that is over when it hears of it.
                _log.warning("rules %s: %s fired and ended in a pause", self.group.key, after.rule.name)

    def _is_over(self, alert: Alert, status: RuleStatus) -> bool:
        """Say whether an alert ended just now that fired in the same pause."""
        return alert.resolved_ns == status.evaluated_ns and (alert.fired_ns or 0) > self._since

    def _count(self, turn: schedule.Turn, statuses: Sequence[RuleStatus]) -> None:
        gauges, group = self._tools.gauges, self.group.key
        gauges.evaluations.labels(group).inc(len(statuses))
        gauges.failures.labels(group).inc(sum(status.health == "err" for status in statuses))
        gauges.missed.labels(group).inc(turn.skipped)
        gauges.late.labels(group).inc(turn.at_ns + self.group.interval_ns <= self._tools.clock.now_ns())
        gauges.at.labels(group).set(turn.at_ns / 1e9)
        gauges.seconds.labels(group).set(self._seconds)
