"""TLS as all listeners speak it, certificates that are exchanged while they run, and trust in our own.

TLS 1.2 with ephemeral keys and authenticated ciphers (RFC 9325, section 4.2), or 1.3.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry, Gauge

from wardlight.problems import BadConfig

_log = logging.getLogger(__name__)

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Those of TLS 1.2; all of TLS 1.3 are sound."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """A certificate and what belongs to it, as the settings name them."""

    setting: str
    """The setting of the certificate, for messages."""
    certificate: str
    """PEM file of the certificate, and of those between it and its authority."""
    key: str = ""
    """PEM file of its private key; empty: it is in the same file."""
    clients: str = ""
    """PEM file of the authorities whose certificates clients must have; empty: they need none."""

    def facts(self) -> tuple[tuple[int, int, int], ...]:
        """Tell these files from later ones of the same names; empty when one is away."""
        try:
            found = [Path(one).stat() for one in (self.certificate, self.key, self.clients) if one]
        except OSError:
            return ()
        return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in found)


class Certificate:
    """What a listener shows. New files are seen at the next handshake; while they can't be used the old ones are.

    Raises BadConfig naming the file that can't be used at the start.
    """

    def __init__(self, files: Files) -> None:
        self.files = files
        self._lock = Lock()
        self._seen = files.facts()
        self._newest, self.expires = _made(files)
        self.refused = False
        """The files have changed, and can't be used."""
        self.context = _made(files)[0]
        """For the listener, once and for all: each handshake is done with the newest files."""
        self.context.sni_callback = self._present

    def refresh(self) -> bool:
        """Look at the files; say whether they are new ones that are used from now on."""
        with self._lock:
            facts = self.files.facts()
            if facts == self._seen:
                return False
            self._seen = facts
            try:
                self._newest, self.expires = _made(self.files)
            except BadConfig as problem:
                self.refused = True
                _log.error("%s; the certificate from before is shown", problem)
                return False
            self.refused = False
            _log.warning("%s has changed and is used from now on", self.files.certificate)
            return True

    def _present(self, handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Use the newest files for one handshake; OpenSSL asks at each, with or without a name."""
        self.refresh()
        handshake.context = self._newest


def expose(certificates: Iterable[Certificate], registry: CollectorRegistry) -> None:
    """Tell when each certificate ends, and whether newer files were refused."""
    expires = Gauge(
        "wardlight_certificate_expiry_timestamp_seconds", "When the certificate that is shown ends.", ["setting"],
        registry=registry,
    )  # fmt: skip
    refused = Gauge(
        "wardlight_certificate_refused", "1 while the certificate's files have changed and can't be used.", ["setting"],
        registry=registry,
    )  # fmt: skip
    for one in certificates:
        expires.labels(one.files.setting).set_function(partial(_ending, one))
        refused.labels(one.files.setting).set_function(partial(_refused, one))


def _ending(one: Certificate) -> float:
    one.refresh()
    return one.expires


def _refused(one: Certificate) -> float:
    one.refresh()
    return float(one.refused)


@dataclass(frozen=True)
class Pin:
    """Trust in one certificate and no other, which is on this machine as a file."""

    context: ssl.SSLContext
    name: str
    """A name that the certificate has: what to verify, since it is reached by an address that it may not have."""

    @classmethod
    def of(cls, certificate: Path | str) -> Pin:
        """Trust the first certificate of a PEM file; raises BadConfig when it can't be read."""
        leaf = _leaf(str(certificate), "server.certificate")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=_pem(leaf))
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return cls(context, (names(leaf) or [""])[0].replace("*", "wardlight"))

    @property
    def extensions(self) -> dict[str, str]:
        """What a request by httpx needs."""
        return {"sni_hostname": self.name}


def names(certificate: x509.Certificate) -> list[str]:
    """List the hosts that a certificate is for: names before addresses."""
    try:
        also = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    addresses = [str(one) for one in also.get_values_for_type(x509.IPAddress)]
    return [*also.get_values_for_type(x509.DNSName), *addresses]


def hosts(certificate: str) -> list[str]:
    """List the hosts that the first certificate of a PEM file is for; raises BadConfig."""
    return names(_leaf(certificate, "server.certificate"))


def leaf_pem(certificate: str) -> str:
    """Give the first certificate of a PEM file alone; raises BadConfig."""
    return _pem(_leaf(certificate, "server.certificate"))


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _leaf(path: str, setting: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(Path(path).read_bytes())[0]
    except (OSError, ValueError) as error:
        raise BadConfig(f"{path!r} can't be used (setting {setting}): {error}") from None


def _made(files: Files) -> tuple[ssl.SSLContext, float]:
    """Make the server's side of TLS from files, and say when the certificate ends, in seconds since 1970."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    leaf = _leaf(files.certificate, files.setting)
    try:
        context.load_cert_chain(files.certificate, files.key or None, password=_no_password)
    except (OSError, ssl.SSLError) as error:
        raise BadConfig(
            f"{files.certificate!r} can't be used with its key (setting {files.setting}): {error}"
        ) from None
    if files.clients:
        _ask_clients(context, files)
    return context, leaf.not_valid_after_utc.timestamp()


def _ask_clients(context: ssl.SSLContext, files: Files) -> None:
    """Let only clients with a certificate in; none goes on with what an authority vouched for before."""
    try:
        context.load_verify_locations(files.clients)
    except (OSError, ssl.SSLError) as error:
        raise BadConfig(f"{files.clients!r} can't be used (beside setting {files.setting}): {error}") from None
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0


def _no_password() -> str:
    """Refuse an encrypted key instead of asking on the terminal."""
    return ""
