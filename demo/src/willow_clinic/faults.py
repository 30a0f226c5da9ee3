"""Things that go wrong on request: each a marker file that the clinic's processes look for, and that ends by itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

LONGEST = 600
"""Most seconds that a fault may last."""
EXIT_CODE = 75
"""How a process exits that may not run while its fault lasts: BSD's EX_TEMPFAIL."""


@dataclass(frozen=True)
class Fault:
    """Something that can be broken and mended; `alert` names the alert that it should provoke."""

    name: str
    description: str
    alert: str
    severity: str


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            "application-killed",
            "The application is killed (SIGKILL) and refuses to start.",
            "ApplicationDown",
            "critical",
        ),
        Fault(
            "database-stopped",
            "PostgreSQL is stopped at once, without a clean shutdown, and refuses to start.",
            "DatabaseDown",
            "critical",
        ),
        Fault(
            "records-locked",
            "A transaction holds the table of patients, so that everybody who reads it waits.",
            "PatientRecordsUnreadable",
            "critical",
        ),
        Fault(
            "passwords-guessed",
            "One address tries a dozen wrong passwords, and then the right one.",
            "BruteForceSucceeded",
            "critical",
        ),
        Fault(
            "mass-export",
            "One administrator exports all patients again and again, thousands of records a minute.",
            "MassExport",
            "critical",
        ),
        Fault(
            "records-hidden",
            "A wrong policy in the database hides patients from those who open their charts.",
            "RecordReadsFailing",
            "critical",
        ),
        Fault(
            "permission-denials",
            "Somebody at the front desk tries one chart after the other, which they may not open.",
            "PermissionDenialsSurging",
            "critical",
        ),
        Fault(
            "error-burst",
            "Every feature fails: its tables are not found, as after a bad migration.",
            "ErrorBurst",
            "critical",
        ),
        Fault(
            "cpu-burn",
            "As many processes as there are cores compute at the lowest priority.",
            "HighCPU",
            "warning",
        ),
        Fault(
            "connections-taken",
            "The application opens connections to the database and gives none back.",
            "DatabaseConnectionsHigh",
            "warning",
        ),
        Fault(
            "chart-browsing",
            "A nurse opens chart after chart, several a second.",
            "UnusualActivity",
            "warning",
        ),
        Fault(
            "failed-logins",
            "One address tries wrong passwords, 60 a minute.",
            "FailedLogins",
            "warning",
        ),
        Fault(
            "new-administrator",
            "Somebody at the front desk is made an administrator.",
            "NewAdministrator",
            "warning",
        ),
        Fault(
            "slow-queries",
            "Every feature waits 3 seconds in the database.",
            "SlowRequests",
            "warning",
        ),
        Fault(
            "new-version",
            "The application goes over to its next version.",
            "SystemUpdated",
            "info",
        ),
        Fault(
            "maintenance-window",
            "A maintenance window is announced to Wardlight that begins now.",
            "MaintenanceWindow",
            "info",
        ),
        Fault(
            "week-over",
            "A week is over, as far as the statistics of use are concerned.",
            "UsageDigest",
            "info",
        ),
        Fault(
            "deployment",
            "Somebody tells Wardlight that a new version of billing was deployed.",
            "FeatureDeployed",
            "info",
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
