"""Settings: one typed tree, read from `wardlight.toml` and the environment.

A setting `name` of section `section` is overridden by `WARDLIGHT_SECTION_NAME`. An unknown section or setting, or a
value of the wrong type, is refused with file, line and name.
"""

from __future__ import annotations

import ast
import inspect
import ipaddress
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from wardlight.problems import BadConfig

Bytes = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Days = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings that belong together."""


class Server(Section, frozen=True):
    """The server itself."""

    listen: str = "127.0.0.1:8480"
    """Address and port to listen on."""
    url: str = ""
    """Address by which people reach the server, for links in notifications; empty: http(s):// and `listen`."""
    certificate: str = ""
    """PEM file of the server's certificate, with those between it and its authority; empty: no TLS."""
    key: str = ""
    """PEM file of its private key, which nobody else may read; empty: it is in the same file."""
    behind_proxy: tuple[str, ...] = ()
    """Addresses or networks of the proxies that do TLS instead; whom they speak for is in their X-Forwarded-For."""

    @property
    def scheme(self) -> str:
        """How it is spoken to."""
        return "https" if self.certificate else "http"

    @property
    def address(self) -> str:
        """Where people reach it."""
        return (self.url or f"{self.scheme}://{self.listen}").rstrip("/")


class Receive(Section, frozen=True):
    """What senders may do."""

    derive_labels: bool = True
    """Add `kind`, `level` and `service_name` to the labels a sender gave."""
    index_labels: tuple[str, ...] = (
        "service.name", "service.namespace", "deployment.environment", "deployment.environment.name", "host.name",
    )  # fmt: skip
    """OpenTelemetry resource attributes that become stream labels; all others are structured metadata."""
    max_body_bytes: Bytes = 16 * 1024 * 1024
    """Largest request, after decompression."""
    max_line_bytes: Bytes = 1024 * 1024
    """Largest single log line."""
    max_attributes: int = 128
    """Most attributes and labels of one record."""
    max_queue_bytes: Bytes = 128 * 1024 * 1024
    """Records waiting to be written, in memory; beyond it senders are told 429."""
    max_future_seconds: Seconds = 3600.0
    """How far ahead of our clock a record may be."""
    otlp_grpc: str = ""
    """Address and port of OTLP/gRPC, by custom 127.0.0.1:4317; empty: off."""
    syslog_udp: str = ""
    """Address and port of syslog over UDP; empty: off."""
    syslog_tcp: str = ""
    """Address and port of syslog over TCP; empty: off."""
    syslog_tls: str = ""
    """Address and port of syslog over TLS, by custom port 6514; empty: off."""
    syslog_tls_certificate: str = ""
    """PEM file of the certificate that syslog's senders are shown, with its chain."""
    syslog_tls_key: str = ""
    """PEM file of its private key."""
    syslog_tls_client_ca: str = ""
    """PEM file of the authorities whose certificates senders over TLS must have; empty: they need none."""
    syslog_zone: str = ""
    """Time zone of RFC 3164's times, an IANA name; empty: this machine's."""


class Protect(Section, frozen=True):
    """Identifiers and secrets out of log records, before anything is written."""

    enabled: bool = True
    """Protect records; `false` is for test systems without patients only."""
    mrn_patterns: tuple[str, ...] = ()
    """Further forms of medical record numbers, as RE2 patterns like `\\bKH-\\d{8}\\b`."""
    actions: tuple[str, ...] = ()
    """What happens to a kind of identifier, as `email=pseudonym`: `drop`, `mask` or `pseudonym`."""
    attributes: tuple[str, ...] = ()
    """Further attributes that always carry an identifier, as `next_of_kin=name`; `=keep` takes one off the list."""
    columns: tuple[str, ...] = ()
    """`user_id` or `patient_id`, to be pseudonymised; the audit trail needs both in clear."""


class Store(Section, frozen=True):
    """The log store."""

    clickhouse: str = ""
    """ClickHouse to keep logs in, as `http://user:password@host:8123/database`; empty: in this process."""
    cluster: str = ""
    """Name of the cluster that this ClickHouse belongs to; empty: a server by itself."""
    text_index: bool = True
    """Index the words of log lines: rare words are found in milliseconds, at about 40 % more disk."""
    flush_rows: Annotated[int, msgspec.Meta(ge=1)] = 100_000
    """Records that the journal gathers for one insert into the engine."""
    flush_seconds: Seconds = 2.0
    """Longest time that it gathers; a query that comes meanwhile waits for what was acknowledged."""
    readers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    """Queries that run at once."""
    disk_reserve_bytes: Bytes = 2 * 1024 * 1024 * 1024
    """Disk space that stays free: below it the oldest application logs go before their time, then error logs."""
    disk_warning_days: Days = 14
    """Warn when the disk, at the growth of the last day, lasts no longer."""


class Query(Section, frozen=True):
    """What readers may do."""

    max_entries: Annotated[int, msgspec.Meta(ge=1)] = 5000
    """Most log lines of one answer."""
    max_series: Annotated[int, msgspec.Meta(ge=1)] = 5000
    """Most series of one answer."""
    max_range_days: Days = 366
    """Longest time range of one query."""
    max_read_bytes: Bytes = 256 * 1024 * 1024 * 1024
    """Most bytes that one query reads, uncompressed."""
    max_concurrent: Annotated[int, msgspec.Meta(ge=1)] = 16
    """Queries of one reader that run at once."""
    max_seconds: Seconds = 60.0
    """Longest run of one query."""
    max_memory_bytes: Bytes = 2 * 1024 * 1024 * 1024
    """Most memory of one query in the engine."""


class Rules(Section, frozen=True):
    """Alert and recording rules on logs: the files of DATA/rules, and others."""

    files: tuple[str, ...] = ()
    """Further rule files, as patterns like `/etc/wardlight/rules/**/*.yml`; relative ones to the data directory."""
    evaluation_seconds: Seconds = 60.0
    """How far apart the evaluations of a group without `interval` are."""


class Retention(Section, frozen=True):
    """How long each kind is kept."""

    application_days: Days = 30
    error_days: Days = 90
    security_days: Days = 400
    audit_days: Days = 2192


class Ledger(Section, frozen=True):
    """The audit trail as a log that outsiders can verify."""

    origin: str = ""
    """The log's name, by custom an address without its scheme; empty: this machine's. It can't be changed later."""
    witnesses: tuple[str, ...] = ()
    """Who cosigns checkpoints: `VERIFIERKEY URL` each."""
    timestamp_authority: str = ""
    """URL of an RFC 3161 service that stamps a checkpoint every day; empty: none."""


class Access(Section, frozen=True):
    """Who gets in."""

    idle_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 15
    """Minutes without doing anything after which somebody is signed out."""
    session_hours: Annotated[int, msgspec.Meta(ge=1, le=168)] = 12
    """Hours after which everybody signs in anew, whatever they do."""
    breached_passwords: str = ""
    """File of SHA-1 hashes of passwords that are known to thieves, sorted, as Have I Been Pwned has it; empty: none."""
    oidc_issuer: str = ""
    """Address of the OpenID Connect provider, as `https://login.example/realms/clinic`; empty: local accounts only."""
    oidc_client_id: str = ""
    """The name by which it knows Wardlight."""
    oidc_client_secret_file: str = ""
    """File with the client's secret; empty: a public client, with PKCE alone."""
    oidc_roles_claim: str = "roles"
    """The claim with somebody's roles or groups; dots lead inside, as `realm_access.roles`."""
    oidc_roles: tuple[str, ...] = ()
    """What its values mean, as `wardlight-support = support`; who has none of them doesn't get in."""


class Stack(Section, frozen=True):
    """The parts beside the server. An address means: it runs elsewhere; empty: `wardlight up` starts it."""

    prometheus: str = ""
    alertmanager: str = ""
    grafana: str = ""
    prometheus_port: Port = 9090
    alertmanager_port: Port = 9093
    grafana_port: Port = 3000
    node_exporter_port: Port = 9100
    postgres_exporter_port: Port = 9187
    blackbox_exporter_port: Port = 9115
    metrics_days: Days = 30
    """How long Prometheus keeps its metrics."""
    emergency: str = ""
    """Whom Alertmanager tells itself when Wardlight is down: an e-mail address, or the URL of a webhook; empty: nobody."""
    smtp: str = ""
    """Mail server for that, as `smtps://user:password@host:587`; `smtp://` doesn't insist on TLS."""

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus is asked, wherever it runs."""
        return self.prometheus or f"http://127.0.0.1:{self.prometheus_port}"

    @property
    def alertmanager_url(self) -> str:
        """Where Alertmanager is told of alerts, wherever it runs."""
        return self.alertmanager or f"http://127.0.0.1:{self.alertmanager_port}"


class Platform(Section, frozen=True):
    """The platform that is watched."""

    database: str = ""
    """PostgreSQL connection URI of the platform's database, for its exporter."""
    metrics: tuple[str, ...] = ()
    """`host:port` of applications that serve /metrics."""
    probes: tuple[str, ...] = ()
    """URLs that must answer 2xx."""
    canary: str = ""
    """URL that reads the canary patient's record: proof that patient records are accessible."""


class Demo(Section, frozen=True):
    """Willow Clinic, started by `wardlight up --demo`."""

    app_port: Port = 8490
    database_port: Port = 8491


class Settings(Section, frozen=True):
    """The whole tree."""

    server: Server = Server()
    receive: Receive = Receive()
    protect: Protect = Protect()
    store: Store = Store()
    query: Query = Query()
    rules: Rules = Rules()
    retention: Retention = Retention()
    ledger: Ledger = Ledger()
    access: Access = Access()
    stack: Stack = Stack()
    platform: Platform = Platform()
    demo: Demo = Demo()


_FIELD = re.compile(r"`\$\.([^`\[]+)|field `([^`]+)`(?: - at `\$\.?([^`]*)`)?")


def address(listen: str, setting: str) -> tuple[str, int]:
    """Split `HOST:PORT`; raises BadConfig naming the setting.

    >>> address("[::1]:514", "receive.syslog_udp")
    ('::1', 514)
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise BadConfig(f"{listen!r} is not HOST:PORT (setting {setting})")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read settings from a file (None or absent: defaults) and the environment.

    Raises BadConfig with file, line and setting.
    """
    text = path.read_text() if path is not None and path.exists() else ""
    try:
        tree: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{path}: not valid TOML: {error}") from None
    origins = _overlay(tree, environ)
    try:
        return msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise BadConfig(_explain(error, path, text, origins)) from None


def _overlay(tree: dict[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Lay environment variables over the file's tree; return which setting came from which variable."""
    origins = {}
    for section in msgspec.structs.fields(Settings):
        for field in msgspec.structs.fields(section.type):
            variable = f"WARDLIGHT_{section.name}_{field.name}".upper()
            if variable in environ:
                value: Any = environ[variable]
                if isinstance(field.default, tuple):
                    value = [part.strip() for part in value.split(",") if part.strip()]
                tree.setdefault(section.name, {})[field.name] = value
                origins[f"{section.name}.{field.name}"] = variable
    return origins


def _explain(error: msgspec.ValidationError, path: Path | None, text: str, origins: Mapping[str, str]) -> str:
    """Say which setting is wrong and where it was set."""
    message = str(error)
    found = _FIELD.search(message)
    if found is None:
        return f"{path}: {message}"
    inside, field, at = found.groups()
    setting = inside or ".".join(part for part in (at, field) if part)
    reason = message.split(" - at ", maxsplit=1)[0]
    if setting in origins:
        return f"environment variable {origins[setting]}: {reason} (setting {setting})"
    return f"{path}:{_line_of(text, setting)}: setting {setting}: {reason}"


def place(setting: str, path: Path | None, environ: Mapping[str, str] = os.environ) -> str:
    """Say where a setting is, or would be, set: the variable, or the file and its line."""
    variable = f"WARDLIGHT_{setting.replace('.', '_')}".upper()
    if variable in environ:
        return f"environment variable {variable} (setting {setting})"
    line = _line_of(path.read_text() if path is not None and path.exists() else "", setting)
    return f"{path}:{line}: setting {setting}"


def docs() -> dict[tuple[str, str], str]:
    """Gather the strings that stand below the fields, by class and field."""
    found = {}
    for owner in ast.parse(inspect.getsource(sys.modules[__name__])).body:
        if not isinstance(owner, ast.ClassDef):
            continue
        for field, doc in zip(owner.body, owner.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                match doc:
                    case ast.Expr(ast.Constant(str(text))):
                        found[owner.name, field.target.id] = inspect.cleandoc(text)
    return found


def origin(setting: str, path: Path | None, environ: Mapping[str, str] = os.environ) -> str:
    """Say what sets a setting: a variable, the file's line; empty if neither does."""
    variable = f"WARDLIGHT_{setting.replace('.', '_')}".upper()
    if variable in environ:
        return variable
    text = path.read_text() if path is not None and path.exists() else ""
    section, _, name = setting.partition(".")
    if path is None or name not in tomllib.loads(text).get(section, {}):
        return ""
    return f"{path.name}, line {_line_of(text, setting)}"


def _line_of(text: str, setting: str) -> int:
    """Find the line where a dotted setting, or else its section, is written."""
    section, _, name = setting.partition(".")
    current, section_line = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.split("#")[0].strip()
        if bare.startswith("["):
            current = bare.strip("[] ")
            section_line = number if current == section else section_line
        elif (name and current == section and re.match(rf"{re.escape(name)}\s*=", bare)) or (
            not name and not current and re.match(rf"{re.escape(section)}\s*[=.]", bare)
        ):
            return number
    return section_line
