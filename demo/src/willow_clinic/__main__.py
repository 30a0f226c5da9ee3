"""Command line of the clinic: `python -m willow_clinic COMMAND --help`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from willow_clinic.faults import FAULTS, LONGEST, Faults
from willow_clinic.trouble import Trouble

WARDLIGHT = "http://127.0.0.1:8480"


def main(arguments: list[str] | None = None) -> int:
    """Run a command; give the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        return int(asked.run(asked) or 0)
    except Trouble as trouble:
        print(f"willow_clinic {asked.command}: {trouble}", file=sys.stderr)
        return trouble.exit_code
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("willow_clinic", description="A small healthcare platform to watch.")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: object, about: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about)
        made.add_argument("--data", type=Path, required=True, help="directory where everything is kept")
        made.set_defaults(run=run)
        return made

    made = command("database", _database, "run a private PostgreSQL, made on first start")
    made.add_argument("--port", type=int, required=True)
    made = command("serve", _serve, "run the application")
    made.add_argument("--port", type=int, required=True)
    made.add_argument("--database-port", type=int, required=True)
    made.add_argument("--wardlight", default=WARDLIGHT, help="where records go")
    made = command("traffic", _traffic, "let the staff work")
    made.add_argument("--port", type=int, required=True, help="the application's port")
    made.add_argument("--wardlight", default=WARDLIGHT, help="where deployments are told")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--rate", type=float, default=3.0, help="requests a second, all together")
    made = command("break", _break, "break something for a while")
    made.add_argument("name", choices=FAULTS)
    made.add_argument("--seconds", type=int, default=300, help=f"how long, at most {LONGEST}")
    command("mend", _mend, "mend it").add_argument("name", choices=FAULTS)
    command("list", _list, "list what can be broken").add_argument("--json", action="store_true")
    return parser


def _database(asked: argparse.Namespace) -> int:
    from willow_clinic.cluster import Cluster

    return Cluster(asked.data, asked.port).run()


def _serve(asked: argparse.Namespace) -> None:
    from willow_clinic.app import serve

    serve(asked.data, asked.port, asked.database_port, asked.wardlight)


def _traffic(asked: argparse.Namespace) -> None:
    from willow_clinic import traffic

    traffic.run(asked.data, asked.port, asked.wardlight, seed_number=asked.seed, rate=asked.rate)


def _break(asked: argparse.Namespace) -> None:
    seconds = max(1, min(asked.seconds, LONGEST))
    Faults(asked.data).begin(asked.name, seconds)
    fault = FAULTS[asked.name]
    print(f"{fault.description}\nExpect the alert {fault.alert}. It ends by itself in {seconds} s.")


def _mend(asked: argparse.Namespace) -> None:
    Faults(asked.data).end(asked.name)
    print(f"{asked.name} is mended.")


def _list(asked: argparse.Namespace) -> None:
    faults = Faults(asked.data)
    found = [
        {
            "name": fault.name,
            "description": fault.description,
            "alert": fault.alert,
            "severity": fault.severity,
            "remaining_seconds": round(faults.remaining(fault.name)),
        }
        for fault in FAULTS.values()
    ]
    if asked.json:
        print(json.dumps(found, indent=1))
        return
    for fault in found:
        left = fault["remaining_seconds"]
        print(
            f"{fault['name']:19} {fault['severity']:8} {fault['alert']:24} {fault['description']}{f' [{left} s left]' if left else ''}"
        )


if __name__ == "__main__":
    sys.exit(main())
