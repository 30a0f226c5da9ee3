"""Whether the settings are strong enough to start with: what is refused, and what is only told."""

from __future__ import annotations

import ipaddress
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wardlight import tls
from wardlight.config import Access, Receive, Server, Settings, address, is_loopback, place
from wardlight.problems import BadConfig

WIDEST_PROXIES = 8
"""Shortest prefix of a network of proxies: whoever is in it says on whose behalf it speaks."""

LONG_IDLE, LONGEST_IDLE = 30, 240
"""Minutes."""


@dataclass(frozen=True)
class Weakness:
    """A setting that makes the house weak."""

    setting: str
    sentence: str
    grave: bool = True
    """The server doesn't start with it."""


def weaknesses(settings: Settings) -> Iterator[Weakness]:
    """Go through what is weak."""
    yield from _door(settings.server)
    yield from _files("server.certificate", settings.server.certificate, settings.server.key)
    yield from _senders(settings.receive, settings.server)
    yield from _signing_in(settings.access)
    yield from _elsewhere(settings)
    if not settings.protect.enabled:
        yield Weakness("protect.enabled", "patients' identifiers and secrets are written as they come", grave=False)


def require(settings: Settings, path: Path | None, environ: Mapping[str, str] = os.environ) -> None:
    """Raise BadConfig with everything that is too weak, and where it is set."""
    if grave := [f"{place(one.setting, path, environ)}: {one.sentence}" for one in weaknesses(settings) if one.grave]:
        raise BadConfig("\n  ".join(grave))


def _door(server: Server) -> Iterator[Weakness]:
    """HTTP: TLS, or loopback, or a proxy that does it."""
    host, _ = address(server.listen, "server.listen")
    if not (is_loopback(host) or server.certificate or server.behind_proxy):
        yield Weakness(
            "server.listen",
            f"{host} is not a loopback address: it needs TLS (server.certificate), or a proxy that does it "
            "(server.behind_proxy)",
        )
    for peer in server.behind_proxy:
        try:
            network = ipaddress.ip_network(peer, strict=False)
        except ValueError:
            yield Weakness("server.behind_proxy", f"{peer!r} is neither an address nor a network")
            continue
        if network.prefixlen < WIDEST_PROXIES:
            yield Weakness("server.behind_proxy", f"{peer} are too many: each could claim to speak for anybody")
    if server.url.startswith("http://") and not is_loopback(urlsplit(server.url).hostname or ""):
        yield Weakness("server.url", "people are sent to http://, where sign-in can be overheard", grave=False)


def _files(setting: str, certificate: str, key: str) -> Iterator[Weakness]:
    """A certificate that works, and a key that nobody else reads."""
    if not certificate:
        if key:
            yield Weakness(setting, "there is a key, and no certificate")
        return
    try:
        tls.Certificate(tls.Files(setting=setting, certificate=certificate, key=key))
    except BadConfig as problem:
        yield Weakness(setting, str(problem))
        return
    yield from _secret(setting.replace("certificate", "key") if key else setting, key or certificate)


def _senders(receive: Receive, server: Server) -> Iterator[Weakness]:
    """What comes in beside HTTP."""
    if receive.otlp_grpc and not (server.certificate or server.behind_proxy):
        host, _ = address(receive.otlp_grpc, "receive.otlp_grpc")
        if not is_loopback(host):
            yield Weakness(
                "receive.otlp_grpc", f"{host} is not a loopback address: OTLP/gRPC needs server.certificate there"
            )
    for name in ("syslog_udp", "syslog_tcp"):
        if (at := getattr(receive, name)) and not is_loopback(address(at, f"receive.{name}")[0]):
            yield Weakness(
                f"receive.{name}",
                "whoever reaches it may write records, and overhear them: prefer syslog_tls",
                grave=False,
            )
    if receive.syslog_tls:
        yield from _files("receive.syslog_tls_certificate", receive.syslog_tls_certificate, receive.syslog_tls_key)
        if not receive.syslog_tls_client_ca and not is_loopback(address(receive.syslog_tls, "receive.syslog_tls")[0]):
            yield Weakness(
                "receive.syslog_tls",
                "without syslog_tls_client_ca, whoever reaches it may write records",
                grave=False,
            )


def _signing_in(access: Access) -> Iterator[Weakness]:
    """Automatic log-off (45 CFR 164.312(a)(2)(iii)), and who is believed about who somebody is."""
    if access.idle_minutes > LONGEST_IDLE:
        yield Weakness(
            "access.idle_minutes", f"after {LONGEST_IDLE} minutes at most, somebody who has gone must be signed out"
        )
    elif access.idle_minutes > LONG_IDLE:
        yield Weakness("access.idle_minutes", "is long where people share rooms: 15 is usual", grave=False)
    if not access.oidc_issuer:
        return
    issuer = urlsplit(access.oidc_issuer)
    if issuer.scheme != "https" and not (issuer.scheme == "http" and is_loopback(issuer.hostname or "")):
        yield Weakness("access.oidc_issuer", "must be https://: whoever is on the way could sign in as anybody")
    if not access.oidc_client_id:
        yield Weakness("access.oidc_client_id", "is needed with access.oidc_issuer")
    if not access.oidc_roles:
        yield Weakness("access.oidc_roles", "is empty: nobody who signs in there has a role here", grave=False)
    if access.oidc_client_secret_file:
        yield from _secret("access.oidc_client_secret_file", access.oidc_client_secret_file)


def _secret(setting: str, path: str) -> Iterator[Weakness]:
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        yield Weakness(setting, f"{path} can't be read: {error.strerror}")
        return
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        yield Weakness(setting, f"{path} can be read by others: chmod 0600, or 0640")


def _elsewhere(settings: Settings) -> Iterator[Weakness]:
    """What goes out."""
    if not settings.stack.emergency:
        yield Weakness("stack.emergency", "nobody is told when Wardlight itself is down", grave=False)
    if settings.stack.smtp.startswith("smtp://") and "@" in settings.stack.smtp:
        yield Weakness("stack.smtp", "the password may go unencrypted: smtps:// insists on TLS", grave=False)
    store = urlsplit(settings.store.clickhouse)
    if store.scheme == "http" and not is_loopback(store.hostname or ""):
        yield Weakness("store.clickhouse", "logs and the password go there unencrypted: use https://", grave=False)
