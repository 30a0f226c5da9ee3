"""`wardlight serve`: the server alone."""

from __future__ import annotations

import gc
import ipaddress
from pathlib import Path

import click
import msgspec

from wardlight.problems import BadConfig


@click.command()
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Directory of everything that is kept.")
@click.option("--listen", metavar="HOST:PORT", help="Address to listen on (setting server.listen).")
@click.option("--open", "open_", is_flag=True, help="No sign-in; loopback addresses only.")
def serve(data: Path | None, listen: str | None, open_: bool) -> None:
    """Run the server alone, in the foreground."""
    import uvicorn

    from wardlight.config import address, load
    from wardlight.server import create_app
    from wardlight.stack.layout import default_data

    directory = data or default_data()
    settings = load(directory / "wardlight.toml")
    if listen:
        settings = msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, listen=listen))
    host, port = address(settings.server.listen, "server.listen")
    if not _is_loopback(host):
        raise BadConfig(
            f"{host} is not a loopback address: without sign-in, Wardlight listens on 127.0.0.1 or ::1 only"
        )
    directory.mkdir(parents=True, exist_ok=True)
    app = create_app(settings, directory, open_=open_)
    # What is there now stays for good: collections needn't look at it, and may come less often.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    uvicorn.run(
        app, host=host, port=port, access_log=False, log_level="warning",
        timeout_graceful_shutdown=20, server_header=False,
    )  # fmt: skip


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
