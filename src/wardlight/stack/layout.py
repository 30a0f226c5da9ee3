"""Where everything lies under the data directory, and whose it is."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


def default_data(environ: Mapping[str, str] = os.environ) -> Path:
    """Choose the data directory: `$WARDLIGHT_DATA`, the system's for root, else the user's own."""
    if chosen := environ.get("WARDLIGHT_DATA"):
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/lib/wardlight")
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "wardlight"


@dataclass(frozen=True)
class Layout:
    """The data directory's inside."""

    data: Path

    @property
    def settings(self) -> Path:
        """The one configuration file."""
        return self.data / "wardlight.toml"

    @property
    def stack(self) -> Path:
        """Everything that is rendered or kept for the parts beside the server."""
        return self.data / "stack"

    @property
    def state(self) -> Path:
        """What the supervisor runs, as JSON."""
        return self.stack / "state.json"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of this directory."""
        return self.stack / "lock"

    @property
    def demo(self) -> Path:
        """The demo clinic's own directory."""
        return self.data / "demo"

    def room(self, part: str) -> Path:
        """Return a part's own directory: its configuration and its data."""
        return self.stack / part

    @property
    def logs(self) -> Path:
        """What the parts print."""
        return self.data / "log"

    def log(self, part: str) -> Path:
        """Return the file that takes a part's output."""
        return self.logs / f"{part}.log"

    def make(self) -> None:
        """Make the directories. Others may pass through to their own room, and read nothing on the way."""
        for directory, mode in ((self.data, 0o711), (self.stack, 0o711), (self.logs, 0o700)):
            if not directory.exists():
                directory.mkdir(parents=True)
                directory.chmod(mode)

    def make_room(self, part: str, owner: pwd.struct_passwd | None) -> Path:
        """Make a part's own directory and give it to its user (None: ours)."""
        room = self.room(part)
        room.mkdir(exist_ok=True)
        room.chmod(0o700)
        if owner is not None:
            os.chown(room, owner.pw_uid, owner.pw_gid)
        return room


def unprivileged(directory: Path, *names: str) -> pwd.struct_passwd | None:
    """Find the first user of these who can reach a directory; None when we aren't root or nobody can."""
    if os.geteuid() != 0:
        return None
    for name in names:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        if _reaches(user, directory):
            return user
    return None


def _reaches(user: pwd.struct_passwd, directory: Path) -> bool:
    """Whether every directory on the way lets this user through."""
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    for step in (directory, *directory.parents):
        facts = step.stat()
        if facts.st_uid == user.pw_uid:
            needed = stat.S_IXUSR
        elif facts.st_gid in groups:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not facts.st_mode & needed:
            return False
    return True
