"""Heartbeats that are defined in a file, `DATA/heartbeats.toml`: a table each, named by its slug.

[nightly-import]
cron = "30 2 * * *"
zone = "Europe/Zurich"
grace = "1h"
severity = "critical"
description = "Laboratory results of the day; ask the interface team."
"""

from __future__ import annotations

import re
import tomllib

import msgspec

from wardlight.heartbeats.plan import Definition, planned
from wardlight.problems import BadConfig, BadInput

NAME = "heartbeats.toml"
MAX_HEARTBEATS = 1000

_PATH = re.compile(r" - at `\$\.?([^`]*)`|unknown field `([^`]+)`")


def read(text: str, file: str) -> dict[str, Definition]:
    """Read definitions by slug. Raises BadConfig with all that is wrong, a line each: `FILE:LINE: SLUG: …`."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{file}: not valid TOML: {error}") from None
    if len(tree) > MAX_HEARTBEATS:
        raise BadConfig(f"{file}: more than {MAX_HEARTBEATS} heartbeats")
    found, faults = {}, []
    for slug, table in tree.items():
        try:
            found[slug] = msgspec.convert(table, Definition)
            planned(slug, found[slug])
        except (msgspec.ValidationError, BadInput) as error:
            faults.append(f"{file}:{_line(text, slug, _field(str(error)))}: {slug}: {error}")
    if faults:
        raise BadConfig("\n".join(faults))
    return found


def _field(message: str) -> str:
    """Name the field that a message is about; empty if it's about none."""
    path = _PATH.search(message)
    return (path.group(2) or path.group(1)) if path else message.partition(":")[0]


def _line(text: str, slug: str, field: str) -> int:
    """Find the line of a field in a heartbeat's table, or else of the table."""
    inside, first = False, 1
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare.startswith("["):
            inside = re.match(rf"\[\s*[\"']?{re.escape(slug)}[\"']?\s*\]", bare) is not None
            first = number if inside else first
        elif (inside and re.match(rf"[\"']?{re.escape(field)}[\"']?\s*=", bare)) or re.match(
            rf"[\"']?{re.escape(slug)}[\"']?\s*[=.]", bare
        ):
            return number
    return first
