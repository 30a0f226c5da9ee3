"""Where rule files come from: Wardlight's own, DATA/rules, the patterns of `rules.files`; read again when they change."""

from __future__ import annotations

import glob
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wardlight.problems import BadConfig
from wardlight.rules import files
from wardlight.rules.model import Group

SHIPPED = Path(__file__).parent / "shipped"
"""The rules that come with Wardlight, each replaced by a file of its name in DATA/rules/wardlight."""

_OWN = ("*.yml", "*.yaml")
_Stamp = tuple[int, int, int]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Loaded:
    stamp: _Stamp | None
    groups: tuple[Group, ...] = ()
    fault: str = ""


class Sources:
    """All rule files. A file that is broken keeps the groups it had."""

    def __init__(self, data: Path, patterns: Sequence[str], interval_ns: int, shipped: Path | None = None) -> None:
        self._data = data
        self._shipped = shipped
        self._directory = data / "rules"
        self._directory.mkdir(parents=True, exist_ok=True)
        self._patterns = patterns
        self._interval = interval_ns
        self._loaded: dict[str, _Loaded] = {}
        self.groups: tuple[Group, ...] = ()

    @property
    def faults(self) -> dict[str, str]:
        """Say what is wrong, by file; a line each."""
        return {file: loaded.fault for file, loaded in self._loaded.items() if loaded.fault}

    def look(self) -> bool:
        """Read what has changed; say whether anything had."""
        before = self._loaded
        self._loaded = {file: self._load(file, path, before.get(file)) for file, path in self._files()}
        if self._loaded == before:
            return False
        self.groups = tuple(group for loaded in self._loaded.values() for group in loaded.groups)
        return True

    def _files(self) -> Iterator[tuple[str, Path]]:
        """List the files, each once, by the name it is known by: below DATA/rules without it."""
        for path in sorted(self._shipped.glob("*.yml")) if self._shipped else ():
            name = f"wardlight/{path.name}"
            changed = self._directory / name
            yield name, changed if changed.exists() else path
        own = {path for pattern in _OWN for path in self._directory.glob(pattern)}
        for path in sorted(own):
            yield path.name, path
        for name in sorted({path for pattern in self._patterns for path in self._matching(pattern)}):
            path = Path(name)
            if path.is_file() and path not in own:
                yield name, path

    def _matching(self, pattern: str) -> list[str]:
        return glob.glob(str(self._data / pattern), recursive=True)  # noqa: PTH207 -- Path.glob knows no absolute ones

    def _load(self, file: str, path: Path, had: _Loaded | None) -> _Loaded:
        try:
            found = path.stat()
            stamp: _Stamp | None = (found.st_mtime_ns, found.st_size, found.st_ino)
            if had is not None and had.stamp == stamp:
                return had
            with path.open("rb") as opened:
                content = opened.read(files.MAX_BYTES + 1)
            groups = files.read(content, file, self._interval)
        except OSError as error:
            stamp, fault = None, f"{file}:1: can't be read: {error.strerror}"
        except BadConfig as problem:
            fault = str(problem)
        else:
            _log.info("rule file %s: %d groups", file, len(groups))
            return _Loaded(stamp, groups)
        if had is None or had.fault != fault:
            _log.error("rule file refused, what it said before stays in force: %s", fault)
        return _Loaded(stamp, had.groups if had else (), fault)
