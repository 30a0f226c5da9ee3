"""The documentation is true: references are current, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "sdk/README.md"]


def test_generated_references_are_current() -> None:
    command = [sys.executable, "script/references.py", "--check"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_room_stands_in_the_plan() -> None:
    plan = (ROOT / "CONTRIBUTING.md").read_text()
    for room in (ROOT / "src/wardlight").iterdir():
        if room.is_dir() and (room / "__init__.py").exists():
            assert f"`{room.name}`" in plan
