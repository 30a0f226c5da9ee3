"""Dashboards as code: `built` composes them all, one module each, as the JSON that Grafana and the console's viewer read.

`asked` writes queries, `looks` says how values look, `panels` makes panels, `board` puts them together; `vital` has the
panels that several boards show. `folders` writes files, `push` brings boards to a Grafana that runs elsewhere.
"""

from __future__ import annotations

from functools import cache

from wardlight.dashboards.folders import Json, write


@cache
def built() -> dict[str, Json]:
    """Compose all boards, in the order in which people want to read them: uid to Grafana's JSON. Don't change them.

    The first time it takes a while, for importing the SDK (a third of a second of processor time):
    servers call it in a thread.
    """
    from wardlight.dashboards import errors, lines, performance, system, users
    from wardlight.dashboards.homes import administrators, developers, privacy, support

    modules = (system, users, performance, errors, lines, administrators, support, developers, privacy)
    return {board["uid"]: board for board in (module.built() for module in modules)}


__all__ = ["Json", "built", "write"]
