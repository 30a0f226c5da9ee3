"""Where senders push: OTLP/HTTP logs and Loki's push.

Thin: read, decode off the event loop, sink, answer in the sender's own form. Good records of a request are kept when
others are refused; OTLP is told by its partial success, Loki's clients by a 400 with the reason, as Loki does it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from wardlight.api.direct import Direct
from wardlight.api.intake import Intake, Sent, content_type, retry_after
from wardlight.clock import Clock
from wardlight.config import Receive
from wardlight.problems import BadInput, Problem, UnknownFormat
from wardlight.receive import loki, otlp, rpc
from wardlight.receive.assemble import Decoding, nothing
from wardlight.receive.sink import Sink, Taken
from wardlight.receive.together import Together

PROTOBUF, JSON = "application/x-protobuf", "application/json"
_PROTOBUFS = {PROTOBUF, "application/protobuf", "application/vnd.google.protobuf"}
_ANY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in (PROTOBUF, JSON)},
    }
}


def router(sink: Sink, settings: Receive, clock: Clock) -> APIRouter:
    """Make the routes of the front door."""
    routes = APIRouter(tags=["ingest"], route_class=Direct)
    door = _Door(sink, settings, clock)
    for path in ("/v1/logs", "/otlp/v1/logs"):
        routes.post(path, summary="Take logs in OTLP, protobuf or JSON", openapi_extra=_ANY_BODY)(door.otlp)
    routes.post(
        "/loki/api/v1/push", status_code=204, summary="Take logs as Loki does, snappy protobuf or JSON",
        openapi_extra=_ANY_BODY,
    )(door.loki)  # fmt: skip
    return routes


class _Door(Intake):
    """One handler a protocol."""

    def __init__(self, sink: Sink, settings: Receive, clock: Clock) -> None:
        super().__init__(sink, settings, clock)
        self._together: Together[Sent, Decoding] = Together(self._take_together)

    async def otlp(self, request: Request) -> Response:
        """Answer with ExportLogsServiceResponse, or google.rpc.Status on failure (OTLP 1.x, OTLP/HTTP)."""
        content = content_type(request)
        try:
            decoding = await self._take_otlp(request, content)
            if decoding.refused and not decoding.records:
                raise BadInput("; ".join(refusal.message for refusal in decoding.refused))
        except Problem as problem:
            self.sink.failed("otlp", problem)
            return _otlp_failure(problem, as_json=content == JSON)
        return _otlp_success(decoding, as_json=content == JSON)

    async def loki(self, request: Request) -> Response:
        """Answer 204, or the reason as plain text."""
        try:
            decoding = await self.take("loki", request, self._loki_decoder(content_type(request)))
            if decoding.refused:
                raise BadInput("; ".join(refusal.message for refusal in decoding.refused))
        except Problem as problem:
            self.sink.failed("loki", problem)
            return Response(f"{problem}\n", problem.status, retry_after(problem), "text/plain")
        return Response(status_code=204)

    async def _take_otlp(self, request: Request, content: str) -> Decoding:
        if content in _PROTOBUFS:
            return await self._together.do(await self.read(request))
        if content == JSON:
            return await self.take("otlp", request, partial(self.decode, otlp.decode_json))
        raise UnknownFormat(f"content type {content[:60]!r} isn't OTLP's; use {PROTOBUF} or {JSON}")

    def _loki_decoder(self, content: str) -> Callable[[Sent], Awaitable[Decoding]]:
        if content == JSON:
            return partial(self.decode, loki.decode_json)
        if content in _PROTOBUFS:
            return partial(self.decode, loki.decode_snappy)
        raise UnknownFormat(f"content type {content[:60]!r} isn't Loki's; use {PROTOBUF} (snappy) or {JSON}")

    def _take_together(
        self, lot: Sequence[Sent]
    ) -> Sequence[Decoding | Exception] | Awaitable[Sequence[Decoding | Exception]]:
        """Decompress, decode and store several OTLP requests; the result is there when they are on disk."""
        found: list[Taken | Exception] = []
        for sent, decoding in zip(lot, self._decode_together(lot), strict=True):
            try:
                found.append(decoding if isinstance(decoding, Exception) else self.taken("otlp", sent, decoding))
            except Problem as problem:
                found.append(problem)
        taken = [one for one in found if isinstance(one, Taken)]
        return _told(found, self.sink.write(taken)) if taken else [one for one in found if isinstance(one, Exception)]

    def _decode_together(self, lot: Sequence[Sent]) -> list[Decoding | Exception]:
        plain: dict[int, bytes] = {}
        results: list[Decoding | Exception] = [nothing()] * len(lot)
        for at, sent in enumerate(lot):
            try:
                plain[at] = self.plain(sent)
            except Problem as problem:
                results[at] = problem
        decodings = otlp.decode_together(list(plain.values()), self.settings, self.clock.now_ns())
        for at, decoding in zip(plain, decodings, strict=True):
            results[at] = decoding
        return results


async def _told(
    found: Sequence[Taken | Exception], written: Awaitable[list[Decoding | Exception]]
) -> list[Decoding | Exception]:
    """Put what the sink tells of those that it got in their places."""
    told = iter(await written)
    return [next(told) if isinstance(one, Taken) else one for one in found]


_ALL_KEPT = {False: Response(b"", media_type=PROTOBUF), True: Response("{}", media_type=JSON)}
"""Most answers."""


def _otlp_success(decoding: Decoding, *, as_json: bool) -> Response:
    """Tell what was kept; a partial success counts what wasn't and why."""
    if not decoding.refused:
        return _ALL_KEPT[as_json]
    rejected = sum(refusal.count for refusal in decoding.refused)
    reason = "; ".join(refusal.message for refusal in decoding.refused)
    if as_json:
        partial = {"partialSuccess": {"rejectedLogRecords": str(rejected), "errorMessage": reason}}
        return Response(json.dumps(partial), media_type=JSON)
    answer = ExportLogsServiceResponse()
    answer.partial_success.rejected_log_records = rejected
    answer.partial_success.error_message = reason
    return Response(answer.SerializeToString(), media_type=PROTOBUF)


def _otlp_failure(problem: Problem, *, as_json: bool) -> Response:
    """Tell why nothing was kept."""
    headers = retry_after(problem)
    if as_json:
        return Response(json.dumps({"code": rpc.code(problem), "message": str(problem)}), problem.status, headers, JSON)
    return Response(rpc.status(problem), problem.status, headers, PROTOBUF)
