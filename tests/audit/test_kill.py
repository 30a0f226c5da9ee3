"""Killed at random while it projects: afterwards every entry of the ledger is once in each table."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from tests.audit.projecting import in_audit, in_logs

from wardlight.audit.projection import Projection
from wardlight.clock import SystemClock
from wardlight.ledger import Ledger
from wardlight.store.embedded import EmbeddedStore

ROOT = Path(__file__).parents[2]
SENDER = """
import itertools, random, sys
from pathlib import Path
from prometheus_client import CollectorRegistry
from tests.audit.projecting import DAY, NOW, QUICK, append, entry
from wardlight.audit.projection import Projection
from wardlight.clock import SystemClock
from wardlight.ledger import Ledger
from wardlight.store.embedded import EmbeddedStore

directory, chance = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
ledger = Ledger(directory / "ledger" / "log", "example.com/clinic", SystemClock())
ledger.open()
projection = Projection(ledger, EmbeddedStore(directory / "logs", readers=1), CollectorRegistry(), pace=QUICK)
projection.start()
print("open", flush=True)
for first in itertools.count(0, 40):
    append(ledger, [entry(first + at, NOW - chance.randrange(90) * DAY) for at in range(chance.randrange(1, 40))])
"""


def kill_once(run: int, directory: Path, seconds: float) -> None:
    command = [sys.executable, "-c", SENDER, str(directory), str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "open\n", "it must open after every kill"
            time.sleep(seconds)
            assert child.poll() is None
        finally:
            child.kill()


def test_every_entry_is_projected_once(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kills = int(request.config.getoption("--kills"))
    chance = random.Random(kills)
    for run in range(kills):
        kill_once(run, tmp_path, chance.uniform(0.1, 1.5))
    ledger = Ledger(tmp_path / "ledger" / "log", "example.com/clinic", SystemClock())
    store = EmbeddedStore(tmp_path / "logs", readers=1)
    projection = Projection(ledger, store, CollectorRegistry())
    projection.start()
    assert projection.settle(120)
    expected = list(range(ledger.size))
    projection.close()
    assert len(expected) > 100
    assert in_audit(store) == expected
    assert in_logs(store) == expected
    store.close()
    ledger.close()
