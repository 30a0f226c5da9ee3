"""Secrets out of audit events; whose record it was stays, that is what they tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from wardlight.audit.event import Entry, encode
from wardlight.protect.kinds import SECRETS
from wardlight.protect.protector import Protector


def without_secrets(entries: Sequence[Entry], protector: Protector) -> list[Entry]:
    """Return events as they may be written; those without a secret are the same objects."""
    return [_cleaned(entry, protector) if _tells(entry, protector) else entry for entry in entries]


def _tells(entry: Entry, protector: Protector) -> bool:
    return any(kind in SECRETS for _, _, kind in protector.find(encode(entry)))


def _cleaned(entry: Entry, protector: Protector) -> Entry:
    return msgspec.convert(_walked(msgspec.to_builtins(entry), protector), Entry)


def _walked(part: Any, protector: Protector) -> Any:
    """Go through all texts of a part of an event."""
    if isinstance(part, str):
        return protector.text(part, audit=True)[0]
    if isinstance(part, list):
        return [_walked(one, protector) for one in part]
    if isinstance(part, dict):
        return {name: _walked(one, protector) for name, one in part.items()}
    return part
