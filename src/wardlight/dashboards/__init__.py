"""Dashboards as code: `built` composes them all, one module each, as the JSON that Grafana and the console's viewer read.

`asked` writes queries, `looks` says how values look, `panels` makes panels, `board` puts them together; `vital` has the
panels that several boards show. `folders` writes files, `push` brings boards to a Grafana that runs elsewhere.
"""

from __future__ import annotations

from wardlight.dashboards import errors, lines, performance, system, users
from wardlight.dashboards.board import Json
from wardlight.dashboards.folders import write
from wardlight.dashboards.homes import administrators, developers, privacy, support

BOARDS = (system, users, performance, errors, lines, administrators, support, developers, privacy)
"""In the order in which people want to read them."""


def built() -> dict[str, Json]:
    """Compose all boards: uid to Grafana's JSON."""
    boards = [module.built() for module in BOARDS]
    return {board["uid"]: board for board in boards}


__all__ = ["Json", "built", "write"]
