"""Computes for nothing, at the lowest priority, while the fault cpu-burn lasts and the parent lives."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from willow_clinic.faults import Faults

faults, parent = Faults(Path(sys.argv[1])), int(sys.argv[2])
os.nice(19)
while faults.active("cpu-burn") and os.getppid() == parent:
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        pass
