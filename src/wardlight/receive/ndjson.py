"""JSON lines to records: one object a line; bad lines are refused by their number, good ones kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from wardlight.config import Receive
from wardlight.receive import documents
from wardlight.receive.assemble import Decoding, Refusal

_DECODER = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True)
class BadLine:
    """A line that was not taken."""

    line: int
    """From 1."""
    reason: str
    """What it did wrong, a predicate."""


@dataclass(frozen=True)
class Lines(Decoding):
    """What a request of lines held."""

    bad: tuple[BadLine, ...] = ()
    """In the order of the lines."""


def decode(payload: bytes, settings: Receive, now_ns: int) -> Lines:
    """Decode lines; an object `labels` in a line holds labels. Empty lines are nothing."""
    objects, numbers, bad = [], [], []
    for number, line in enumerate(payload.split(b"\n"), 1):
        if not line or line.isspace():
            continue
        found = read_object(line)
        if isinstance(found, str):
            bad.append(BadLine(number, found))
        else:
            objects.append(found)
            numbers.append(number)
    decoding = documents.decode(objects, settings, now_ns, own_labels=True)
    refused = [BadLine(numbers[at], refusal.rule) for refusal in decoding.refused for at in refusal.records]
    told = sorted([*bad, *refused], key=lambda one: one.line)
    return Lines(decoding.batch, (*decoding.refused, *not_json(len(bad))), decoding.timed, tuple(told))


def read_object(line: bytes) -> dict[str, Any] | str:
    """Read one JSON object, or say what is wrong with the line."""
    try:
        found: dict[str, Any] = _DECODER.decode(line)
    except RecursionError:
        return "is nested too deeply"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"is not a JSON object: {error}"
    return found


def not_json(count: int) -> Sequence[Refusal]:
    """Lines that can't be read, for the books."""
    return (Refusal("not_json", f"{count} lines are not JSON objects", count),) if count else ()


def summary(bad: Sequence[BadLine], most: int = 3) -> str:
    """Say in a sentence what is wrong with the first few lines, and how many more there are."""
    told = "; ".join(f"line {one.line} {one.reason}" for one in bad[:most])
    kinds = Counter(one.reason.partition(":")[0] for one in bad[most:])
    return told + "".join(f"; {count} more: {reason}" for reason, count in kinds.most_common(most))
