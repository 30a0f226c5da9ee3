"""google.rpc.Status: how OTLP says why nothing was kept, over HTTP and gRPC."""

from __future__ import annotations

from typing import Any

from google.protobuf import message_factory

from wardlight.problems import Problem
from wardlight.receive.wire import declare

_Status: Any = message_factory.GetMessageClass(
    declare(
        "wardlight.rpc",
        "Status",
        {
            "Any": {1: ("type_url", "string"), 2: ("value", "bytes")},
            "Status": {1: ("code", "int32"), 2: ("message", "string"), 3: ("details", "Any", "repeated")},
        },
    )
)
_RetryInfo: Any = message_factory.GetMessageClass(
    declare(
        "wardlight.rpc.retry",
        "RetryInfo",
        {
            "Duration": {1: ("seconds", "int64"), 2: ("nanos", "int32")},
            "RetryInfo": {1: ("retry_delay", "Duration")},
        },
    )
)
_CODES = {400: 3, 401: 16, 403: 7, 413: 3, 415: 3, 429: 8, 503: 14, 504: 4}


def code(problem: Problem) -> int:
    """google.rpc.Code by HTTP status; 13, internal, for others."""
    return _CODES.get(problem.status, 13)


def status(problem: Problem) -> bytes:
    """Write a problem as google.rpc.Status, with RetryInfo when trying again makes sense."""
    made = _Status(code=code(problem), message=str(problem))
    if problem.retry_after is not None:
        delay = _RetryInfo()
        delay.retry_delay.seconds = problem.retry_after
        made.details.add(type_url="type.googleapis.com/google.rpc.RetryInfo", value=delay.SerializeToString())
    return bytes(made.SerializeToString())
