"""Sending what was claimed, and deciding what follows from what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from wardlight.clock import Clock, moment
from wardlight.escalation.book import Book, Lot, Result
from wardlight.escalation.course import Course, Delivery, Note
from wardlight.escalation.metrics import Metrics
from wardlight.escalation.policy import OnCall
from wardlight.escalation.roster import Roster
from wardlight.escalation.steady import Steady
from wardlight.escalation.wording import MAX_LISTED, Writer
from wardlight.incidents import Incidents
from wardlight.notify import Failed, Links, Message, Outcome, Sent, service
from wardlight.problems import Problem

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 120, 300))
"""Between the tries of one channel, after failures that may pass; then it is the next channel's turn."""

Send = Callable[[str, Message], Outcome]
_log = logging.getLogger(__name__)


class Sender:
    """Turns lots into messages, and outcomes into results."""

    def __init__(
        self, book: Book, incidents: Incidents, roster: Roster, links: Links, *, url: str, steady: Steady, clock: Clock,
        metrics: Metrics, send: Send,
    ) -> None:  # fmt: skip
        self._book = book
        self._incidents = incidents
        self._roster = roster
        self._links = links
        self._url = url.rstrip("/")
        self._steady = steady
        self._clock = clock
        self._metrics = metrics
        self._send = send

    def deliver(self, lot: Lot) -> list[Result]:
        """Send one message, unless it is of no use any more; say what became of each delivery in it."""
        courses = self._book.states({each.incident_id for each in lot.deliveries})
        results, wanted = [], []
        for each in lot.deliveries:
            if why := _in_vain(each, courses.get(each.incident_id)):
                results.append(self._dropped(each, why))
            else:
                wanted.append(each)
        if wanted:
            oncall = self._roster.oncall()
            person = oncall.people.get(wanted[0].person)
            address = person.channels.get(wanted[0].channel, "") if person else ""
            outcome = self._try(wanted, oncall, address)
            results += [self._result(each, outcome, oncall, service(address)) for each in wanted]
        return results

    def _try(self, wanted: Sequence[Delivery], oncall: OnCall, address: str) -> Outcome:
        if not address:
            return Failed("oncall.toml has no such person or channel any more", temporary=False)
        try:
            return self._send(address, self._message(wanted, oncall))
        except Problem as problem:
            return Failed(str(problem), temporary=True)
        except Exception as error:  # noqa: BLE001 -- a fault in one message may not stop the others
            _log.exception("a message can't be made")
            return Failed(f"a fault of Wardlight's: {type(error).__name__}", temporary=True)

    def _message(self, wanted: Sequence[Delivery], oncall: OnCall) -> Message:
        first = wanted[0]
        ids = sorted({each.incident_id for each in wanted})
        incidents = [self._incidents.get(each, alerts=1) for each in ids[:MAX_LISTED]]
        writer = Writer(
            zone=oncall.people[first.person].zone,
            url=self._url,
            acknowledge=lambda incident: self._link(incident, first),
            summaries=oncall.summaries,
            level=oncall.level_name(first.level),
        )
        write = {"page": writer.page, "reminder": writer.reminder, "resolved": writer.resolved}[first.purpose]
        return write(incidents, len(ids) - len(incidents))

    def _link(self, incident: int, delivery: Delivery) -> str:
        """Make the address that acknowledges; without it the message goes all the same."""
        try:
            return f"{self._url}/ack/{self._links.issue(incident, delivery.person, delivery.turn)}"
        except Problem:
            _log.exception("no link can be made that acknowledges")
            return ""

    def _dropped(self, delivery: Delivery, why: str) -> Result:
        name = self._roster.oncall().person_name(delivery.person)
        self._metrics.notifications.labels("none", "dropped").inc()
        note = Note("not notified", f"{name}: {why}")
        return Result(delivery=replace(delivery, state="dropped", reason=why, at=self._wall()), notes=(note,))

    def _result(self, tried: Delivery, outcome: Outcome, oncall: OnCall, kind: str) -> Result:
        whom = f"{oncall.person_name(tried.person)} by {kind}"
        if isinstance(outcome, Sent):
            self._metrics.notifications.labels(kind, "sent").inc()
            what = oncall.level_name(tried.level) if tried.purpose == "page" else tried.purpose
            sent = replace(tried, state="sent", reason="", at=self._wall())
            return Result(delivery=sent, notes=(Note("notified", f"{what}: {whom}"),))
        if outcome.temporary and tried.attempt <= len(PAUSES):
            self._metrics.notifications.labels(kind, "retried").inc()
            later = self._steady.now() + PAUSES[tried.attempt - 1]
            return Result(delivery=replace(tried, reason=outcome.reason, due=later, at=self._wall()))
        self._metrics.notifications.labels(kind, "failed").inc()
        channel = self._next_channel(tried, oncall)
        follow_up = None
        if channel:
            now = self._steady.now()
            follow_up = replace(tried, channel=channel, attempt=0, reason="", due=now, at=self._wall())
        times = f", tried {tried.attempt} times" if tried.attempt > 1 else ""
        onwards = f"; next is {channel}" if channel else "; there is no other channel"
        return Result(
            delivery=replace(tried, state="failed", reason=f"{outcome.reason}{times}", at=self._wall()),
            follow_up=follow_up,
            level_failed=follow_up is None and tried.purpose == "page",
            notes=(Note("not notified", f"{whom} failed: {outcome.reason}{times}{onwards}"),),
        )

    def _next_channel(self, failed: Delivery, oncall: OnCall) -> str:
        """Name the channel to try next; empty if all were tried."""
        person = oncall.people.get(failed.person)
        if person is None:
            return ""
        level = oncall.levels.get(failed.level)
        ways = person.ways(failed.severity, level.channels if level else ())
        tried = self._book.channels_tried(failed)
        return next((channel for channel in (*ways, *person.channels) if channel not in tried), "")

    def _wall(self) -> datetime:
        return moment(self._clock.now_ns())


def _in_vain(delivery: Delivery, course: Course | None) -> str:
    """Say why a message needn't be sent any more; empty if it must."""
    if delivery.purpose == "resolved":
        return ""
    if course is None or course.run != delivery.run or course.state == "over":
        return "it was over before the message went"
    if delivery.purpose == "page" and course.state == "acknowledged":
        return f"{course.acknowledged_by} had acknowledged before the message went"
    if delivery.purpose == "reminder" and not course.reminded:
        return "it was no longer due"
    return ""
