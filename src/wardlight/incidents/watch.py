"""Comparing with Alertmanager: the history of its alerts, and what the webhook didn't tell.

Alertmanager forgets when it restarts, and tells nobody that a silenced alert is over; a webhook may be lost. So every
`SECONDS` its alerts are compared with the incidents: one whose alerts are all gone for `ABSENT` is resolved, an alert
that is shown for its severity's `GRACE` and has none opens one. While Alertmanager is away nothing is concluded.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter

from wardlight.clock import Clock, moment
from wardlight.incidents.alertmanager import Alertmanager, Seen
from wardlight.incidents.history import History
from wardlight.incidents.model import WATCHDOG, Alert
from wardlight.incidents.service import Incidents
from wardlight.looking import looking
from wardlight.problems import Problem

SECONDS = 15.0
RECEIVER = "wardlight"
"""Our receiver's name in Alertmanager's configuration: an alert that goes to others only is no incident of ours."""
ABSENT = timedelta(minutes=3)
"""Longer than senders take to tell a restarted Alertmanager again."""
GRACE: Mapping[str, timedelta] = {
    "critical": timedelta(minutes=1), "warning": timedelta(minutes=3), "info": timedelta(minutes=7),
}  # fmt: skip
"""Longer than our routes let a group wait."""
_FORGET_EVERY = timedelta(hours=1)

_log = logging.getLogger(__name__)


class Watch:
    """Looks at Alertmanager's alerts again and again."""

    def __init__(
        self,
        alertmanager: Alertmanager,
        incidents: Incidents,
        history: History,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._alertmanager = alertmanager
        self._incidents = incidents
        self._history = history
        self._clock = clock
        self._absent: dict[int, datetime] = {}
        self._forgot: datetime | None = None
        self._well = True
        self._failures = Counter(
            "wardlight_alertmanager_comparison_failures",
            "Comparisons with Alertmanager that failed.",
            registry=registry,
        )
        self._corrected = Counter(
            "wardlight_incidents_corrected", "Incidents that a comparison with Alertmanager opened or resolved.",
            ["action"], registry=registry,
        )  # fmt: skip
        for action in ("opened", "resolved"):
            self._corrected.labels(action)

    def running(self) -> AbstractAsyncContextManager[None]:
        """Compare while inside."""
        return looking(self.look, lambda: SECONDS, "comparing incidents with Alertmanager", self._failures.inc)

    def look(self) -> bool:
        """Compare once; say whether it could be done. A failure is told once, and counted."""
        try:
            seen = self._alertmanager.alerts()
            self._compare(seen, moment(self._clock.now_ns()))
        except Problem as problem:
            self._failures.inc()
            self._absent.clear()
            if self._well:
                _log.error("incidents aren't compared with Alertmanager: %s", problem)
            self._well = False
        else:
            if not self._well:
                _log.info("incidents are compared with Alertmanager again")
            self._well = True
        return self._well

    def _compare(self, seen: Sequence[Seen], now: datetime) -> None:
        since = self._history.take(seen, now)
        if self._forgot is None or now - self._forgot >= _FORGET_EVERY:
            self._history.forget(now)
            self._forgot = now
        running = self._incidents.running()
        present = {it.alert.fingerprint for it in seen}
        absent = {it.id for it, alerts in running if alerts and not present & alerts}
        self._absent = {one: self._absent.get(one, now) for one in absent}
        for one, first in list(self._absent.items()):
            if now - first >= ABSENT:
                self._incidents.gone(one, "Alertmanager has these alerts no longer and didn't tell of their end")
                self._corrected.labels("resolved").inc()
                del self._absent[one]
        known = {one for _, alerts in running for one in alerts}
        for group in _missed(
            [it for it in seen if now - since[it.alert.fingerprint] >= GRACE[it.alert.severity]], known
        ):
            self._incidents.missed(group, "Alertmanager has these alerts and its webhook didn't tell of them")
            self._corrected.labels("opened").inc()


def _missed(seen: Sequence[Seen], known: set[str]) -> list[list[Alert]]:
    """Pick the alerts that should have come to us and didn't, by rule and job.

    One that fires for us already is known, whenever it began: told of by two senders, it has the start of either.
    """
    groups: dict[tuple[str, str], list[Alert]] = {}
    for it in seen:
        alert = it.alert
        ours = it.state == "active" and RECEIVER in it.receivers and alert.name != WATCHDOG
        if ours and alert.fingerprint not in known:
            groups.setdefault((alert.name, alert.labels.get("job", "")), []).append(alert)
    return list(groups.values())
