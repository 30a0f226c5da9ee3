"""`wardlight protect test`: what would be removed, for people and for programs."""

from __future__ import annotations

import json

from click.testing import CliRunner

from wardlight.cli import main

LINES = "mail to a@b.org\nall is well\n"


def test_it_shows_lines_as_they_would_be_stored_without_colours_in_a_file() -> None:
    done = CliRunner().invoke(main, ["protect", "test", "-"], input=LINES)
    assert done.output.splitlines() == ["mail to [email]    ← email", "all is well"]


def test_it_tells_programs_what_would_be_removed() -> None:
    done = CliRunner().invoke(main, ["protect", "test", "-", "--json", "--action", "email=drop"], input=LINES)
    first, second = map(json.loads, done.output.splitlines())
    assert first == {"line": 1, "text": "mail to ", "removed": [{"kind": "email", "action": "drop"}]}
    assert second["removed"] == []
