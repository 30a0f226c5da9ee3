"""A checker by others accepts our log, and no other: Go's own transparency log packages, run by `verify.go`."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.ledger.conftest import Open, Unsynced, entries

from wardlight.ledger.tiles import Tile

STARTS = {
    "idx := int64(0)": "first, _ := strconv.ParseInt(os.Args[3], 10, 64)\n\tidx := first * 256",
    "b := int64(0)": "b := first",
}
"""How `verify.go`, which takes some 0.2 ms an entry, is made to start at a later bundle."""


@dataclass(frozen=True)
class Go:
    """The checker, compiled."""

    whole: Path
    part: Path
    """The same, but it starts at the bundle of its third argument: what it rejects, the whole one rejects too."""

    def accepts(self, log: Path, start: int | None = None) -> bool:
        program = [str(self.whole)] if start is None else [str(self.part)]
        arguments = [str(log), (log / "vkey").read_text().strip(), *([] if start is None else [str(start)])]
        done = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=600, check=False)
        return done.returncode == 0 and done.stdout.startswith("OK ")


@pytest.fixture(scope="session")
def go(conformance: Path, tmp_path_factory: pytest.TempPathFactory) -> Go:
    """Compile the checker with what Debian has, else with a module from Go's proxy."""
    compiler = shutil.which("go") or shutil.which("go", path="/usr/lib/go-1.19/bin")
    if compiler is None:
        pytest.skip("no Go compiler here: apt-get install golang-1.19-go golang-golang-x-mod-dev")
    source = (conformance / "verify.go").read_text()
    later = source
    for old, new in STARTS.items():
        assert source.count(old) == 1
        later = later.replace(old, new)
    place = tmp_path_factory.mktemp("go")
    for name, text in (("whole", source), ("part", later)):
        (place / name).mkdir()
        (place / name / "main.go").write_text(text)
    return Go(build(compiler, place / "whole"), build(compiler, place / "part"))


def build(compiler: str, place: Path) -> Path:
    debian = os.environ | {"GO111MODULE": "off", "GOPATH": f"{place.parent / 'path'}:/usr/share/gocode"}
    module = os.environ | {"GOFLAGS": "-mod=mod"}
    attempts: list[tuple[dict[str, str], list[list[str]]]] = [
        (debian, [["build", "-o", "verify", "main.go"]]),
        (module, [["mod", "init", "verify"], ["get", "golang.org/x/mod@v0.7.0"], ["build", "-o", "verify", "."]]),
    ]
    for environment, commands in attempts:
        for command in commands:
            run = [compiler, *command]
            done = subprocess.run(run, cwd=place, env=environment, capture_output=True, timeout=300, check=False)
            if done.returncode != 0:
                break
        else:
            return place / "verify"
    pytest.skip("Go has no golang.org/x/mod here: apt-get install golang-golang-x-mod-dev")


def test_it_accepts_our_log_and_rejects_every_changed_byte(
    go: Go, start: Open, directory: Path, request: pytest.FixtureRequest
) -> None:
    thorough = int(request.config.getoption("--kills")) >= 100
    size, changes = (100_000, 1000) if thorough else (10_000, 60)
    ledger = start(disk=Unsynced())
    ledger.append(entries(0, size))
    ledger.close()
    assert go.accepts(directory)
    chance = random.Random(7)
    kinds = {
        "entries": [path for path in sorted((directory / "tile/entries").rglob("*")) if path.is_file()],
        "hashes": [path for path in sorted((directory / "tile").glob("[0-9]/**/*")) if path.is_file()],
        "checkpoint": [directory / "checkpoint"],
    }  # fmt: skip
    assert go.accepts(directory, size // 256), "the one that starts later accepts it too"
    missed = []
    for _ in range(changes):
        path = chance.choice(kinds[chance.choice(list(kinds))])
        whole = path.read_bytes()
        at = chance.randrange(len(whole))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ chance.randrange(1, 256)]) + whole[at + 1 :])
        if go.accepts(directory, bundle_of(path.relative_to(directory).as_posix(), at)):
            missed.append((path, at))
        path.write_bytes(whole)
    assert missed == []


def bundle_of(path: str, at: int) -> int:
    """Return the number of the first bundle whose proofs need this byte."""
    if not path.startswith("tile/"):
        return 0
    tile = Tile.parse(path)
    if tile.level < 1:
        return tile.number
    return (tile.number * 256 + at // 32) << 8 * (tile.level - 1)
