"""What all wings stand on: settings, time, metrics, protection, the databases; and what a wing gives to the whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Gauge, GCCollector, PlatformCollector, ProcessCollector

from wardlight import __version__
from wardlight.alertmanager import Outbox
from wardlight.clock import Clock
from wardlight.config import Server, Settings
from wardlight.protect.keys import KEYS, Keys
from wardlight.protect.known import KNOWN, Known
from wardlight.protect.protector import Protector
from wardlight.store import LogStore, owner
from wardlight.store.disk import FreeBytes
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.keeper import free_bytes
from wardlight.store.state import State
from wardlight.tls import Certificate, Files


@dataclass(frozen=True, kw_only=True)
class Ground:
    """The ground floor. What is opened on it is closed with `opened`, the last first."""

    settings: Settings
    data: Path
    clock: Clock
    opened: ExitStack
    registry: CollectorRegistry
    keys: Keys
    """Of pseudonyms."""
    protector: Protector
    engine: LogStore
    state: State
    outbox: Outbox
    free: FreeBytes
    running: owner.Running
    certificate: Certificate | None
    """What HTTPS shows; None: no TLS."""


@dataclass(kw_only=True)
class Wing:
    """What a part of the house offers: routes, and what runs while the server does."""

    routers: list[APIRouter] = field(default_factory=list)
    running: list[Callable[[], AbstractAsyncContextManager[None]]] = field(default_factory=list)
    closing: list[Callable[[], Awaitable[None]]] = field(default_factory=list)


def lay(settings: Settings, data: Path, clock: Clock, opened: ExitStack) -> Ground:
    """Open what all wings stand on."""
    _keep_memory()
    engine = _engine(settings, data)
    opened.callback(engine.close)
    state = State(data / "state.db")
    opened.callback(state.close)
    registry = _registry()
    keys = Keys.at(data / KEYS)
    certificate = _certificate(settings.server)
    return Ground(
        settings=settings,
        data=data,
        clock=clock,
        opened=opened,
        registry=registry,
        keys=keys,
        protector=Protector(settings.protect, keys, Known.at(keys, data / KNOWN), registry),
        engine=engine,
        state=state,
        outbox=Outbox(settings.stack.alertmanager_url, registry),
        free=free_bytes(data),
        running=owner.Running.at(settings.server.listen, settings.server.certificate),
        certificate=certificate,
    )


def _keep_memory() -> None:
    """Let Arrow keep the pages of one batch for the next: its usual allocator gives them back, and new ones cost more.

    Wheels for some systems have no jemalloc.
    """
    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())


def _certificate(server: Server) -> Certificate | None:
    """Read the certificate that the settings name."""
    if not server.certificate:
        return None
    return Certificate(Files(setting="server.certificate", certificate=server.certificate, key=server.key))


def _engine(settings: Settings, data: Path) -> LogStore:
    """Open the log store that the settings name."""
    chosen = settings.store
    if chosen.clickhouse:
        from wardlight.store.clickhouse import ClickHouseStore

        return ClickHouseStore(chosen.clickhouse, cluster=chosen.cluster, text_index=chosen.text_index)
    return EmbeddedStore(data / "logs", text_index=chosen.text_index, readers=chosen.readers)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    build = Gauge("wardlight_build_info", "1, for the version that runs.", ["version"], registry=registry)
    build.labels(__version__).set(1)
    return registry
