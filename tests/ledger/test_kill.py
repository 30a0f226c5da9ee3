"""Killed at random during appends: no acknowledged entry is missing, none is there twice, the log is sound."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.ledger.conftest import ORIGIN, verified

from wardlight.clock import SystemClock
from wardlight.ledger import Ledger

SENDERS = """
import sys, threading
from pathlib import Path
from wardlight.clock import SystemClock
from wardlight.ledger import Ledger
from wardlight.ledger.log import Pace

run, directory, told = sys.argv[1], Path(sys.argv[2]), open(sys.argv[3], "a", buffering=1)
ledger = Ledger(directory, sys.argv[4], SystemClock(), pace=Pace(publish_seconds=0.01))
ledger.open()
print("open", flush=True)

def send(sender):
    number = 0
    while True:
        sent = [f"{run} {sender} {number} {at}" for at in range(1 + number % 40)]
        indices = ledger.append([one.encode() for one in sent])
        told.write("".join(f"{index} {one}\\n" for index, one in zip(indices, sent)))
        number += 1

for sender in range(4):
    threading.Thread(target=send, args=(sender,)).start()
"""


def kill_once(run: int, directory: Path, told: Path, seconds: float) -> None:
    command = [sys.executable, "-c", SENDERS, str(run), str(directory), str(told), ORIGIN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "open\n", "the ledger must open after every kill"
            time.sleep(seconds)
            assert child.poll() is None
        finally:
            child.kill()


def test_nothing_is_lost_and_nothing_is_doubled(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kills = int(request.config.getoption("--kills"))
    chance = random.Random(kills)
    directory, told = tmp_path / "ledger" / "log", tmp_path / "told"
    for run in range(kills):
        kill_once(run, directory, told, chance.uniform(0.0, 0.3))
        if run % 10 == 0:
            verified(directory)
    ledger = Ledger(directory, ORIGIN, SystemClock())
    found = {index: entry.decode() for index, entry in ledger.replay()}
    ledger.close()
    verified(directory)
    # The last line of each run may be torn; what it would have told is in the log or isn't.
    lines = [line.split(" ", 1) for line in told.read_text().splitlines() if len(line.split()) == 5]
    acknowledged = [(int(index), entry) for index, entry in lines]
    assert len(acknowledged) > 100
    assert [one for one in acknowledged if found.get(one[0]) != one[1]] == []
    assert len(set(found.values())) == len(found)
