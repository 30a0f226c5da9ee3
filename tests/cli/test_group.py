from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wardlight.cli import COMMANDS, main
from wardlight.problems import NotFound


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_and_explains_itself(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_help_loads_no_command() -> None:
    code = """if True:
        import sys
        from wardlight.cli import main
        try:
            main(["--help"])
        except SystemExit:
            print({"httpx", "psutil", "pyarrow", "chdb", "fastapi", "asyncio"} & set(sys.modules))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_problem_is_its_sentence_and_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def lose() -> None:
        raise NotFound("no such thing")

    monkeypatch.setitem(COMMANDS, "lose", (f"{__name__}:lose", ""))
    monkeypatch.setattr("wardlight.cli.import_module", lambda _: type("Module", (), {"lose": lose}))
    result = CliRunner().invoke(main, ["lose"])
    assert result.exit_code == NotFound.exit_code
    assert result.output == "wardlight: no such thing\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may everything")
def test_what_is_not_allowed_is_said_without_a_traceback(tmp_path: Path) -> None:
    state = tmp_path / "stack" / "state.json"
    state.parent.mkdir()
    state.touch(mode=0)
    result = CliRunner().invoke(main, ["status", "--data", str(tmp_path)])
    assert result.exit_code == 77
    assert result.output == f"wardlight: not allowed: {state}\n"
