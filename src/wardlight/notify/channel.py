"""Sending one message through Apprise, and saying what became of it without saying where it went.

An address (`mailtos://user:password@host?to=…`, `slack://…`, `json://…`) holds secrets: neither it nor what the
library says about it leaves this module. Apprise tells no reason but in its log, so that is overheard, thread by
thread, and kept from the server's log.
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wardlight.notify.message import Message

if TYPE_CHECKING:
    from apprise import NotifyBase

SECONDS = 20.0
"""Longest wait for one message to be taken."""

_ROOM = 500
"""Channels that hold fewer characters get the short form."""
_HTTP = re.compile(r"error=(\d{3})")
_SMTP = re.compile(r"Socket Exception: \(?.*?\b([45]\d\d)\b|was refused: ([45]\d\d)")
_TEMPORARY = (408, 425, 429)
_REACHED = (
    (re.compile(r"refused", re.IGNORECASE), "connection refused"),
    (re.compile(r"timed? ?out", re.IGNORECASE), "no answer in time"),
    (re.compile(r"name or service|resolve|nodename|getaddrinfo", re.IGNORECASE), "unknown host"),
    (re.compile(r"certificate|ssl|tls", re.IGNORECASE), "no secure connection"),
)


@dataclass(frozen=True)
class Sent:
    """The service took the message."""


@dataclass(frozen=True)
class Failed:
    """The service didn't take it, and why; whether trying again makes sense."""

    reason: str
    temporary: bool


Outcome = Sent | Failed


def refusal(address: str) -> str | None:
    """Say what is wrong with an address; None if a message could be sent there."""
    scheme = address.partition("://")[0] if "://" in address else ""
    if not scheme:
        return "not an address like mailtos://… or slack://…"
    try:
        return None if _plugin(address) else f"not an address of {scheme}:// as Apprise documents it"
    except Exception as error:  # noqa: BLE001 -- a hundred plug-ins, each with errors of its own
        return f"{scheme}://: {type(error).__name__}"


def service(address: str) -> str:
    """Name the service behind an address (`E-Mail`, `Slack`), `unknown` if there is none."""
    try:
        plugin = _plugin(address)
    except Exception:  # noqa: BLE001 -- a hundred plug-ins, each with errors of its own
        plugin = None
    return str(plugin.service_name) if plugin else "unknown"


def send(address: str, message: Message, seconds: float = SECONDS) -> Outcome:
    """Send a message; blocks for at most `seconds`, after which it may still arrive. Never raises."""
    found: list[Outcome] = []
    thread = threading.Thread(target=lambda: found.append(_send(address, message)), daemon=True, name="notify")
    thread.start()
    thread.join(seconds)
    return found[0] if found else Failed(f"no answer within {seconds:g} s", temporary=True)


def _send(address: str, message: Message) -> Outcome:
    from apprise import NotifyFormat, NotifyType

    kinds = {"critical": NotifyType.FAILURE, "warning": NotifyType.WARNING, "resolved": NotifyType.SUCCESS}
    heard = _ears.listen()
    try:
        plugin = _plugin(address)
        if plugin is None:
            return Failed("the address isn't one that Apprise knows", temporary=False)
        short = plugin.body_maxlen < _ROOM
        well = plugin.notify(
            title="" if short else message.subject,
            body=message.short() if short else message.whole(),
            notify_type=kinds.get(message.severity, NotifyType.INFO),
            body_format=NotifyFormat.TEXT,
        )
    except Exception as error:  # noqa: BLE001 -- a hundred plug-ins, each with errors of its own
        return Failed(f"the channel failed with {type(error).__name__}", temporary=True)
    finally:
        _ears.forget()
    return Sent() if well else judged(heard)


def judged(heard: list[str]) -> Failed:
    """Say why a message failed, from what the library said; its words themselves may hold addresses.

    >>> judged(["Failed to send JSON POST notification: Forbidden, error=403."])
    Failed(reason='HTTP 403', temporary=False)
    >>> judged(["Socket Exception: [Errno 111] Connection refused"])
    Failed(reason='connection refused', temporary=True)
    """
    said = "\n".join(heard)
    if http := _HTTP.search(said):
        status = int(http[1])
        return Failed(f"HTTP {status}", temporary=status >= 500 or status in _TEMPORARY)
    if smtp := _SMTP.search(said):
        code = smtp[1] or smtp[2]
        return Failed(f"SMTP {code}", temporary=code.startswith("4"))
    for pattern, reason in _REACHED:
        if pattern.search(said):
            return Failed(reason, temporary=True)
    return Failed("the service didn't take it", temporary=True)


def _plugin(address: str) -> NotifyBase | None:
    """Make the plug-in for one message: it keeps nothing, not even a pace."""
    from apprise import Apprise, AppriseAsset

    _ears.attach()
    asset = AppriseAsset(
        app_id="Wardlight", app_desc="Wardlight", app_url="", async_mode=False, interpret_escapes=False
    )
    return Apprise.instantiate(address, asset=asset, suppress_exceptions=True)


class _Ears(logging.Handler):
    """Overhears what Apprise logs, each thread its own."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._heard: dict[int, list[str]] = {}

    def attach(self) -> None:
        """Take the library's log away from all others."""
        logger = logging.getLogger("apprise")
        if self not in logger.handlers:
            logger.addHandler(self)
            logger.setLevel(logging.DEBUG)
            logger.propagate = False
            logging.getLogger("urllib3").setLevel(logging.INFO)  # below that it tells paths, which are secrets here

    def listen(self) -> list[str]:
        """Begin to gather what this thread logs."""
        return self._heard.setdefault(threading.get_ident(), [])

    def forget(self) -> None:
        """End it."""
        self._heard.pop(threading.get_ident(), None)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of a thread that listens."""
        heard = self._heard.get(threading.get_ident())
        if heard is not None and len(heard) < 100:
            heard.append(record.getMessage())


_ears = _Ears()
