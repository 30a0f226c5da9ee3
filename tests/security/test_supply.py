"""What others have found: bandit in our code, the index of known holes in what we depend on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, cwd=ROOT, timeout=seconds
    )


def test_bandit_finds_nothing() -> None:
    done = run("bandit", "-q", "-r", "src", "sdk/src", "demo/src", "-ll", "-f", "json", seconds=300)
    found = [f"{one['filename']}:{one['line_number']} {one['test_id']}" for one in json.loads(done.stdout)["results"]]
    assert found == []


def test_no_dependency_has_a_known_hole() -> None:
    command = (
        "pip_audit",
        "-r",
        "requirements/run.txt",
        "--require-hashes",
        "--disable-pip",
        "-f",
        "json",
        "--timeout",
        "5",
    )
    try:
        done = run(*command, seconds=90)
    except subprocess.TimeoutExpired:
        pytest.skip("the index of known holes doesn't answer in time")
    if not done.stdout.strip():
        pytest.skip(f"the index of known holes doesn't answer: {done.stderr.strip().splitlines()[-1][:200]}")
    looked_at = [one for one in json.loads(done.stdout)["dependencies"] if "skip_reason" not in one]
    if not looked_at:
        pytest.skip("the index that answers here knows no holes: it audited none of our dependencies")
    holes = [f"{one['name']} {one['version']}: {hole['id']}" for one in looked_at for hole in one["vulns"]]
    assert holes == []
