"""A line with labelled identifiers, and the making of one from a template."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_SLOT = re.compile(r"\{\{(\w+)(?:!(\w+))?\}\}")


@dataclass(frozen=True)
class Line:
    """A text, where identifiers lie in it and of which kind they are."""

    format: str
    text: str
    labels: tuple[tuple[int, int, str], ...]


Maker = Callable[[random.Random], str]


def fill(form: str, template: str, makers: Mapping[str, tuple[str, Maker]], rng: random.Random) -> Line:
    """Fill `{{slot}}`s; a slot whose kind is empty is not an identifier."""
    parts: list[str] = []
    labels = []
    at = size = 0
    for slot in _SLOT.finditer(template):
        kind, make = makers[slot[1]]
        kind = slot[2] or kind
        value = make(rng)
        before = template[at : slot.start()]
        size += len(before)
        if kind:
            labels.append((size, size + len(value), kind))
        parts += [before, value]
        size += len(value)
        at = slot.end()
    return Line(form, "".join([*parts, template[at:]]), tuple(labels))


def corpus(
    count: int, seed: int, templates: Mapping[str, Sequence[str]], makers: Mapping[str, tuple[str, Maker]]
) -> Iterator[Line]:
    """Yield lines, the formats in turn."""
    rng = random.Random(seed)
    forms = list(templates)
    for at in range(count):
        form = forms[at % len(forms)]
        yield fill(form, rng.choice(templates[form]), makers, rng)
