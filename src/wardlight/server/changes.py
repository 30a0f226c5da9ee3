"""The wing of what people and jobs tell us: heartbeats, maintenance windows, deployments."""

from __future__ import annotations

from dataclasses import dataclass

from wardlight import console
from wardlight.alertmanager import Silences
from wardlight.api import changes, heartbeats
from wardlight.changes import Deployments, Keeper, Windows
from wardlight.changes.grafana import Grafana
from wardlight.heartbeats import Heartbeats, Watch
from wardlight.receive.own import OwnLog
from wardlight.server.ground import Ground, Wing
from wardlight.store.commit import GroupCommit


@dataclass(frozen=True, kw_only=True)
class Told:
    """The parts that other wings need."""

    deployments: Deployments
    log: OwnLog
    wing: Wing


def build(ground: Ground, commits: GroupCommit) -> Told:
    """Open what is told to us; what comes of it is logged beside everything else."""
    stack, clock, registry = ground.settings.stack, ground.clock, ground.registry
    log = OwnLog(ground.protector, commits, ground.settings.receive, clock, registry)
    beats = Heartbeats(ground.state, clock)
    watch = Watch(
        beats, ground.data, clock, registry=registry, tell=ground.outbox.put, log=log,
        url=ground.settings.server.address,
    )  # fmt: skip
    windows = Windows(ground.state, clock)
    silences = Silences(stack.alertmanager_url)
    ground.opened.callback(silences.close)
    grafana = Grafana(stack.grafana) if stack.grafana else None
    if grafana is not None:
        ground.opened.callback(grafana.close)
    keeper = Keeper(windows, silences, grafana, clock, registry=registry, log=log)
    deployments = Deployments(ground.state, clock, registry=registry, log=log)
    wing = Wing(
        routers=[
            heartbeats.router(beats, watch, log, registry),
            changes.router(windows, deployments),
            console.heartbeats_router(beats, clock),
            console.maintenance_router(windows, deployments, clock),
        ],
        running=[watch.running, keeper.running],
    )
    return Told(deployments=deployments, log=log, wing=wing)
