"""Which parts run: one frozen `Part` each, with how it is started and how it is asked whether it is ready."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wardlight.config import Platform, Settings
from wardlight.problems import Unavailable
from wardlight.stack.layout import Layout
from wardlight.stack.programs import find, require

DEBIAN_USERS = ("prometheus", "nobody")
"""Who runs other people's programs when we are root: the Debian packages' user, else nobody."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process of the stack, or one that runs elsewhere (no command)."""

    name: str
    command: tuple[str, ...] = ()
    address: str = ""
    """`host:port` it listens on, the address it was given as if it runs elsewhere, or empty."""
    setting: str = ""
    """The setting that holds its port."""
    ready: str = ""
    """A URL that answers 2xx when it is ready; `tcp://host:port` for one that accepts; empty: running is ready."""
    after: tuple[str, ...] = ()
    """Parts that must be ready before it starts, and that stop after it."""
    certificate: str = ""
    """File of the certificate that it shows, the only one to trust; empty: no TLS."""
    environment: Callable[[], Mapping[str, str]] = dict
    """Variables to add, asked for at each start; FileNotFoundError means: not yet."""
    users: tuple[str, ...] = ()
    """Whom it runs as when we are root, first choice first; empty: as ourselves."""
    alert: str = ""
    """The alert that its exit raises at once."""
    job: str = ""
    """The job and instance of that alert: what Prometheus calls the same thing."""

    @property
    def url(self) -> str:
        """Where programs on this machine reach it by HTTP."""
        return self.address if "://" in self.address else f"http{'s' if self.certificate else ''}://{self.address}"


def local(port: int) -> str:
    """Address of a port here; nothing listens anywhere else."""
    return f"127.0.0.1:{port}"


def reachable(listen: str) -> str:
    """Turn an address to listen on into one to connect to.

    >>> reachable("0.0.0.0:8480")
    '127.0.0.1:8480'
    """
    host, _, port = listen.rpartition(":")
    return f"127.0.0.1:{port}" if host in {"", "0.0.0.0", "[::]", "*"} else listen  # noqa: S104 -- compared, not bound  # nosec B104


def watched(settings: Settings, *, demo: bool) -> Platform:
    """Return the platform to watch: the configured one, or with `demo` the clinic."""
    if not demo:
        return settings.platform
    app = f"http://{local(settings.demo.app_port)}"
    return Platform(
        database=f"postgresql://{local(settings.demo.database_port)}/",
        metrics=(local(settings.demo.app_port),),
        probes=(f"{app}/healthz",),
        canary=f"{app}/canary",
    )


def parts(settings: Settings, layout: Layout, *, demo: bool) -> tuple[Part, ...]:
    """List the parts, in the order in which people want to read them.

    Raises Unavailable naming every program that is missing.
    """
    platform = watched(settings, demo=demo)
    stack = settings.stack
    wanted = {"node_exporter", "blackbox_exporter", "promtool", "amtool"}
    wanted |= {name for name in ("prometheus", "alertmanager") if not getattr(stack, name)}
    wanted |= {"postgres_exporter"} if platform.database else set()
    program = require(wanted)
    chosen = [_server(settings, layout, platform if demo else None), _alertmanager(settings, layout, program)]
    chosen += _exporters(settings, layout, program, platform, demo=demo)
    if demo:
        chosen += _demo(settings, layout)
    before = tuple(part.name for part in chosen if part.name != "traffic")
    chosen.append(_prometheus(settings, layout, program, after=before))
    if grafana := _grafana(settings, layout):
        chosen.append(grafana)
    return tuple(chosen)


def _server(settings: Settings, layout: Layout, platform: Platform | None) -> Part:
    """Wardlight itself; it reads the settings file, but for a platform that isn't the configured one: then it is open."""
    listen, scheme = settings.server.listen, settings.server.scheme
    environment = {}
    if platform is not None:
        environment = {
            "WARDLIGHT_PLATFORM_METRICS": ",".join(platform.metrics),
            "WARDLIGHT_PLATFORM_PROBES": ",".join(platform.probes),
            "WARDLIGHT_PLATFORM_CANARY": platform.canary,
        }
    return Part(
        name="wardlight",
        command=_python(
            "wardlight",
            "serve",
            "--data",
            layout.data,
            "--listen",
            listen,
            "--supervised",
            *([] if platform is None else ["--open"]),
        ),
        address=reachable(listen),
        setting="server.listen",
        ready=f"{scheme}://{reachable(listen)}/readyz",
        certificate=settings.server.certificate,
        environment=lambda: environment,
        alert="WardlightDown",
        job="wardlight",
    )


def _prometheus(settings: Settings, layout: Layout, program: Mapping[str, str], *, after: tuple[str, ...]) -> Part:
    """Prometheus; last, so that it never sees a target that is only starting."""
    if elsewhere := settings.stack.prometheus.rstrip("/"):
        return Part(name="prometheus", address=elsewhere, ready=f"{elsewhere}/-/ready")
    address, room = local(settings.stack.prometheus_port), layout.room("prometheus")
    return Part(
        name="prometheus",
        command=(
            program["prometheus"],
            f"--config.file={room}/prometheus.yml",
            f"--storage.tsdb.path={room}/data",
            f"--storage.tsdb.retention.time={settings.stack.metrics_days}d",
            f"--web.listen-address={address}",
            f"--web.external-url=http://{address}",
            "--web.enable-lifecycle",
            "--log.format=json",
        ),
        address=address,
        setting="stack.prometheus_port",
        ready=f"http://{address}/-/ready",
        after=after,
        users=DEBIAN_USERS,
    )


def _alertmanager(settings: Settings, layout: Layout, program: Mapping[str, str]) -> Part:
    """Alertmanager, alone: no gossip port."""
    if elsewhere := settings.stack.alertmanager.rstrip("/"):
        return Part(name="alertmanager", address=elsewhere, ready=f"{elsewhere}/-/ready")
    address, room = local(settings.stack.alertmanager_port), layout.room("alertmanager")
    return Part(
        name="alertmanager",
        command=(
            program["alertmanager"],
            f"--config.file={room}/alertmanager.yml",
            f"--storage.path={room}/data",
            f"--web.listen-address={address}",
            f"--web.external-url=http://{address}",
            "--cluster.listen-address=",
            "--log.format=json",
        ),
        address=address,
        setting="stack.alertmanager_port",
        ready=f"http://{address}/-/ready",
        users=DEBIAN_USERS,
    )


def _exporters(
    settings: Settings, layout: Layout, program: Mapping[str, str], platform: Platform, *, demo: bool
) -> list[Part]:
    """The machine's, the network's and, if a database is known, PostgreSQL's."""
    node = local(settings.stack.node_exporter_port)
    collectors = ["cpu", "loadavg", "meminfo", "filesystem", "diskstats", "netdev", "time", "uname"]
    collectors += ["pressure", "stat", "vmstat"] if sys.platform == "linux" else []
    blackbox = local(settings.stack.blackbox_exporter_port)
    found = [
        Part(
            name="node_exporter",
            command=(
                program["node_exporter"],
                f"--web.listen-address={node}",
                "--collector.disable-defaults",
                *(f"--collector.{name}" for name in collectors),
            ),
            address=node,
            setting="stack.node_exporter_port",
            ready=f"http://{node}/metrics",
            users=DEBIAN_USERS,
        ),
        Part(
            name="blackbox_exporter",
            command=(
                program["blackbox_exporter"],
                f"--config.file={layout.room('blackbox_exporter')}/blackbox.yml",
                f"--web.listen-address={blackbox}",
            ),
            address=blackbox,
            setting="stack.blackbox_exporter_port",
            ready=f"http://{blackbox}/-/healthy",
            users=DEBIAN_USERS,
        ),
    ]
    if platform.database:
        found.append(_postgres_exporter(settings, layout, program["postgres_exporter"], demo=demo))
    return found


def _postgres_exporter(settings: Settings, layout: Layout, program: str, *, demo: bool) -> Part:
    """PostgreSQL's exporter; the demo's database says where it is only once it runs."""
    address = local(settings.stack.postgres_exporter_port)
    uri = layout.demo / "exporter.uri"

    def environment() -> Mapping[str, str]:
        return {"DATA_SOURCE_NAME": uri.read_text().strip() if demo else settings.platform.database}

    return Part(
        name="postgres_exporter",
        command=(
            program,
            f"--web.listen-address={address}",
            f"--extend.query-path={layout.room('postgres_exporter')}/queries.yml",
        ),
        address=address,
        setting="stack.postgres_exporter_port",
        ready=f"http://{address}/",
        after=("database",) if demo else (),
        environment=environment,
        users=DEBIAN_USERS,
    )


def _demo(settings: Settings, layout: Layout) -> list[Part]:
    """Willow Clinic: its database, its application, and people who use it."""
    app, database = settings.demo.app_port, settings.demo.database_port
    server = f"http://{reachable(settings.server.listen)}"
    clinic, data = "willow_clinic", ("--data", layout.demo)
    return [
        Part(
            name="database",
            command=_python(clinic, "database", *data, "--port", database),
            address=local(database),
            setting="demo.database_port",
            ready=f"tcp://{local(database)}",
            alert="DatabaseDown",
            job="postgres",
        ),
        Part(
            name="application",
            command=_python(clinic, "serve", *data, "--port", app, "--database-port", database, "--wardlight", server),
            address=local(app),
            setting="demo.app_port",
            ready=f"http://{local(app)}/healthz",
            after=("database", "wardlight"),
            alert="ApplicationDown",
            job="application",
        ),
        Part(
            name="traffic",
            command=_python(clinic, "traffic", *data, "--port", app, "--wardlight", server),
            after=("application",),
        ),
    ]


def _grafana(settings: Settings, layout: Layout) -> Part | None:
    """Grafana where it is installed; it is the one part that may be absent."""
    if elsewhere := settings.stack.grafana.rstrip("/"):
        return Part(name="grafana", address=elsewhere, ready=f"{elsewhere}/api/health")
    program = find("grafana")
    if program is None:
        return None
    home = next((path for path in _GRAFANA_HOMES if (path / "conf/defaults.ini").exists()), None)
    if home is None:
        places = ", ".join(map(str, _GRAFANA_HOMES))
        raise Unavailable(f"{program} is there, but its files (conf/defaults.ini) are in none of {places}")
    address, room = local(settings.stack.grafana_port), layout.room("grafana")
    environment = {
        "GF_PATHS_PROVISIONING": f"{room}/provisioning",
        "GF_PATHS_DATA": f"{room}/data",
        "GF_PATHS_LOGS": f"{room}/log",
        "GF_LOG_MODE": "console",
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
        "GF_SERVER_HTTP_PORT": str(settings.stack.grafana_port),
        "GF_SECURITY_ADMIN_PASSWORD": f"$__file{{{room}/{GRAFANA_PASSWORD}}}",
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": f"{room}/{GRAFANA_BOARDS}/{_GRAFANA_HOME_BOARD}",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    }
    server = () if Path(program).name == "grafana-server" else ("server",)
    return Part(
        name="grafana",
        command=(program, *server, "--homepath", str(home)),
        address=address,
        setting="stack.grafana_port",
        ready=f"http://{address}/api/health",
        environment=lambda: environment,
        users=("grafana", *DEBIAN_USERS),
    )


GRAFANA_BOARDS = "boards"
"""Where its boards lie in its room, a directory for each folder."""
GRAFANA_PASSWORD = "admin.password"  # noqa: S105 -- a file's name
_GRAFANA_HOME_BOARD = "Wardlight homes/wardlight-home-administrators.json"
"""What everybody starts with whose team or preferences say nothing else."""
_GRAFANA_HOMES = tuple(
    map(Path, ("/usr/share/grafana", "/opt/homebrew/share/grafana", "/opt/homebrew/opt/grafana/share/grafana"))
)


def _python(module: str, *arguments: object) -> tuple[str, ...]:
    """Run a module with our own interpreter, and nothing from the current directory."""
    return (sys.executable, "-P", "-m", module, *map(str, arguments))
