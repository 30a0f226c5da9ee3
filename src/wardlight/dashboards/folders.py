"""Boards as files, in the folders that Grafana shows them in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]

TAG = "wardlight"
HOME = "wardlight-home"
"""Tags: of every board, and of those for one reader each."""

FOLDERS = {"wardlight": "Wardlight", "wardlight-homes": "Wardlight homes"}
"""Uid of a folder: its title."""


def folder(board: Json) -> str:
    """Return the uid of a board's folder."""
    return "wardlight-homes" if HOME in board["tags"] else "wardlight"


def text(board: Json) -> str:
    """Write a board as it lies in a file: the same board is the same text."""
    return json.dumps(board, indent=2, ensure_ascii=False) + "\n"


def write(boards: Mapping[str, Json], directory: Path) -> list[Path]:
    """Write every board to `FOLDER/UID.json`, and remove what else of ours lies there; return the files."""
    written = []
    for uid, board in boards.items():
        path = directory / FOLDERS[folder(board)] / f"{uid}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(board), encoding="utf-8")
        written.append(path)
    for title in FOLDERS.values():
        for path in (directory / title).glob("wardlight-*.json"):
            if path not in written:
                path.unlink()
    return written
