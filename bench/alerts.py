"""How long a critical fault takes to become an incident, and a message to somebody: in a fresh demo for each run.

Parts of the way: the fault → the alert's rule fires (`detected`) → Alertmanager's webhook is taken (`routed`) → the
incident is shown (`shown`), and `notified`: the fault → a message has arrived at a local HTTP sink, where nobody was
on call but the contact of last resort. Faults that don't disturb each other are provoked together.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
from tests.running import Installation

from willow_clinic.faults import FAULTS, Faults

PHASES = (
    ("mass-export", "passwords-guessed", "permission-denials", "records-hidden"),
    ("error-burst",),
    ("records-locked",),
    ("application-killed",),
    ("database-stopped",),
)
WARM_SECONDS = 20.0
"""Until the staff are at work."""
CALM_SECONDS = 15.0
"""After mending, until all is well again."""
LONGEST = 60.0
PARTS = ("detected", "routed", "shown", "total", "notified")


class Sink(ThreadingHTTPServer):
    """Takes messages, and notes when."""

    daemon_threads = True

    def __init__(self) -> None:
        self.messages: list[tuple[float, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def arrived(self, alert: str, since: float) -> float | None:
        """Say when the first message about an alert arrived after a moment."""
        return next((at for at, text in list(self.messages) if at >= since and alert in text), None)


class _Handler(BaseHTTPRequestHandler):
    server: Sink

    def do_POST(self) -> None:
        """Take a message."""
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.messages.append((time.time(), text))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--fault", action="append", choices=[name for phase in PHASES for name in phase])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    times: dict[str, list[dict[str, float]]] = {}
    missed: dict[str, int] = {}
    for number in range(options.runs):
        for name, parts in run(options.fault):
            if parts:
                times.setdefault(name, []).append(parts)
            else:
                missed[name] = missed.get(name, 0) + 1
            said = "  ".join(f"{part} {seconds:.1f}" for part, seconds in parts.items()) or "no incident"
            print(f"run {number + 1}: {name}: {said}", file=sys.stderr)
    found = [row(name, measured) for name, measured in times.items()]
    found.append(row("all", [parts for measured in times.values() for parts in measured]))
    if options.json:
        print(json.dumps({"rows": found, "missed": missed}))
        return
    print(f"{'fault':20}{'runs':>5}" + "".join(f"{part + ' p50':>14}{'p95':>7}" for part in PARTS) + "   seconds")
    for one in found:
        figures = "".join(f"{_shown(one.get(f'{part}_p50')):>14}{_shown(one.get(f'{part}_p95')):>7}" for part in PARTS)
        print(f"{one['name']:20}{one['runs']:>5}{figures}")
    for name, count in missed.items():
        print(f"{name}: no incident within {LONGEST:g} s, {count} times")


def row(name: str, measured: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Make a line of the table."""
    line: dict[str, Any] = {"name": name, "runs": len(measured)}
    for part in PARTS:
        seconds = sorted(one[part] for one in measured if part in one)
        if seconds:
            line[f"{part}_p50"] = statistics.median(seconds)
            line[f"{part}_p95"] = seconds[math.ceil(len(seconds) * 0.95) - 1]
    return line


def _shown(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f}"


def run(wanted: Sequence[str] | None) -> Iterator[tuple[str, dict[str, float]]]:
    """Provoke each fault once; give the seconds of the parts of its way, none when no incident came."""
    sink = Sink()
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    with demo(sink) as clinic:
        faults = Faults(clinic.data / "demo")
        time.sleep(WARM_SECONDS)
        for phase in PHASES:
            chosen = [name for name in phase if not wanted or name in wanted]
            begun = {}
            for name in chosen:
                begun[name] = time.time()
                faults.begin(name, 300)
            yield from awaited(clinic, sink, begun)
            for name in chosen:
                faults.end(name)
            if chosen:
                settled(clinic)
    sink.shutdown()
    sink.server_close()


@contextmanager
def demo(sink: Sink) -> Iterator[Installation]:
    """Run a demo in a directory of its own."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        clinic = Installation(Path(directory))
        channel = f"json://127.0.0.1:{sink.server_port}/"
        (clinic.data / "oncall.toml").write_text(f'[contact]\nchannels = ["{channel}"]\n')
        up = clinic.wardlight("up", "--demo", "--detach")
        if up.returncode:
            sys.exit(up.stdout + up.stderr)
        try:
            yield clinic
        finally:
            clinic.wardlight("down")


def awaited(clinic: Installation, sink: Sink, begun: dict[str, float]) -> Iterator[tuple[str, dict[str, float]]]:
    """Wait for the incidents of faults, which began at these moments, and for messages about them."""
    seen: dict[str, tuple[float, dict[str, Any]]] = {}
    with httpx.Client(base_url=clinic.server, timeout=5, trust_env=False) as http:
        until = time.time() + LONGEST
        while len(seen) < len(begun) and time.time() < until:
            time.sleep(0.1)
            for name, at in begun.items():
                if name not in seen and (incident := shown(http, FAULTS[name].alert, at)):
                    seen[name] = (time.time(), incident)
    for name, at in begun.items():
        yield name, measured(sink, name, at, *seen[name]) if name in seen else {}


def shown(http: httpx.Client, alert: str, since: float) -> dict[str, Any] | None:
    """Find the incident of an alert that was noticed after a moment."""
    with suppress(httpx.HTTPError, KeyError):
        found = http.get("/api/v1/incidents", params={"state": "all", "limit": 50}).json()["incidents"]
        for incident in found:
            if incident["title"].startswith(f"{alert}:") and moment(incident["first_notice"]) >= since:
                return dict(incident)
    return None


def measured(sink: Sink, name: str, begun: float, seen: float, incident: dict[str, Any]) -> dict[str, float]:
    """Take the way apart, in seconds."""
    fired, taken = moment(incident["started"]), moment(incident["first_notice"])
    parts = {"detected": fired - begun, "routed": taken - fired, "shown": seen - taken, "total": seen - begun}
    until = time.time() + (10 if sink.messages else 3)
    while (told := sink.arrived(FAULTS[name].alert, begun)) is None and time.time() < until:
        time.sleep(0.1)
    return parts | ({"notified": told - begun} if told else {})


def settled(clinic: Installation) -> None:
    """Wait until all is well again, and then for the calm in which alerts end."""
    until = time.time() + LONGEST
    while time.time() < until and not clinic.status()["healthy"]:
        time.sleep(1)
    time.sleep(CALM_SECONDS)


def moment(text: str) -> float:
    """Read a time as seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    main()
