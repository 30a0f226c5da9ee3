"""docs/operations.md is true: its commands are run, beside a running server."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)


@contextmanager
def serving(data: Path) -> Iterator[str]:
    """Run the server as people do."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        address = f"127.0.0.1:{held.getsockname()[1]}"
    command = [sys.executable, "-m", "wardlight", "serve", "--data", str(data), "--listen", address, "--open"]
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"http://{address}/readyz").is_success:
                    break
            except httpx.TransportError:
                pass
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(30)


def run(tmp_path: Path) -> str:
    """Run every command of the page, as one script."""
    script = "set -eu\n" + "sleep 1.1\n".join(COMMANDS)
    script = script.replace("/var/lib", str(tmp_path)).replace("/srv", str(tmp_path))
    bin_ = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"}
    script = script.replace("--incremental", "--incremental; sleep 1.1").replace("# full", "; sleep 1.1")
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def push(url: str) -> None:
    now = time.time_ns()
    stream = {"stream": {"app": "clinic"}, "values": [[str(now), "one"], [str(now + 1), "two"]]}
    assert httpx.post(f"{url}/loki/api/v1/push", json={"streams": [stream]}).status_code == 204


def test_the_commands_do_what_the_page_says(tmp_path: Path) -> None:
    data = tmp_path / "wardlight"
    data.mkdir()
    with serving(data) as url:
        push(url)
        said = run(tmp_path)
    for part in (
        "application  2 ",
        "retention goes by",
        "patient 4711, placed",
        "released",
        r"full, \d+ records",
        "incremental on",
        r"is good: \d+ records in 1 partitions",
        "files are as they were",
    ):
        assert re.search(part, said)
    with serving(tmp_path / "wardlight-restored") as url:
        stats = httpx.get(f"{url}/api/v1/store/stats").json()
    assert stats["kinds"][0]["records"] >= 2  # ours, and what maintenance said of itself
    holds = subprocess.run(
        [sys.executable, "-m", "wardlight", "store", "hold", "list", "--all", "--json", "--data", str(data)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [one["release_reason"] for one in json.loads(holds.stdout)] == ["case closed"]
