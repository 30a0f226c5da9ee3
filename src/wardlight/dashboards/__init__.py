"""Dashboards as code: `built` composes them all, one module each, as the JSON that Grafana and the console's viewer read.

`asked` writes queries, `looks` says how values look, `panels` makes panels, `board` puts them together.
"""

from __future__ import annotations

from wardlight.dashboards import system
from wardlight.dashboards.board import Json

BOARDS = (system,)


def built() -> dict[str, Json]:
    """Compose all boards: uid to Grafana's JSON."""
    boards = [module.built() for module in BOARDS]
    return {board["uid"]: board for board in boards}


__all__ = ["Json", "built"]
