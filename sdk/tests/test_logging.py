"""Standard logging, bridged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

import wardlight_sdk as wardlight
from wardlight_sdk.bridge import Bridge

from .conftest import Received

Sent = Callable[[], list[Received]]
log = logging.getLogger("clinic.desk")


@pytest.mark.parametrize(
    ("level", "kind", "severity"),
    [
        (logging.INFO, "application", 9),
        (logging.WARNING, "application", 13),
        (logging.ERROR, "error", 17),
        (logging.CRITICAL, "error", 21),
    ],
)
def test_a_log_line_arrives_with_kind_and_severity(sent: Sent, level: int, kind: str, severity: int) -> None:
    log.log(level, "%s of %s", 3, 4)
    [record] = sent()
    assert (record.body, record.kind, record.severity, record.scope) == ("3 of 4", kind, severity, "clinic.desk")


def test_lines_below_the_level_are_not_sent(sent: Sent) -> None:
    log.debug("no")
    assert sent() == []


def test_it_says_where_a_line_was_written_and_what_it_was_given(sent: Sent) -> None:
    log.info("booked", extra={"appointment.id": 7})
    [record] = sent()
    assert record.attributes["appointment.id"] == 7
    assert record.attributes["code.function.name"] == "test_it_says_where_a_line_was_written_and_what_it_was_given"
    assert record.attributes["code.file.path"].endswith("test_logging.py")


def test_a_line_carries_who_is_at_work(sent: Sent) -> None:
    with wardlight.bound(user="u1"):
        log.info("booked")
    assert sent()[0].attributes["user.id"] == "u1"


def test_a_logged_exception_is_an_error_with_the_line_as_its_body(sent: Sent, count: Callable[..., float]) -> None:
    try:
        {}["x"]
    except KeyError:
        log.exception("can't book")
    [record] = sent()
    assert (record.body, record.kind, record.attributes["exception.type"]) == ("can't book", "error", "KeyError")
    assert count("app_errors_total", type="KeyError") == 1


def test_what_the_sender_itself_logs_is_not_sent(sent: Sent) -> None:
    for name in ("wardlight_sdk", "opentelemetry.sdk", "urllib3.connectionpool"):
        logging.getLogger(name).warning("about sending")
    assert sent() == []


def test_a_line_that_can_not_be_formatted_does_no_harm(
    sent: Sent, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        logging.getLogger(), "handlers", [found for found in logging.getLogger().handlers if isinstance(found, Bridge)]
    )
    log.info("%d", "seven")
    log.info("next")
    assert [record.body for record in sent()] == ["next"]
    assert "Logging error" in capsys.readouterr().err


def test_closing_takes_the_handler_away(sent: Sent) -> None:
    wardlight.close()
    assert not [found for found in logging.getLogger().handlers if isinstance(found, Bridge)]


class Broken:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "arrives"),
    [("\ud800", "?"), ("x" * 200_000, "x" * 100_000 + "…"), (Broken(), "<Broken>"), (2**70, str(2**70)), (True, True)],
)
def test_what_can_not_be_sent_as_it_is_arrives_all_the_same(sent: Sent, value: Any, arrives: Any) -> None:
    log.info("odd", extra={"value": value})
    [record] = sent()
    assert record.attributes["value"] == arrives
