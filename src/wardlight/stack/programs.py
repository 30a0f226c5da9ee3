"""Finding other people's programs: Debian's names and upstream's differ."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

from wardlight.problems import Unavailable

NAMES = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "amtool": ("amtool",),
    "node_exporter": ("prometheus-node-exporter", "node_exporter"),
    "postgres_exporter": ("prometheus-postgres-exporter", "postgres_exporter"),
    "blackbox_exporter": ("prometheus-blackbox-exporter", "blackbox_exporter"),
    "grafana": ("grafana", "grafana-server"),
}
"""What we call it: what it may be called on PATH."""

_ALSO = ("/usr/local/bin", "/opt/homebrew/bin", "/usr/sbin")


def find(program: str) -> str | None:
    """Find a program by our name for it; None if it isn't there."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_ALSO))
    return next((found for name in NAMES[program] if (found := shutil.which(name, path=path))), None)


def require(programs: Iterable[str]) -> dict[str, str]:
    """Find all of these, or raise Unavailable with every one that is missing and how to get it."""
    found = {program: find(program) for program in programs}
    if missing := [" or ".join(NAMES[program]) for program, path in found.items() if path is None]:
        raise Unavailable(
            f"not on PATH: {', '.join(missing)}. `script/up` installs them on Debian and Ubuntu and says how to get "
            "them elsewhere; a Prometheus or Alertmanager that runs already is named by [stack] in wardlight.toml"
        )
    return {program: path for program, path in found.items() if path is not None}
