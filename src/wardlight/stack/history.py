"""A week before the demo's first start, so that what is usual is known and what isn't shows at once.

Only the two recordings that are compared with the week before are made up, at the pace of the demo's own traffic.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

from wardlight.problems import BadConfig
from wardlight.stack.programs import require

DAYS = 8
STEP = 30
"""Seconds between two samples, as between two evaluations."""
PACE = {"requests": 2.9, "log-ins": 0.19, "record accesses": 1.0, "exported records": 0.03}
"""What happens in the clinic, a second."""
LATENCY = 0.09
"""The 95th percentile of its requests, in seconds."""


def invent(room: Path, now: int) -> None:
    """Fill the Prometheus of a room, if it has nothing yet, up to `now` (seconds since 1970).

    Raises BadConfig with promtool's words.
    """
    data = room / "data"
    if data.exists():
        return
    program = require(("promtool",))["promtool"]
    with tempfile.TemporaryDirectory() as passing:
        written = Path(passing) / "history"
        written.write_text("".join(lines(now)))
        # One block: 97 of two hours each take as many seconds of waiting for the disk as this takes tenths.
        kind = (f"--max-block-duration={DAYS * 24}h", "openmetrics")
        command = (program, "tsdb", "create-blocks-from", *kind, str(written), str(data))
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise BadConfig(f"the demo's history can't be made: {(done.stderr or done.stdout).strip()}")
    owner = room.stat()
    for path in (data, *data.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)


def lines(now: int) -> Iterator[str]:
    """Write the history as OpenMetrics, each series by itself; the same for the same moment."""
    chance = Random(8)  # noqa: S311 -- nothing secret
    moments = range(now - DAYS * 86400, now, STEP)
    yield "# TYPE job:activity:rate5m gauge\n"
    for what, pace in PACE.items():
        for at in moments:
            yield f'job:activity:rate5m{{job="application",what="{what}"}} {pace * chance.gauss(1, 0.06):.4f} {at}\n'
    yield "# TYPE job:latency:p95_5m gauge\n"
    for at in moments:
        yield f'job:latency:p95_5m{{job="application"}} {LATENCY * chance.gauss(1, 0.2):.4f} {at}\n'
    yield "# EOF\n"
