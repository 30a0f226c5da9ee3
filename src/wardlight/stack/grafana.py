"""What Grafana reads at its start: data sources, boards in their folders, whose home is which (Grafana 9.4 and later).

In Grafana's YAML `$` begins a variable and `$$` is a dollar; `$__file{…}` is a file's content, so that no token is written
twice. Boards from files can't be changed in Grafana: what somebody edits there is a copy of theirs.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from wardlight.dashboards import built, write
from wardlight.dashboards.sources import sources
from wardlight.stack.plan import GRAFANA_BOARDS, GRAFANA_PASSWORD, Part


def provision(room: Path, parts: Mapping[str, Part], client: Mapping[str, Any]) -> None:
    """Write everything into Grafana's room; `client` is how the server is asked, as `keys.client` says it."""
    boards = room / GRAFANA_BOARDS
    owner = room.stat()
    files = write(built(), boards)
    configured = {"datasources": data_sources(room, parts, client), "dashboards": provider(boards)}
    for kind, content in configured.items():
        files.append(room / "provisioning" / kind / "wardlight.yaml")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        files[-1].write_text(yaml.safe_dump(content, sort_keys=False))
    files.append(room / GRAFANA_PASSWORD)
    _password(files[-1])
    for path in {each for file in files for each in (file, *file.parents) if room in each.parents}:
        os.chown(path, owner.st_uid, owner.st_gid)


def data_sources(room: Path, parts: Mapping[str, Part], client: Mapping[str, Any]) -> dict[str, Any]:
    """Compose the data sources: metrics, logs (the server speaks Loki's API) and alerts."""
    found = sources(
        prometheus=parts["prometheus"].url, logs=parts["wardlight"].url, alertmanager=parts["alertmanager"].url
    )
    asked, secret = found["wardlight-logs"]["jsonData"], {}
    if "authorization" in client:
        asked["httpHeaderName1"] = "Authorization"
        secret["httpHeaderValue1"] = f"Bearer {_content(room / client['authorization']['credentials_file'])}"
    if "tls_config" in client:
        asked |= {"tlsAuthWithCACert": True, "serverName": client["tls_config"]["server_name"]}
        secret["tlsCACert"] = _content(room / client["tls_config"]["ca_file"])
    if secret:
        found["wardlight-logs"]["secureJsonData"] = secret
    listed = [
        {**source, "url": source["url"].replace("$", "$$"), "uid": uid, "editable": False}
        for uid, source in found.items()
    ]
    listed[0]["isDefault"] = True
    return {"apiVersion": 1, "datasources": listed}


def provider(boards: Path) -> dict[str, Any]:
    """Compose where the boards are: a folder in Grafana for each directory."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "wardlight",
                "type": "file",
                "allowUiUpdates": False,
                "updateIntervalSeconds": 30,
                "options": {"path": str(boards).replace("$", "$$"), "foldersFromFilesStructure": True},
            }
        ],
    }


def _content(path: Path) -> str:
    """Write how Grafana takes a file's content, without the white space around it."""
    return f"$__file{{{path}}}"


def _password(path: Path) -> None:
    """Invent Grafana's first password, once, for the owner of its room alone."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(18))
