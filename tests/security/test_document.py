"""docs/security.md tells what is so: every test that it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "security.md"
ROWS = [
    line for line in DOCUMENT.read_text().partition("## How it is stopped")[2].partition("\n## ")[0].splitlines()
    if line.startswith("| ") and not line.startswith("| who, what")
]  # fmt: skip


def defined_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip() for row in ROWS])
def test_every_threat_names_tests_that_exist(row: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
    assert named
    assert [(file, name) for file, name in named if name not in defined_in(ROOT / file)] == []
