"""Writing the parts' configuration: the common subset of Debian's versions and today's, checked before use."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from wardlight.config import Platform, Settings, Stack
from wardlight.problems import BadConfig
from wardlight.stack import grafana, keys
from wardlight.stack.keys import Keys
from wardlight.stack.layout import Layout, unprivileged
from wardlight.stack.plan import Part, watched
from wardlight.stack.programs import require

_HERE = files("wardlight.stack")
_CONFIGURED = ("prometheus", "alertmanager", "blackbox_exporter", "postgres_exporter", "grafana")


def render(parts: Sequence[Part], settings: Settings, layout: Layout, let_in: Keys, *, demo: bool) -> None:
    """Write every part's configuration into its room, also that of parts which run elsewhere.

    Raises BadConfig with the checker's words when a rendered file isn't valid.
    """
    platform = watched(settings, demo=demo)
    by_name = {part.name: part for part in parts}
    room = {
        part.name: layout.make_room(part.name, unprivileged(layout.stack, *part.users))
        for part in parts
        if part.name in _CONFIGURED
    }
    let_in.write()
    client = keys.client(settings.server, demo=demo)
    for stale in (room["prometheus"] / "rules").glob("*.yml"):
        stale.unlink()
    for rules in rule_files(demo=demo):
        _write(room["prometheus"] / "rules" / rules.name, rules.read_text())
    _write(room["prometheus"] / "prometheus.yml", prometheus(by_name, platform, client))
    webhook = f"{by_name['wardlight'].url}/api/v1/alertmanager"
    _write(room["alertmanager"] / "alertmanager.yml", alertmanager(webhook, settings.stack, client))
    _write(room["blackbox_exporter"] / "blackbox.yml", (_HERE / "blackbox.yml").read_text())
    if "postgres_exporter" in room:
        _write(room["postgres_exporter"] / "queries.yml", (_HERE / "queries.yml").read_text())
    if "grafana" in room:
        grafana.provision(room["grafana"], by_name, client)
    _check(layout)


def rule_files(*, demo: bool = True) -> list[Path]:
    """List the alert rules that come with Wardlight; those of the demo too, or not."""
    return [path for path in sorted(Path(str(_HERE / "rules")).glob("*.yml")) if demo or path.stem != "demo"]


def prometheus(parts: Mapping[str, Part], platform: Platform, client: Mapping[str, Any]) -> dict[str, Any]:
    """Compose prometheus.yml: what is critical every 5 s, the rest every 10 s; `client` is how the server is asked."""
    server = parts["wardlight"]
    jobs = [_job("wardlight", [server.address], critical=True) | dict(client)]
    if server.certificate:
        jobs[0]["scheme"] = "https"
    if platform.metrics:
        jobs.append(_job("application", list(platform.metrics), critical=True))
    if platform.database:
        database = urlsplit(platform.database)
        instance = f"{database.hostname or 'localhost'}:{database.port or 5432}"
        exporter = {"targets": [parts["postgres_exporter"].address], "labels": {"instance": instance}}
        jobs.append(_job("postgres", exporter, critical=True))
    if platform.canary:
        jobs.append(_probe("canary", [platform.canary], parts["blackbox_exporter"].address))
    if platform.probes:
        jobs.append(_probe("probe", list(platform.probes), parts["blackbox_exporter"].address))
    for job, part in (("node", "node_exporter"), ("blackbox", "blackbox_exporter")):
        jobs.append(_job(job, [parts[part].address]))
    for job in ("prometheus", "alertmanager"):
        host, scheme, path = _split(parts[job])
        jobs.append(_job(job, [host]) | {"scheme": scheme, "metrics_path": f"{path}/metrics"})
    host, scheme, path = _split(parts["alertmanager"])
    manager = {"scheme": scheme, "path_prefix": path or "/", "static_configs": [{"targets": [host]}]}
    return {
        "global": {"scrape_interval": "10s", "scrape_timeout": "5s", "evaluation_interval": "5s"},
        "rule_files": ["rules/*.yml"],
        "alerting": {"alertmanagers": [manager]},
        "scrape_configs": jobs,
    }


def _job(name: str, targets: list[str] | dict[str, Any], *, critical: bool = False) -> dict[str, Any]:
    """One scrape job; a critical one is asked often and may not dawdle, so that a hang is noticed soon."""
    static = targets if isinstance(targets, dict) else {"targets": targets}
    pace = {"scrape_interval": "5s", "scrape_timeout": "2s"} if critical else {}
    return {"job_name": name, **pace, "static_configs": [static]}


def _probe(name: str, urls: list[str], exporter: str) -> dict[str, Any]:
    """A job in which the blackbox exporter asks in our place."""
    return _job(name, urls, critical=True) | {
        "metrics_path": "/probe",
        "params": {"module": ["http_2xx"]},
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": exporter},
        ],
    }


def _split(part: Part) -> tuple[str, str, str]:
    """Take a part's address apart: host and port, scheme, path."""
    url = urlsplit(part.url)
    return url.netloc, url.scheme, url.path.rstrip("/")


def alertmanager(webhook: str, stack: Stack, client: Mapping[str, Any]) -> dict[str, Any]:
    """Compose alertmanager.yml: every alert to Wardlight, but those about Wardlight itself to the emergency contact.

    `client` is how the server is asked. Raises BadConfig when the emergency contact can't be told.
    """

    def route(matcher: str, wait: str, interval: str, repeat: str, to: str = "wardlight") -> dict[str, Any]:
        only = {"matchers": [matcher]} if matcher else {}
        return {"receiver": to, **only, "group_wait": wait, "group_interval": interval, "repeat_interval": repeat}

    way = {"http_config": dict(client)} if client else {}
    told = {"url": webhook, "send_resolved": True, "max_alerts": 10_000, **way}
    # The dead man's switch: its repeat must be due at every flush. People get a sign of life a day.
    alive = "24h" if "://" not in stack.emergency else "50s"
    return {
        "route": {
            **route("", "30s", "5m", "12h"),
            "group_by": ["alertname", "job"],
            "routes": [
                route('alertname="Watchdog"', "0s", "1m", alive, to="emergency") | {"continue": True},
                route('alertname="Watchdog"', "0s", "1m", "50s"),
                route('alertname="WardlightDown"', "1s", "10s", "1h", to="emergency"),
                route('severity="critical"', "1s", "10s", "1h"),
                route('severity="warning"', "10s", "1m", "4h"),
                route('severity="info"', "10s", "5m", "168h"),
            ],
        },
        "inhibit_rules": [
            {"source_matchers": [f'alertname="{cause}"'], "target_matchers": [f'alertname=~"{effects}"']}
            for cause, effects in _INHIBITED.items()
        ],
        "receivers": [
            {"name": "wardlight", "webhook_configs": [told]},
            {"name": "emergency", **_contact(stack)},
        ],
    }


_FAILING = "RecordReadsFailing|ErrorBurst|SloBurningFast|SloBurningSlowly|SlowRequests|SlowerThanUsual|UnusualActivity"
_INHIBITED = {
    "DatabaseDown": f"PatientRecordsUnreadable|ProbeFailed|DatabaseConnectionsHigh|{_FAILING}",
    "ApplicationDown": f"PatientRecordsUnreadable|ProbeFailed|{_FAILING}",
    "PatientRecordsUnreadable": _FAILING,
    "ErrorBurst": "SloBurningFast|SloBurningSlowly",
    "SloBurningFast": "SloBurningSlowly",
    "LogStoreDiskFull": "LogStoreDiskFilling",
}
"""While the one fires, nobody is told of the others: they follow from it."""


def _contact(stack: Stack) -> dict[str, Any]:
    """Say how the emergency contact is told."""
    if not stack.emergency:
        return {}
    if urlsplit(stack.emergency).scheme in {"http", "https"}:
        return {"webhook_configs": [{"url": stack.emergency, "send_resolved": True}]}
    if not re.fullmatch(r"[^@\s:/]+@[^@\s:/]+", stack.emergency):
        raise BadConfig("setting stack.emergency is neither an e-mail address nor the URL of a webhook")
    server = urlsplit(stack.smtp)
    if server.scheme not in {"smtp", "smtps"} or not server.hostname:
        raise BadConfig("setting stack.smtp must name a mail server, as smtps://user:password@host:587")
    user, password = unquote(server.username or ""), unquote(server.password or "")
    tls = server.scheme == "smtps"
    mail = {
        "to": stack.emergency,
        "from": user if "@" in user else f"wardlight@{server.hostname}",
        "smarthost": f"{server.hostname}:{server.port or (587 if tls else 25)}",
        "require_tls": tls,
        "send_resolved": True,
    }
    return {"email_configs": [mail | ({"auth_username": user, "auth_password": password} if user else {})]}


def _write(path: Path, content: object) -> None:
    """Write text as it is, anything else as YAML; the room around it decides who reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(path.parent.stat().st_mode | 0o500)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    path.chmod(0o644)


def _check(layout: Layout) -> None:
    """Ask the programs' own checkers. Raises BadConfig with what they say."""
    program = require(("promtool", "amtool"))
    for command in (
        (program["promtool"], "check", "config", str(layout.room("prometheus") / "prometheus.yml")),
        (program["amtool"], "check-config", str(layout.room("alertmanager") / "alertmanager.yml")),
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            raise BadConfig(f"{command[-1]}: {(done.stderr or done.stdout).strip()}")
