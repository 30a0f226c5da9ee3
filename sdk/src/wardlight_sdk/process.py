"""The one client of this process: made by `setup`, given to everything else by `client`."""

from __future__ import annotations

import atexit
import logging
import socket

from prometheus_client import REGISTRY, CollectorRegistry

from wardlight_sdk.bridge import Bridge
from wardlight_sdk.client import Client

_client: Client | None = None
_bridge: Bridge | None = None


def client() -> Client | None:
    """Give the client that `setup` made; None before it, when all events are ignored."""
    return _client


def setup(
    service: str,
    *,
    endpoint: str = "http://127.0.0.1:8480",
    environment: str = "production",
    host: str = "",
    version: str = "",
    level: int = logging.INFO,
    registry: CollectorRegistry = REGISTRY,
) -> None:
    """Connect this process to Wardlight; a second call replaces the first.

    Everything logged at `level` and above is sent. `host` is this machine's name unless given. Metrics go to
    `registry`.
    """
    global _client, _bridge  # noqa: PLW0603 -- one client a process, as `logging` has one root
    close()
    resource = {
        "service.name": service,
        "service.version": version,
        "deployment.environment": environment,
        "host.name": host or socket.gethostname(),
    }
    # Its warnings would repeat every few seconds what the outbox says once.
    logging.getLogger("opentelemetry.exporter.otlp.proto.http._log_exporter").setLevel(logging.CRITICAL)
    _client = Client({name: value for name, value in resource.items() if value}, endpoint, registry)
    _bridge = Bridge(_client, level)
    root = logging.getLogger()
    root.addHandler(_bridge)
    if root.level > level:
        root.setLevel(level)
    atexit.register(close)


def flush(timeout: float = 3.0) -> bool:
    """Send what waits now; False when something still waits after `timeout` seconds."""
    return _client is None or _client.flush(timeout)


def close() -> None:
    """Send what waits, for a few seconds at most, and disconnect; done by itself at exit."""
    global _client, _bridge  # noqa: PLW0603
    closing, _client = _client, None
    if _bridge is not None:
        logging.getLogger().removeHandler(_bridge)
        _bridge = None
    if closing is not None:
        atexit.unregister(close)
        closing.close()
