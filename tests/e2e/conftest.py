"""One demo for everything that needs the whole platform; files are taken in the order of their names, faults last."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.running import Installation


@pytest.fixture(scope="session")
def clinic() -> Iterator[Installation]:
    """Start the demo where other users can reach their own directories, as an installation's place is."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        installation = Installation(Path(directory))
        up = installation.wardlight("up", "--demo", "--detach")
        assert up.returncode == 0, up.stdout + up.stderr
        try:
            yield installation
        finally:
            installation.wardlight("down")
