from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.ledger.conftest import ORIGIN, Open, Unsynced, entries, verified

from wardlight.clock import ManualClock
from wardlight.ledger import Ledger
from wardlight.ledger.log import Pace
from wardlight.ledger.merkle import check_consistency, check_inclusion, leaf_hash
from wardlight.ledger.note import WITNESS, Checkpoint, Signer, Verifier, split
from wardlight.ledger.proof import Proof
from wardlight.problems import BadInput, Busy, NotFound, TooLarge, Unavailable

EYE = Signer("witness.example/eye", bytes(32), WITNESS)
DAY = 86_400


def checkpoint(ledger: Ledger) -> Checkpoint:
    return Checkpoint.parse(split(ledger.checkpoint())[0])


def cosign(ledger: Ledger) -> None:
    text = split(ledger.checkpoint())[0]
    ledger.cosign(text, [EYE.line(text, 1).removesuffix("\n")])


def test_a_new_log_is_empty_and_sound(ledger: Ledger, directory: Path) -> None:
    assert ledger.size == 0
    assert checkpoint(ledger).origin == ORIGIN
    assert verified(directory).checkpoint.checkpoint.size == 0


def test_entries_get_indices_in_the_order_of_their_coming(ledger: Ledger) -> None:
    assert ledger.append(entries(0, 3)) == range(3)
    assert ledger.append(entries(3, 1)) == range(3, 4)
    assert ledger.append([]) == range(0)
    assert ledger.size == 4


def test_what_was_acknowledged_is_read_and_covered_by_the_checkpoint(ledger: Ledger) -> None:
    ledger.append(entries(0, 600))
    assert ledger.read(250, 10) == entries(250, 10)
    assert ledger.read(595, 100) == entries(595, 5)
    assert ledger.read(600, 5) == []
    assert checkpoint(ledger).size == 600


def test_it_replays_from_any_index(ledger: Ledger) -> None:
    ledger.append(entries(0, 600))
    assert list(ledger.replay(254)) == list(zip(range(254, 600), entries(254, 346), strict=True))
    assert list(ledger.replay(600)) == []


def test_a_new_process_goes_on_where_the_old_one_ended(start: Open, directory: Path) -> None:
    for count in (1, 254, 1, 1, 255, 256, 300):
        ledger = start()
        size = ledger.size
        assert ledger.append(entries(size, count)) == range(size, size + count)
    assert start().read(0, 2000) == entries(0, 1068)
    assert verified(directory).checkpoint.checkpoint.size == 1068


def test_many_senders_at_once_each_get_their_own(ledger: Ledger, directory: Path) -> None:
    def send(sender: int) -> list[tuple[int, bytes]]:
        told: list[tuple[int, bytes]] = []
        for number in range(30):
            sent = [b"%d %d %d" % (sender, number, at) for at in range(3)]
            told += zip(ledger.append(sent), sent, strict=True)
        return told

    with ThreadPoolExecutor(8) as senders:
        told = [one for part in senders.map(send, range(8)) for one in part]
    assert sorted(told) == list(ledger.replay())
    assert verified(directory).checkpoint.checkpoint.size == 720


def test_a_sender_that_gives_up_stops_nobody(ledger: Ledger) -> None:
    ledger.submit(entries(0, 3)).cancel()
    assert ledger.append(entries(3, 3)) == range(3, 6)
    assert ledger.read(0, 10) == entries(0, 6)


def test_partial_tiles_go_when_the_full_one_is_there(ledger: Ledger, directory: Path) -> None:
    ledger.append(entries(0, 255))
    ledger.checkpoint()
    assert (directory / "tile/0/000.p/255").exists()
    ledger.append(entries(255, 1))
    ledger.checkpoint()
    ledger.close()
    assert sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()) == [
        "checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/000", "vkey",
    ]  # fmt: skip


def test_partial_tiles_of_every_checkpoint_stay_until_then(ledger: Ledger, directory: Path) -> None:
    for number in range(3):
        ledger.append(entries(number, 1))
        ledger.checkpoint()
    assert sorted(path.name for path in (directory / "tile/0/000.p").iterdir()) == ["1", "2", "3"]


def test_proofs_check(ledger: Ledger) -> None:
    ledger.append(entries(0, 300))
    old = checkpoint(ledger)
    ledger.append(entries(300, 300))
    new = checkpoint(ledger)
    for index in (0, 255, 256, 599):
        check_inclusion(leaf_hash(b"entry %d" % index), index, new.root, 600, ledger.inclusion(index))
    check_consistency(300, 600, old.root, new.root, ledger.consistency(300, 600))


def test_a_proof_file_needs_nothing_but_the_key(ledger: Ledger) -> None:
    ledger.append(entries(0, 300))
    text = ledger.prove(42)
    assert Proof.parse(text).text == text
    found = Proof.parse(text).check(Verifier.parse(ledger.vkey))
    assert (found.checkpoint.origin, found.checkpoint.size) == (ORIGIN, 300)
    assert Proof.parse(text).entry == b"entry 42"


@pytest.mark.parametrize(
    ("old", "new"), [("index 42", "index 43"), ("index 42", "index 042"), ("extra ZW", "extra ZX")]
)
def test_a_changed_proof_file_is_refused(ledger: Ledger, old: str, new: str) -> None:
    ledger.append(entries(0, 300))
    text = ledger.prove(42)
    assert old in text
    with pytest.raises(BadInput):
        Proof.parse(text.replace(old, new)).check(Verifier.parse(ledger.vkey))


def test_a_proof_is_by_the_witnessed_checkpoint_if_that_covers_the_entry(ledger: Ledger) -> None:
    ledger.append(entries(0, 10))
    cosign(ledger)
    ledger.append(entries(10, 10))
    log = Verifier.parse(ledger.vkey)
    seen = Proof.parse(ledger.prove(9)).check(log, [EYE.verifier])
    assert (seen.checkpoint.size, seen.cosigners) == (10, ((EYE.verifier, 1),))
    newer = Proof.parse(ledger.prove(10)).check(log, [EYE.verifier])
    assert (newer.checkpoint.size, newer.cosigners) == (20, ())


def test_cosignatures_are_in_the_checkpoint_until_the_log_grows(start: Open) -> None:
    ledger = start()
    ledger.append(entries(0, 10))
    cosign(ledger)
    cosign(ledger)
    assert ledger.checkpoint() == ledger.witnessed()
    assert len(split(ledger.checkpoint())[1]) == 2
    ledger.append(entries(10, 10))
    assert len(split(ledger.checkpoint())[1]) == 1
    assert len(split(start().witnessed() or "")[1]) == 2


def test_an_older_state_than_a_witness_has_seen_is_refused(start: Open, directory: Path) -> None:
    ledger = start()
    ledger.append(entries(0, 10))
    older = ledger.checkpoint()
    ledger.append(entries(10, 10))
    cosign(ledger)
    ledger.close()
    (directory / "checkpoint").write_text(older)
    with pytest.raises(Unavailable, match="witnesses have seen 20"):
        start().open()


def test_a_sender_is_told_to_wait_when_too_much_waits(directory: Path, clock: ManualClock) -> None:
    held, go = threading.Event(), threading.Event()

    class Slow(Unsynced):
        def rename(self, source: Path, target: Path) -> None:
            if "tile" in target.parts:
                held.set()
                assert go.wait(10)
            super().rename(source, target)

    ledger = Ledger(directory, ORIGIN, clock, disk=Slow(), pace=Pace(publish_seconds=0, max_bytes=1000))
    try:
        ledger.append([bytes(600)])
        assert held.wait(10)
        with pytest.raises(Busy):
            ledger.append([bytes(600)])
        go.set()
        ledger.checkpoint()
        assert ledger.append([bytes(300)]) == range(1, 2)
    finally:
        go.set()
        ledger.close()


def test_an_entry_has_a_largest_size(ledger: Ledger) -> None:
    ledger.append([bytes(65535)])
    with pytest.raises(TooLarge):
        ledger.append([bytes(65536)])
    assert ledger.read(0, 5) == [bytes(65535)]


def test_retention_removes_whole_bundles_of_what_is_old(start: Open, clock: ManualClock, directory: Path) -> None:
    ledger = start()
    large = ledger.entry(bytes(70_000), bytes(16))
    ledger.append([large, *entries(1, 599)])
    ledger.checkpoint()
    clock.advance(DAY)
    ledger.append(entries(600, 600))
    ledger.checkpoint()
    clock.advance(DAY)
    cutoff = clock.now_ns() - DAY * 1_000_000_000 * 3 // 2
    assert ledger.prune(cutoff) == 600
    assert not (directory / "tile/entries/001").exists()
    assert not list((directory.parent / "large").iterdir())
    with pytest.raises(NotFound, match="below 600 were removed"):
        ledger.read(599, 1)
    assert ledger.read(600, 600) == entries(600, 600)
    assert next(iter(ledger.replay())) == (600, b"entry 600")
    assert verified(directory).minimum == 600
    assert start().prune(0) == 600, "it never goes back"


def test_what_no_policy_lets_go_stays(ledger: Ledger, clock: ManualClock) -> None:
    ledger.append(entries(0, 600))
    ledger.checkpoint()
    assert ledger.prune(clock.now_ns() - 1) == 0
    assert ledger.read(0, 600) == entries(0, 600)


def test_only_the_owner_can_read_the_key(ledger: Ledger, directory: Path) -> None:
    ledger.append(entries(0, 1))
    ledger.checkpoint()
    assert (directory.parent / "key").stat().st_mode & 0o777 == 0o600
    assert directory.parent.stat().st_mode & 0o777 == 0o700
    seed = (directory.parent / "key").read_text().strip().split("+", 4)[4]
    published = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]
    assert not any(seed.encode() in data for data in published)


def test_the_name_of_a_new_log_is_the_machines_if_none_is_given(start: Open) -> None:
    assert start("").vkey.startswith(f"{os.uname().nodename}/ledger+")


def test_after_closing_nothing_is_taken(ledger: Ledger) -> None:
    ledger.open()
    ledger.close()
    with pytest.raises(Unavailable, match="closed"):
        ledger.append(entries(0, 1))
