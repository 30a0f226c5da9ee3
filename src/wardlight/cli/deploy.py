"""`wardlight deploy`: tell a server that a version of a service was deployed."""

from __future__ import annotations

import getpass

import click
import httpx

from wardlight.cli.reach import Reach, reaching
from wardlight.problems import BadInput, Busy, Conflict, Denied, Problem, Unauthenticated, Unavailable

_PROBLEMS: dict[int, type[Problem]] = {401: Unauthenticated, 403: Denied, 409: Conflict, 429: Busy, 503: Unavailable}


@click.command()
@click.argument("service")
@click.argument("version")
@click.option("--environment", default="production", show_default=True, help="Where to.")
@click.option("--commit", default="", help="The commit that it was built from.")
@click.option("--by", default=getpass.getuser, show_default="you", help="Who deploys.")
@click.option("--note", default="", help="What is new.")
@click.option("--key", default="", help="Name of this run, as CI's job number: told again with it, it is kept once.")
@reaching
def deploy(*, reach: Reach, key: str, **told: str) -> None:
    """Tell that VERSION of SERVICE was deployed, so that it shows beside errors and on graphs.

    Exits with 65 when something makes no sense, with 69 when the server is away.
    """
    headers = {"Idempotency-Key": key} if key else {}
    try:
        with reach.client(10.0) as client:
            answer = client.post("/api/v1/deployments", json=told, headers=headers)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise Unavailable(f"no server answers at {reach.url}: {error}") from None
    if not answer.is_success:
        kind = _PROBLEMS.get(answer.status_code, BadInput if answer.status_code < 500 else Problem)
        raise kind(_reason(answer))
    made = answer.json()
    click.echo(f"{made['id']}: {made['service']} {made['version']} in {made['environment']} since {made['at']}")


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {answer.status_code}"
