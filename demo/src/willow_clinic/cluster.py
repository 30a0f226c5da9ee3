"""A private PostgreSQL cluster: made on first start, run in the foreground, stopped fast, never left behind."""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from willow_clinic.faults import EXIT_CODE, Faults
from willow_clinic.trouble import Trouble

PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/opt/homebrew/opt/postgresql@*/bin",  # Homebrew on Apple silicon
    "/usr/local/opt/postgresql@*/bin",  # Homebrew on Intel
    "/usr/pgsql-*/bin",  # PostgreSQL's own packages for Fedora
    "/usr/bin",  # Fedora
)
ROLES = ("postgres", "clinic", "canary", "exporter")
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "40",
    "shared_buffers": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_min_duration_statement": "1000",
    "log_parameter_max_length": "0",  # no patient in a log line
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "%m %u@%d ",
}
_FAST, _IMMEDIATE = signal.SIGINT, signal.SIGQUIT  # PostgreSQL's shutdown modes
_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class Cluster:
    """The cluster of one data directory."""

    def __init__(self, data: Path, port: int) -> None:
        self.data = data.resolve()
        self.port = port
        self.home = self.data / "postgresql"
        self.account = _account()

    def run(self) -> int:
        """Make the cluster if there is none, run it until SIGTERM or SIGINT, give the exit code."""
        faults = Faults(self.data)
        if faults.active("database-stopped"):
            raise Trouble("the database is stopped on purpose (fault database-stopped)", EXIT_CODE)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.data.mkdir(parents=True, exist_ok=True)
        self._check_reachable()
        self._await_predecessor()
        programs = find_programs(self._version())
        if not self.home.exists():
            self._make(programs)
        server = self._start(programs)
        try:
            self._prepare(server, stop)
            while server.poll() is None and not stop.wait(0.25):
                if faults.active("database-stopped"):
                    server.send_signal(_IMMEDIATE)
                    server.wait()
                    raise Trouble("the database was stopped on purpose (fault database-stopped)", EXIT_CODE)
            if not stop.is_set():
                raise Trouble(f"PostgreSQL ended by itself (exit code {server.returncode})")
        finally:
            if server.poll() is None:
                server.send_signal(_FAST)
                server.wait()
        return 0

    def _check_reachable(self) -> None:
        """Refuse a directory that the account which runs PostgreSQL can't enter."""
        if self.account is None:
            return
        self.data.chmod(self.data.stat().st_mode | 0o011)
        for directory in reversed((self.data, *self.data.parents)):
            about = directory.stat()
            bit = 0o100 if about.st_uid == self.account.pw_uid else 0o010 if about.st_gid == self.account.pw_gid else 1
            if not about.st_mode & bit:
                raise Trouble(
                    f"PostgreSQL won't run as root; it runs as {self.account.pw_name}, who may not enter {directory} "
                    f"(mode {about.st_mode & 0o777:o}). Choose a data directory elsewhere, or: chmod o+x {directory}"
                )

    def _version(self) -> int | None:
        """Read which PostgreSQL made the cluster; None when there is none yet."""
        path = self.home / "PG_VERSION"
        return int(path.read_text()) if path.exists() else None

    def _await_predecessor(self) -> None:
        """Wait for a server that is still ending; refuse when it goes on."""
        path = self.home / "postmaster.pid"
        for _ in range(50):
            try:
                pid = int(path.read_text().split()[0])
            except (FileNotFoundError, IndexError, ValueError):
                return
            if not _is_postgres(pid):
                return
            time.sleep(0.2)
        raise Trouble(f"another PostgreSQL (process {pid}) runs on {self.home}; stop it: kill -INT {pid}")

    def _make(self, programs: Path) -> None:
        """Run initdb beside the cluster's place and move the result there, so that it is whole or absent."""
        new, secret = self.data / "postgresql.new", self.data / "postgresql.password"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        write_private(secret, passwords(self.data)["postgres"])
        if self.account is not None:
            os.chown(new, self.account.pw_uid, self.account.pw_gid)
            os.chown(secret, self.account.pw_uid, self.account.pw_gid)
        command = [str(programs / "initdb"), "-D", str(new), "-U", "postgres", "-E", "UTF8", "--locale=C"]
        command += ["-A", "scram-sha-256", f"--pwfile={secret}", "--no-instructions"]
        made = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **self._as_account())
        secret.unlink()
        if made.returncode:
            raise Trouble(f"initdb failed: {made.stderr.strip() or made.stdout.strip()}")
        new.rename(self.home)

    def _start(self, programs: Path) -> subprocess.Popen[bytes]:
        command = [str(programs / "postgres"), "-D", str(self.home), "-p", str(self.port)]
        for name, value in _SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        # Python changes the user before it calls preexec_fn; the other way round would clear the signal.
        first = _dying_with(os.getpid(), _FAST)
        return subprocess.Popen(command, cwd="/", preexec_fn=first, **self._as_account())  # noqa: PLW1509

    def _as_account(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def _prepare(self, server: subprocess.Popen[bytes], stop: threading.Event) -> None:
        """Wait for the server and make what is missing in it; in a process of its own, as that needs much memory."""
        command = [sys.executable, "-m", "willow_clinic.prepare", str(self.data), str(self.port)]
        preparing = subprocess.Popen(command, preexec_fn=_dying_with(os.getpid(), signal.SIGKILL))  # noqa: PLW1509
        while preparing.poll() is None:
            if server.poll() is not None or stop.wait(0.05):
                preparing.kill()
                preparing.wait()
                return
        if preparing.returncode:
            raise Trouble("the database can't be prepared, see above")


def find_programs(version: int | None, places: Iterable[str] = PLACES) -> Path:
    """Find the newest PostgreSQL, or the one of a version; its directory of programs."""
    on_path = shutil.which("postgres")
    directories = [found for place in places for found in Path("/").glob(place.removeprefix("/"))]
    directories += [Path(on_path).resolve().parent] if on_path else []
    versions = {_version_of(directory): directory for directory in directories if (directory / "initdb").exists()}
    if version is None and versions:
        return versions[max(versions)]
    if version in versions:
        return versions[version]
    wanted = f"PostgreSQL {version}, which made this cluster," if version else "PostgreSQL"
    raise Trouble(
        f"{wanted} is not installed: apt install postgresql, brew install postgresql@17, dnf install postgresql-server"
    )


def passwords(data: Path) -> dict[str, str]:
    """Read the passwords of the database's roles; made up on first use."""
    path = data / "passwords.json"
    if not path.exists():
        write_private(path, json.dumps({role: secrets.token_urlsafe(18) for role in ROLES}))
    found: dict[str, str] = json.loads(path.read_text())
    return found


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def _version_of(programs: Path) -> int:
    said = subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"(\d+)", said)
    return int(found[1]) if found else 0


def _is_postgres(pid: int) -> bool:
    """Tell whether a process is a PostgreSQL, not another one that was given the number of one that ended."""
    said = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], check=False, capture_output=True, text=True).stdout
    return Path(said.strip()).name == "postgres"


def _account() -> pwd.struct_passwd | None:
    """Choose the account that runs PostgreSQL, which refuses root; None for our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Trouble("PostgreSQL won't run as root, and there is neither an account postgres nor nobody")


def _dying_with(parent: int, number: signal.Signals) -> Callable[[], None]:
    """Make a child's first step: ask Linux for a signal when the parent dies, however it dies."""

    def ask() -> None:
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, number)
            if os.getppid() != parent:  # it died meanwhile
                os._exit(1)

    return ask
