"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

from wardlight.stack.layout import default_data

data = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    default=default_data,
    show_default="$WARDLIGHT_DATA, else the system's or the user's place for data",
    help="Data directory: the settings file, and everything that is kept.",
)
