"""The commands that auditors are told work."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.ledger.conftest import entries

from wardlight.ledger import Ledger

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"


def test_a_log_is_checked_by_hand_as_the_page_says(ledger: Ledger, directory: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    ledger.append(entries(0, 300))
    ledger.close()
    signature, entry = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert "Signature Verified Successfully" in shell(signature, directory)
    first, second = shell(entry, directory).split()
    assert first == second
    text = (directory / "checkpoint").read_text()
    (directory / "checkpoint").write_text(text.replace("\n300\n", "\n299\n"))
    assert "Verified Successfully" not in shell(signature, directory)


def shell(script: str, directory: Path) -> str:
    done = subprocess.run(["bash", "-c", script], cwd=directory, capture_output=True, text=True, check=False)
    return done.stdout
