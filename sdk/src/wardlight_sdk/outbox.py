"""The way out: a bounded queue in memory and one thread that sends it to Wardlight in batches.

OpenTelemetry's own batch processor gives a batch up after ten seconds and drops the oldest records without a count.
Audit records deserve better: here a batch waits until Wardlight is back, new records are dropped only when the queue is
full (others before audit records), a batch that is refused is halved until the one bad record is alone, and
everything is counted.
"""

from __future__ import annotations

import copy
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource

_log = logging.getLogger("wardlight_sdk")

BATCH = 512
"""Most records of one request."""
DELAY = 1.0
"""Seconds that a record waits for company."""
LONGEST_PAUSE = 15.0
"""Seconds between attempts while Wardlight is away."""
_BAD_CONTENT = (400, 413, 422)
_TEMPORARY = (408, 429)


class _Line(requests.Session):
    """The connection to Wardlight; it remembers how the last request ended."""

    asked = False
    answer: requests.Response | None = None

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request and remember the answer."""
        self.asked, self.answer = True, None
        self.answer = super().request(*args, **kwargs)
        return self.answer

    def forget(self) -> None:
        """Be as before the first request."""
        self.asked, self.answer = False, None

    @property
    def temporary(self) -> bool:
        """Whether the last failure may pass by itself."""
        if self.answer is None:
            return self.asked
        return self.answer.status_code in _TEMPORARY or self.answer.status_code >= 500

    @property
    def bad_content(self) -> bool:
        """Whether the last request was refused for what was in it."""
        return self.answer is not None and self.answer.status_code in _BAD_CONTENT

    @property
    def rejected(self) -> int:
        """Records of the last, accepted request that were refused all the same."""
        if self.answer is None or "protobuf" not in self.answer.headers.get("Content-Type", ""):
            return 0
        try:
            answer = ExportLogsServiceResponse.FromString(self.answer.content)
        except ValueError:
            return 0
        return int(answer.partial_success.rejected_log_records)


class Outbox(LogRecordProcessor):
    """Takes records without ever waiting and sends them in the background."""

    def __init__(self, endpoint: str, *, capacity: int, count: Callable[[str, int], None]) -> None:
        self._endpoint = endpoint
        self._capacity = capacity
        self._count = count
        self._queue: deque[ReadableLogRecord] = deque()
        self._start()
        if hasattr(os, "register_at_fork"):
            again = weakref.WeakMethod(self._after_fork)
            os.register_at_fork(after_in_child=lambda: (restart := again()) and restart())

    def _start(self) -> None:
        self._in_flight = 0
        self._flushing = False
        self._away = False
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._line = _Line()
        self._exporter = OTLPLogExporter(self._endpoint, compression=Compression.Gzip, timeout=10, session=self._line)
        self._thread = threading.Thread(target=self._run, name="wardlight-outbox", daemon=True)
        self._thread.start()

    def _after_fork(self) -> None:
        """Begin anew in a child, which has no thread; what waited is its parent's to send."""
        self._queue.clear()
        if not self._closing.is_set():
            self._start()

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Queue a record, or drop and count it when the queue is full."""
        record = copy.copy(log_record.log_record)
        record.context = Context()
        audit = (record.attributes or {}).get("wardlight.kind") == "audit"
        room = self._capacity if audit else self._capacity * 9 // 10
        with self._changed:
            if self._closing.is_set() or len(self._queue) >= room:
                self._count("dropped", 1)
                return
            resource = log_record.resource or Resource.get_empty()
            self._queue.append(ReadableLogRecord(record, resource, log_record.instrumentation_scope, log_record.limits))
            if len(self._queue) >= BATCH:
                self._changed.notify_all()

    def force_flush(self, timeout_millis: int = 3000) -> bool:
        """Send what waits now; False when something still waits after the time given."""
        with self._changed:
            self._flushing = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._queue and not self._in_flight, timeout_millis / 1000)

    def shutdown(self, timeout: float = 3.0) -> None:
        """Send what waits, once, and stop; what could not be sent in time is dropped and counted."""
        if self._closing.is_set():
            return
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        self._thread.join(0 if self._away else timeout)
        self._exporter.shutdown()  # type: ignore[no-untyped-call]
        self._thread.join(1.0)
        if self._queue:
            self._count("dropped", len(self._queue))
            self._queue.clear()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closing.is_set() or self._flushing or len(self._queue) >= BATCH, timeout=DELAY
                )
                batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
                self._in_flight = len(batch)
                self._flushing = self._flushing and bool(self._queue)
            if batch:
                self._deliver(batch)
            with self._changed:
                self._in_flight = 0
                self._changed.notify_all()
                if self._closing.is_set() and (self._away or not self._queue):
                    return

    def _deliver(self, batch: list[ReadableLogRecord]) -> None:
        """Send a batch, however long it takes, unless it is refused or the application ends."""
        pause = 0.5
        while not self._sent(batch):
            if not self._line.temporary:
                self._refused(batch)
                return
            self._tell(away=True)
            if self._closing.wait(pause):
                self._count("dropped", len(batch))
                return
            pause = min(pause * 2, LONGEST_PAUSE)
        self._tell(away=False)
        rejected = min(self._line.rejected, len(batch))
        self._count("sent", len(batch) - rejected)
        self._count("failed", rejected)

    def _sent(self, batch: list[ReadableLogRecord]) -> bool:
        self._line.forget()
        return self._exporter.export(batch) is LogRecordExportResult.SUCCESS

    def _refused(self, batch: list[ReadableLogRecord]) -> None:
        """Save the others when one record's content is at fault."""
        unsendable = not self._line.asked
        if len(batch) > 1 and (self._line.bad_content or unsendable):
            half = len(batch) // 2
            self._deliver(batch[:half])
            self._deliver(batch[half:])
            return
        self._count("failed", len(batch))
        status = self._line.answer.status_code if self._line.answer is not None else "none"
        _log.warning("Wardlight refused %d records (status %s)", len(batch), status)

    def _tell(self, *, away: bool) -> None:
        """Say once that Wardlight is away, and once that it is back."""
        if away != self._away:
            self._away = away
            _log.warning("Wardlight at %s is %s", self._endpoint, "away; records wait" if away else "back")
