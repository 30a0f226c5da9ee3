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
        passwords = self._passwords()
        self._await_predecessor()
        programs = find_programs(self._version())
        if not self.home.exists():
            self._make(programs, passwords["postgres"])
        server = self._start(programs)
        try:
            self._prepare(server, passwords, stop)
            while server.poll() is None and not stop.wait(0.25):
                if faults.active("database-stopped"):
                    server.send_signal(signal.SIGQUIT)
                    server.wait()
                    raise Trouble("the database was stopped on purpose (fault database-stopped)", EXIT_CODE)
            if not stop.is_set():
                raise Trouble(f"PostgreSQL ended by itself (exit code {server.returncode})")
        finally:
            if server.poll() is None:
                server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
                server.wait()
        return 0

    def uri(self, role: str, password: str, database: str = "clinic") -> str:
        """Write the address of a database for a role."""
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}?sslmode=disable"

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

    def _passwords(self) -> dict[str, str]:
        """Read the passwords of the database's roles; made up on first start."""
        path = self.data / "passwords.json"
        if not path.exists():
            write_private(path, json.dumps({role: secrets.token_urlsafe(18) for role in ROLES}))
        found: dict[str, str] = json.loads(path.read_text())
        return found

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
                os.kill(pid, 0)
            except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):
                return
            time.sleep(0.2)
        raise Trouble(f"another PostgreSQL (process {pid}) runs on {self.home}; stop it: kill -INT {pid}")

    def _make(self, programs: Path, password: str) -> None:
        """Run initdb beside the cluster's place and move the result there, so that it is whole or absent."""
        new, secret = self.data / "postgresql.new", self.data / "postgresql.password"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        write_private(secret, password)
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
        # Python changes the user before it calls preexec_fn, and a change of user would clear the signal.
        return subprocess.Popen(command, cwd="/", preexec_fn=_dying_with(os.getpid()), **self._as_account())  # noqa: PLW1509

    def _as_account(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def _prepare(self, server: subprocess.Popen[bytes], passwords: dict[str, str], stop: threading.Event) -> None:
        """Wait for the server, make what is missing in it, write the addresses for its clients."""
        from willow_clinic import prepare  # heavy, and needed for a moment only

        while not prepare.answers(self.uri("postgres", passwords["postgres"], "postgres")):
            if server.poll() is not None or stop.wait(0.05):
                return
        prepare.database(self.uri("postgres", passwords["postgres"], "postgres"))
        prepare.contents(self.uri("postgres", passwords["postgres"]), passwords, self.data / "staff.json")
        for name, role in (("app", "clinic"), ("canary", "canary"), ("exporter", "exporter")):
            write_private(self.data / f"{name}.uri", self.uri(role, passwords[role]) + "\n")
        print(f"database ready on 127.0.0.1:{self.port}", flush=True)


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


def _dying_with(parent: int) -> Callable[[], None]:
    """Make a child's first step: ask Linux for a fast shutdown when the parent dies, however it dies."""

    def ask() -> None:
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != parent:  # it died meanwhile
                os._exit(1)

    return ask
