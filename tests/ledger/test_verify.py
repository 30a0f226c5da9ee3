from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from tests.ledger.conftest import Open, entries, verified

from wardlight.ledger import Ledger
from wardlight.ledger.leaf import unleaf
from wardlight.ledger.note import WITNESS, Checkpoint, Signer, Verifier, split
from wardlight.ledger.source import Directory
from wardlight.ledger.tiles import ENTRIES, Edge, Tile
from wardlight.ledger.verify import Verification
from wardlight.problems import BadInput, NotFound, Problem

TESSERA = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
EYE = Signer("witness.example/eye", bytes(32), WITNESS)


@pytest.fixture
def log(start: Open, directory: Path) -> Path:
    """A log of 70,000 entries, with an older state of its edge."""
    ledger = start()
    ledger.append(entries(0, 69_990))
    ledger.checkpoint()
    ledger.append(entries(69_990, 10))
    ledger.close()
    return directory


def write_log(directory: Path, signer: Signer, leaves: list[bytes]) -> None:
    """Write a log as somebody would who has the key."""
    edge, tiles = Edge().grown(leaves)
    shutil.rmtree(directory, ignore_errors=True)
    for tile, data in tiles:
        (directory / tile.path).parent.mkdir(parents=True, exist_ok=True)
        (directory / tile.path).write_bytes(data)
    text = Checkpoint(signer.name, edge.size, edge.root).text
    (directory / "checkpoint").write_text(f"{text}\n{signer.line(text)}")
    (directory / "vkey").write_text(signer.verifier.vkey)


def change(path: Path, at: int, flip: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= flip
    path.write_bytes(data)


def test_the_log_of_others_is_right(conformance: Path) -> None:
    source = Directory(conformance / "tessera-log" / "log")
    since = [path.read_text() for path in source.top.glob("checkpoint.*") if path.name != "checkpoint.0"]
    report = Verification(source, Verifier.parse(TESSERA)).run(since)
    assert report.checkpoint.checkpoint.size == 15


def test_a_sound_log_is_right_and_all_of_it_is_looked_at(log: Path) -> None:
    told: list[int] = []
    key = Verifier.parse((log / "vkey").read_text())
    assert Verification(Directory(log), key).run(told=told.append).checkpoint.checkpoint.size == 70_000
    assert sum(told) == 70_000


def test_no_byte_of_any_file_can_be_changed(log: Path) -> None:
    chance = random.Random(5)
    files = [path for path in sorted(log.rglob("*")) if path.is_file() and path.name != "vkey"]
    large = [path for path in files if path.stat().st_size == 8192][:3]
    for path in [*chance.sample(files, 25), *log.rglob("*.p/*"), *large, log / "checkpoint", log / "tile/1/000"]:
        whole = path.read_bytes()
        change(path, chance.randrange(len(whole)), chance.randrange(1, 256))
        with pytest.raises(Problem):
            verified(log)
        path.write_bytes(whole)


@pytest.mark.parametrize("index", [0, 255, 256, 40_000, 69_999])
def test_the_first_entry_that_was_changed_is_named(log: Path, index: int) -> None:
    path = log / Tile(ENTRIES, index // 256, 112 if index >= 69_888 else 256).path
    data = path.read_bytes()
    path.write_bytes(data.replace(b"entry %d" % index, b"entrX %d" % index))
    assert path.read_bytes() != data
    with pytest.raises(BadInput, match=f"entry {index}: it isn't the entry whose hash is in tile/0/"):
        verified(log)


def test_it_tells_whether_the_entry_or_its_hash_was_changed(log: Path) -> None:
    change(log / "tile/0/001", 32 * 4)
    with pytest.raises(BadInput, match="entry 260: its hash in tile/0/001 is changed, the entry isn't"):
        verified(log)


def test_an_entry_that_was_exchanged_with_its_hash_is_named(log: Path) -> None:
    shutil.copy(log / "tile/0/002", log / "tile/0/001")
    shutil.copy(log / "tile/entries/002", log / "tile/entries/001")
    with pytest.raises(BadInput, match="entries 256 to 511"):
        verified(log)


def test_an_entry_that_was_removed_is_named(log: Path) -> None:
    path = log / "tile/entries/001"
    path.write_bytes(path.read_bytes().replace(b"\0\x09entry 258", b""))
    with pytest.raises(BadInput, match="entry 258"):
        verified(log)


def test_an_entry_that_was_added_is_named(log: Path) -> None:
    path = log / "tile/entries/001"
    path.write_bytes(path.read_bytes() + b"\0\1x")
    with pytest.raises(BadInput, match="entry 512: tile/entries/001 holds more"):
        verified(log)


def test_a_file_that_is_missing_is_named(log: Path) -> None:
    (log / "tile/entries/007").unlink()
    with pytest.raises(NotFound, match="tile/entries/007"):
        verified(log)


def test_a_removed_tail_is_found_against_an_older_checkpoint(start: Open, directory: Path, tmp_path: Path) -> None:
    ledger = start()
    ledger.append(entries(0, 300))
    ledger.checkpoint()
    shutil.copytree(directory, tmp_path / "before")
    ledger.append(entries(300, 20))
    since = ledger.checkpoint()
    assert verified(directory, [since]).checkpoint.checkpoint.size == 320
    with pytest.raises(BadInput, match=r"entry 300: the older checkpoint has 320 entries, .* 20 were removed"):
        verified(tmp_path / "before", [since])


def test_a_log_that_its_owner_wrote_anew_is_found_against_an_older_checkpoint(
    ledger: Ledger, directory: Path, tmp_path: Path
) -> None:
    ledger.append(entries(0, 300))
    since = ledger.checkpoint()
    forged = tmp_path / "forged"
    signer = Signer.parse((directory.parent / "key").read_text())
    write_log(forged, signer, [*entries(0, 10), b"forged", *entries(11, 389)])
    assert verified(forged).checkpoint.checkpoint.size == 400, "by itself it looks right"
    with pytest.raises(BadInput, match="doesn't begin with the 300 entries of the older checkpoint"):
        verified(forged, [since])


def test_the_older_checkpoint_must_be_of_this_log(log: Path) -> None:
    other = Signer("example.com/clinic", bytes(32))
    text = split((log / "checkpoint").read_text())[0]
    with pytest.raises(BadInput, match="isn't signed by"):
        verified(log, [f"{text}\n{other.line(text)}"])


def test_a_witness_tells_how_far_it_saw(ledger: Ledger, directory: Path) -> None:
    ledger.append(entries(0, 300))
    text = split(ledger.checkpoint())[0]
    ledger.cosign(text, [EYE.line(text, 1_700_000_000).removesuffix("\n")])
    ledger.append(entries(300, 300))
    ledger.checkpoint()
    check = Verification(Directory(directory), Verifier.parse(ledger.vkey), [EYE.verifier])
    assert check.run().cosigners == {"witness.example/eye": (300, 1_700_000_000)}


def test_large_events_are_looked_at(ledger: Ledger, directory: Path) -> None:
    ledger.append(entries(0, 3))
    entry = ledger.entry(bytes(70_000), bytes(16))
    ledger.append([entry])
    ledger.checkpoint()
    verified(directory)
    path = directory.parent / "large" / unleaf(entry).digest.hex()
    change(path, 66_000)
    with pytest.raises(BadInput, match="entry 3: its large event is missing or changed"):
        verified(directory)
