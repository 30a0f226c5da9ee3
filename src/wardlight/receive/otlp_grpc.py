"""OTLP/gRPC logs (`opentelemetry.proto.collector.logs.v1.LogsService/Export`): the same decoder behind another door."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from wardlight.clock import Clock
from wardlight.config import Receive, address, is_loopback
from wardlight.problems import BadConfig, BadInput, Problem, Unavailable
from wardlight.receive import otlp, rpc
from wardlight.receive.assemble import Decoding
from wardlight.receive.of import must_be_of
from wardlight.receive.sink import Sink
from wardlight.receive.together import Together
from wardlight.store.seen import repetition_key
from wardlight.tls import Certificate, Files

_SERVICE = "opentelemetry.proto.collector.logs.v1.LogsService"
_MOST_CALLS = 64
_CLOSE_SECONDS = 10.0


class OtlpGrpcServer:
    """The listener that `receive.otlp_grpc` names; grpcio is imported only then."""

    def __init__(
        self,
        sink: Sink,
        settings: Receive,
        clock: Clock,
        *,
        files: Files | None = None,
        authorise: Callable[[str], Awaitable[str]] | None = None,
    ) -> None:
        """Take a certificate's `files` and who lets senders in, if somebody does.

        `authorise` raises Unauthenticated or Denied for a header `authorization`, and names the one service whose records
        it is good for, if it is; None: whoever reaches us may send.
        `files` are the certificate's. Loopback is spoken to without TLS, as by HTTP's senders who have a collector on the same machine.
        """
        self._sink = sink
        self._settings = settings
        self._clock = clock
        self._authorise = authorise
        self._at = address(settings.otlp_grpc, "receive.otlp_grpc") if settings.otlp_grpc else None
        self.certificate = Certificate(files) if files and self._at and not is_loopback(self._at[0]) else None
        """What is shown; None: no TLS."""
        if self._at and not is_loopback(self._at[0]) and authorise is None:
            raise BadConfig(
                f"{self._at[0]} is not a loopback address (setting receive.otlp_grpc): without sign-in, "
                "OTLP/gRPC is taken on 127.0.0.1 or ::1 only"
            )
        self._together: Together[bytes, Decoding] = Together(self._decode)
        self._server: Any = None
        self.port = 0
        """The port, once started."""

    async def start(self) -> None:
        """Listen; raises Unavailable when the address is taken."""
        if not self._at:
            return
        import grpc
        from grpc import aio

        host, port = self._at
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._server = aio.server(
            maximum_concurrent_rpcs=_MOST_CALLS,
            options=[("grpc.max_receive_message_length", self._settings.max_body_bytes), ("grpc.so_reuseport", 0)],
        )
        handler = grpc.unary_unary_rpc_method_handler(self._export)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {"Export": handler}),))
        try:
            if self.certificate:
                self.port = self._server.add_secure_port(target, _credentials(self.certificate))
            else:
                self.port = self._server.add_insecure_port(target)
        except RuntimeError:
            raise Unavailable(f"can't listen on {target} (receive.otlp_grpc)") from None
        await self._server.start()

    async def close(self) -> None:
        """Take no more calls; answer those that run."""
        if self._server:
            await self._server.stop(_CLOSE_SECONDS)

    async def _export(self, request: bytes, context: Any) -> bytes:
        """Answer with ExportLogsServiceResponse, or a status whose details say when to try again."""
        import grpc

        try:
            told = dict(context.invocation_metadata() or ())
            source = await self._authorise(told.get("authorization", "")) if self._authorise else ""
            return await self._take(request, told.get("idempotency-key", ""), source)
        except Problem as problem:
            self._sink.failed("otlp_grpc", problem)
            found = next(known for known in grpc.StatusCode if known.value[0] == rpc.code(problem))
            context.set_trailing_metadata((("grpc-status-details-bin", rpc.status(problem)),))
            await context.abort(found, str(problem))
        raise AssertionError  # abort has raised

    async def _take(self, request: bytes, given: str, source: str) -> bytes:
        """Decode and store a request; on return its good records are on disk."""
        self._sink.admit()
        decoding = await self._together.do(request)
        must_be_of(source, decoding)
        key = repetition_key("otlp_grpc", given, request, timed=decoding.timed)
        await self._sink.accept("otlp_grpc", decoding, len(request), key)
        reason = "; ".join(refusal.message for refusal in decoding.refused)
        if reason and not decoding.records:
            raise BadInput(reason)
        answer = ExportLogsServiceResponse()
        if reason:
            answer.partial_success.rejected_log_records = sum(refusal.count for refusal in decoding.refused)
            answer.partial_success.error_message = reason
        return answer.SerializeToString()

    def _decode(self, lot: Sequence[bytes]) -> Sequence[Decoding | Exception]:
        return otlp.decode_together(lot, self._settings, self._clock.now_ns())


def _credentials(certificate: Certificate) -> Any:
    """Show a certificate, and a newer one as soon as there is one; gRPC asks at each handshake."""
    import grpc

    def shown() -> Any:
        files = certificate.files
        pair = (Path(files.key or files.certificate).read_bytes(), Path(files.certificate).read_bytes())
        return grpc.ssl_server_certificate_configuration([pair])

    def newer() -> Any:
        return shown() if certificate.refresh() else None

    return grpc.dynamic_ssl_server_credentials(shown(), newer, require_client_authentication=False)
