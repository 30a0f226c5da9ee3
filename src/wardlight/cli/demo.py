"""`wardlight demo`: breaking and mending the demo clinic."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from wardlight.cli import options, owner
from wardlight.stack.layout import Layout


@click.group()
def demo() -> None:
    """Break Willow Clinic in a chosen way, watch what Wardlight makes of it, and mend it again."""


@demo.command("break")
@click.argument("name")
@options.data
def break_(name: str, data: Path) -> None:
    """Provoke the fault NAME; it ends by itself after some minutes."""
    _clinic(data, "break", name)
    if name == "maintenance-window":
        _announce(data)


@demo.command()
@click.argument("name")
@options.data
def mend(name: str, data: Path) -> None:
    """End the fault NAME."""
    _clinic(data, "mend", name)


@demo.command("list")
@options.data
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def list_(data: Path, *, as_json: bool) -> None:
    """List the faults, and the alert that each provokes."""
    _clinic(data, "list", *(["--json"] if as_json else []))


def _clinic(data: Path, *arguments: str) -> None:
    """Hand a command to the clinic, which is an application like a customer's: we don't import it."""
    command = [sys.executable, "-P", "-m", "willow_clinic", *arguments, "--data", str(Layout(data).demo)]
    if code := subprocess.run(command, check=False).returncode:
        sys.exit(code)


def _announce(data: Path) -> None:
    """Announce maintenance, which only the data directory's owner may; it begins at once and silences nothing real."""
    now = datetime.now(UTC)
    owner.ask(
        data,
        "POST",
        "/api/v1/maintenance",
        {
            "what": "The clinic's printers get new firmware",
            "matchers": ["service=willow-printers"],
            "starts": now.isoformat(),
            "ends": (now + timedelta(minutes=2)).isoformat(),
            "by": "willow-clinic",
        },
    )
