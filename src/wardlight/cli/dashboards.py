"""`wardlight dashboards`: the boards as files."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def dashboards() -> None:
    """Write the dashboards as files, for a Grafana of your own."""


@dashboards.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def build(directory: Path) -> None:
    """Write every board into DIRECTORY, one JSON file each, in the folders that Grafana should show.

    Grafana reads them with a provider of type `file` and `foldersFromFilesStructure`; the data sources' uids must be
    `prometheus`, `wardlight-logs` and `alertmanager`. `wardlight grafana push` does all of that through Grafana's API.
    """
    from wardlight.dashboards import built, write

    for path in write(built(), directory):
        click.echo(path)
