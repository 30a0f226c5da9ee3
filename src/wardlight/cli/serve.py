"""`wardlight serve`: the server alone."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import msgspec

from wardlight import strength
from wardlight.config import Server, address, is_loopback, load
from wardlight.problems import BadConfig

_NOT_STARTED = 3
"""Uvicorn's exit code when it can't start."""


@click.command()
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Directory of everything that is kept.")
@click.option("--listen", metavar="HOST:PORT", help="Address to listen on (setting server.listen).")
@click.option("--open", "open_", is_flag=True, help="No sign-in; loopback addresses only.")
@click.option(
    "--supervised", is_flag=True, hidden=True, help="`wardlight up` tells how the first administrator gets in."
)
def serve(data: Path | None, *, listen: str | None, open_: bool, supervised: bool) -> None:
    """Run the server alone, in the foreground.

    Where it can be reached from elsewhere it needs TLS: server.certificate, or server.behind_proxy.
    """
    import uvicorn

    from wardlight.server import create_app
    from wardlight.server.protocol import Guarded
    from wardlight.stack.layout import Layout, default_data
    from wardlight.stack.tokens import welcome

    directory = data or default_data()
    settings = load(directory / "wardlight.toml")
    if listen:
        settings = msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, listen=listen))
    host, port = address(settings.server.listen, "server.listen")
    if open_ and not is_loopback(host):
        raise BadConfig(
            f"{host} is not a loopback address: without sign-in (--open) Wardlight listens on 127.0.0.1 or ::1 only"
        )
    strength.require(settings, directory / "wardlight.toml")
    directory.mkdir(parents=True, exist_ok=True)
    if not (open_ or supervised) and (told := welcome(Layout(directory), settings, seen=sys.stdout.isatty())):
        click.echo(told)
    app = create_app(settings, directory, open_=open_)
    # What is there now stays for good: collections needn't look at it, and may come less often.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    serving = uvicorn.Server(uvicorn.Config(
        app, host=host, port=port, access_log=False, log_level="warning", timeout_graceful_shutdown=20,
        server_header=False, http=Guarded, **_way_in(settings.server, app),
    ))  # fmt: skip
    # Streams of events end by themselves when the server is told to stop; it would wait for them.
    app.state.stopping = lambda: serving.should_exit
    with suppress(KeyboardInterrupt):
        serving.run()
    if not serving.started:
        sys.exit(_NOT_STARTED)


def _way_in(server: Server, app: Any) -> dict[str, Any]:
    """Say how uvicorn lets callers in: by TLS, through a proxy, or as they are."""
    way: dict[str, Any] = {"proxy_headers": bool(server.behind_proxy), "forwarded_allow_ips": list(server.behind_proxy)}
    if certificate := app.state.certificate:
        way["ssl_context_factory"] = lambda _config, _default: certificate.context
    return way
