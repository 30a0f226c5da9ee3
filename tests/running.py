"""Running the real thing in a test: a data directory with free ports, and the command line as people use it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

PORTS = {
    "stack": (
        "prometheus_port", "alertmanager_port", "grafana_port", "node_exporter_port", "postgres_exporter_port",
        "blackbox_exporter_port",
    ),
    "demo": ("app_port", "database_port"),
}  # fmt: skip


class Installation:
    """One data directory, on ports of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with ExitStack() as held:
            server, *others = (
                held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
                for _ in range(1 + sum(map(len, PORTS.values())))
            )
        free = iter(others)
        self.ports = {name: next(free) for names in PORTS.values() for name in names}
        self.server = f"http://127.0.0.1:{server}"
        self.settings = data / "wardlight.toml"
        lines = ["[server]", f'listen = "127.0.0.1:{server}"']
        for section, names in PORTS.items():
            lines += [f"[{section}]", *(f"{name} = {self.ports[name]}" for name in names)]
        self.settings.write_text("\n".join(lines) + "\n")

    def wardlight(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command on this data directory."""
        command = [sys.executable, "-m", "wardlight", *arguments, "--data", str(self.data)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)

    def status(self) -> dict[str, Any]:
        """Ask for the status, as programs do."""
        report: dict[str, Any] = json.loads(self.wardlight("status", "--json").stdout)
        return report

    def processes(self) -> list[psutil.Process]:
        """List what runs for this data directory: it is named in every command line, and inherited by backends."""
        named = [
            process
            for process in psutil.process_iter(["cmdline", "status"])
            if any(str(self.data) in word for word in process.info["cmdline"] or [])
            and process.info["status"] != psutil.STATUS_ZOMBIE
        ]
        return [*named, *(child for process in named for child in process.children())]
