"""Things that go wrong on request: each a marker file that the clinic's processes look for, and that ends by itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

LONGEST = 600
"""Most seconds that a fault may last."""
EXIT_CODE = 75
"""How a process exits that may not run while its fault lasts: BSD's EX_TEMPFAIL."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that can be broken and mended; `alert` names the alert that it should provoke."""

    name: str
    description: str
    alert: str


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            name="application-killed",
            description="The application is killed (SIGKILL) and refuses to start.",
            alert="ApplicationDown",
        ),
        Fault(
            name="database-stopped",
            description="PostgreSQL is stopped at once, without a clean shutdown, and refuses to start.",
            alert="DatabaseDown",
        ),
        Fault(
            name="slow-queries",
            description="Every feature waits 3 seconds in the database.",
            alert="SlowRequests",
        ),
        Fault(
            name="error-burst",
            description="Every feature fails: its tables are not found, as after a bad migration.",
            alert="ErrorBurst",
        ),
        Fault(
            name="failed-logins",
            description="One address tries wrong passwords, 60 a minute.",
            alert="FailedLogins",
        ),
        Fault(
            name="cpu-burn",
            description="As many processes as there are cores compute at the lowest priority.",
            alert="HighCPU",
        ),
        Fault(
            name="mass-export",
            description="One administrator exports all patients again and again, thousands of records a minute.",
            alert="MassExport",
        ),
    )
}


class Faults:
    """The faults of one data directory."""

    def __init__(self, data: Path) -> None:
        self._directory = data / "faults"

    def begin(self, name: str, seconds: float) -> None:
        """Break something for some seconds; begun again, it lasts as long from now on."""
        self._directory.mkdir(parents=True, exist_ok=True)
        new = self._directory / f".{name}"
        new.write_text(f"{time.time() + min(seconds, LONGEST)}\n")
        new.replace(self._directory / name)

    def end(self, name: str) -> None:
        """Mend something; whole things stay whole."""
        (self._directory / name).unlink(missing_ok=True)

    def remaining(self, name: str) -> float:
        """Give the seconds that a fault still lasts; 0 when there is none."""
        try:
            until = float((self._directory / name).read_text())
        except (FileNotFoundError, ValueError):
            return 0.0
        return min(max(until - time.time(), 0.0), LONGEST)

    def active(self, name: str) -> bool:
        """Tell whether something is broken now."""
        return self.remaining(name) > 0
