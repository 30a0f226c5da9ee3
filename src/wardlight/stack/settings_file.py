"""Writing `wardlight.toml` for the first time: every setting with its meaning and its default, commented out."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import msgspec

from wardlight import config


def template() -> str:
    """Write the settings tree as TOML, from the classes and docstrings of `wardlight.config`."""
    docs = config.docs()
    lines = ["# Wardlight's settings. A line that starts with # shows a default; remove the # to change it.", ""]
    for section in msgspec.structs.fields(config.Settings):
        lines += [f"# {line}".rstrip() for line in inspect.cleandoc(section.type.__doc__ or "").splitlines()]
        lines.append(f"[{section.name}]")
        for field in msgspec.structs.fields(section.type):
            if doc := docs.get((section.type.__name__, field.name)):
                lines += [f"# {line}".rstrip() for line in doc.splitlines()]
            lines.append(f"#{field.name} = {_toml(field.default)}")
        lines.append("")
    return "\n".join(lines)


def write_once(path: Path) -> None:
    """Write the file if there is none."""
    if not path.exists():
        path.write_text(template())
        path.chmod(0o600)


def _toml(value: object) -> str:
    """Write a default as TOML, whose strings, numbers, booleans and lists are JSON's."""
    return json.dumps(value, ensure_ascii=False)
