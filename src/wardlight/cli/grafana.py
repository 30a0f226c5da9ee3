"""`wardlight grafana`: a Grafana that runs elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from wardlight.cli import options
from wardlight.problems import BadInput, Conflict

ROLES = ("administrators", "support", "developers", "privacy")


@click.group()
def grafana() -> None:
    """Bring the dashboards to a Grafana that runs elsewhere."""


@grafana.command()
@options.data
@click.option("--url", required=True, help="Where Grafana is opened, as https://grafana.example.org.")
@click.option(
    "--token",
    default=lambda: os.environ.get("GRAFANA_TOKEN", ""),
    show_default="$GRAFANA_TOKEN",
    help="Token of a service account with the role Admin, or a file with it after @.",
)
@click.option("--prometheus", default="", help="Where Grafana reaches Prometheus; else as the settings have it.")
@click.option("--alertmanager", default="", help="Where Grafana reaches Alertmanager; else as the settings have it.")
@click.option("--logs", default="", help="Where Grafana reaches Wardlight; else as the settings have it.")
@click.option("--logs-token", default="", help="Token of Wardlight that may query, or a file with it after @.")
@click.option("--home", multiple=True, metavar="TEAM=ROLE", help=f"Let a team start with a home: {', '.join(ROLES)}.")
@click.option("--force", is_flag=True, help="Replace also what somebody edited in Grafana.")
def push(
    *, data: Path, url: str, token: str, prometheus: str, alertmanager: str, logs: str, logs_token: str,
    home: tuple[str, ...], force: bool,
) -> None:  # fmt: skip
    """Bring data sources, folders and boards; done again, it changes only what is new.

    What somebody edited in Grafana is kept and named, and the command then exits with 75; --force replaces it.
    """
    from wardlight.config import load
    from wardlight.dashboards import built
    from wardlight.dashboards.grafana import Grafana
    from wardlight.dashboards.push import home as start
    from wardlight.dashboards.push import push as bring
    from wardlight.dashboards.sources import sources
    from wardlight.stack.layout import Layout
    from wardlight.stack.plan import reachable

    starts = dict(_home(each) for each in home)
    settings = load(Layout(data).settings)
    stack = settings.stack
    wanted = sources(
        prometheus=prometheus or stack.prometheus or f"http://127.0.0.1:{stack.prometheus_port}",
        alertmanager=alertmanager or stack.alertmanager or f"http://127.0.0.1:{stack.alertmanager_port}",
        logs=logs or f"http://{reachable(settings.server.listen)}",
        token=_secret(logs_token, "--logs-token"),
    )
    if not token:
        raise BadInput("Grafana needs a token of a service account: --token or $GRAFANA_TOKEN")
    there = Grafana(url, _secret(token, "--token"))
    click.echo(f"Grafana {there.version()} at {url}")
    done = []
    for each in bring(there, built(), wanted, force=force):
        click.echo(f"{each.outcome:9}  {each.what} {each.name}{f': {each.why}' if each.why else ''}")
        done.append(each)
    for team, role in starts.items():
        done.append(start(there, team, f"wardlight-home-{role}"))
        click.echo(f"{done[-1].outcome:9}  home of team {team}")
    there.close()
    kept = [each for each in done if each.outcome == "kept"]
    if all(each.outcome == "unchanged" for each in done):
        click.echo("nothing to change")
    if kept:
        sys.exit(Conflict.exit_code)


def _home(written: str) -> tuple[str, str]:
    team, _, role = written.partition("=")
    if not team or role not in ROLES:
        raise BadInput(f"--home {written}: it is TEAM=ROLE, with a role of {', '.join(ROLES)}")
    return team, role


def _secret(given: str, option: str) -> str:
    """Take a secret, or read it from the file that is named after @: arguments are seen by everybody on the machine."""
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadInput(f"{option}: {given[1:]}: {error.strerror}") from None
