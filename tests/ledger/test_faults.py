"""Every write, rename and sync fails once undone, half done, and done but reported as failed; and the power goes."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.ledger.conftest import ORIGIN, QUICK, Unsynced, verified
from tests.ledger.disks import Call, Counting, Faulty, PowerCut

from wardlight.clock import ManualClock
from wardlight.ledger import Ledger
from wardlight.ledger.disk import Disk
from wardlight.ledger.note import WITNESS, Signer, split
from wardlight.problems import Problem, Unavailable

STEPS = (3, 252, 1, 300)
"""How many entries each append has: a partial tile grows, is filled, and others come."""
EYE = Signer("witness.example/eye", bytes(32), WITNESS)


@dataclass
class Sender:
    """Appends, tries again when it fails, and remembers what it was told."""

    told: dict[int, bytes] = field(default_factory=dict)
    refused: set[bytes] = field(default_factory=set)
    checkpoints: list[str] = field(default_factory=list)

    def run(self, ledger: Ledger, *, tries: int) -> None:
        """Go through the steps."""
        for step, count in enumerate(STEPS):
            self._append(ledger, step, count, tries)
            note = ledger.checkpoint()
            self.checkpoints.append(note)
            if step == 1:
                text = split(note)[0]
                with suppress(Unavailable):
                    ledger.cosign(text, [EYE.line(text, 1).removesuffix("\n")])

    def _append(self, ledger: Ledger, step: int, count: int, tries: int) -> None:
        for attempt in range(tries):
            sent = [b"%d %d %d" % (step, at, attempt) for at in range(count)]
            try:
                self.told |= dict(zip(ledger.append(sent), sent, strict=True))
            except Unavailable:
                self.refused |= set(sent)
            else:
                return
        raise Unavailable("it never worked")

    def check(self, directory: Path) -> set[bytes]:
        """Open what is left, and see whether it is what the sender was told; return what came in though refused."""
        ledger = Ledger(directory, ORIGIN, ManualClock(), disk=Unsynced(), pace=QUICK)
        try:
            found = dict(ledger.replay())
        finally:
            ledger.close()
        assert {index: found.get(index) for index in self.told} == self.told, "acknowledged, and missing or elsewhere"
        assert len(set(found.values())) == len(found), "there twice"
        others = set(found.values()) - set(self.told.values())
        assert others <= self.refused
        verified(directory, since=self.checkpoints)
        return others


def calls_without_fault(home: Path) -> list[Call]:
    disk = Counting(home)
    ledger = Ledger(home / "log", ORIGIN, ManualClock(), disk=disk, pace=QUICK)
    Sender().run(ledger, tries=1)
    ledger.close()
    return disk.calls


def run(home: Path, disk: Disk, *, tries: int) -> Sender:
    ledger = Ledger(home / "log", ORIGIN, ManualClock(), disk=disk, pace=QUICK)
    sender = Sender()
    with suppress(Problem):
        sender.run(ledger, tries=tries)
    ledger.close()
    return sender


@pytest.mark.parametrize("how", ["undone", "half", "done"])
def test_a_call_that_fails_loses_nothing_and_doubles_nothing(tmp_path: Path, how: str) -> None:
    calls = calls_without_fault(tmp_path / "sound" / "ledger")
    tested = [call for call in calls if how != "half" or call[0] == "write"]
    assert len(tested) > 20
    happened = 0
    for number, call in enumerate(tested):
        home = tmp_path / str(number) / "ledger"
        disk = Faulty(home, call, how)
        sender = run(home, disk, tries=5)
        assert len(sender.told) == sum(STEPS), f"{call}: one fault must not keep senders out"
        assert not sender.check(home / "log"), f"{call}: what was refused must not come back"
        happened += disk.failed
        shutil.rmtree(home.parent)
    assert happened > 0.9 * len(tested), "calls come in another order, but most must have met their fault"


def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    calls = calls_without_fault(tmp_path / "sound" / "ledger")
    every = 1 if int(request.config.getoption("--kills")) >= 100 else 3
    for at in range(0, len(calls) + 1, every):
        home = tmp_path / str(at) / "ledger"
        disk = PowerCut(home, at)
        sender = run(home, disk, tries=1)
        disk.leave(tmp_path / str(at) / "synced")
        disk.leave_names(tmp_path / str(at) / "named")
        for left in ("synced", "named", "ledger"):
            sender.check(tmp_path / str(at) / left / "log")
        shutil.rmtree(home.parent)
