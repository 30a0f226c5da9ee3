"""What people do that they shouldn't, or that others should know of, while a fault lasts."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx

from willow_clinic import seed
from willow_clinic.faults import Faults

STRANGER = "203.0.113.66"
GUESSER = "198.51.100.23"


def all_of(
    data: Path, http: httpx.AsyncClient, wardlight: httpx.AsyncClient, passwords: Mapping[str, str]
) -> list[Coroutine[None, None, None]]:
    """List what waits for its fault: `http` is the clinic's application, `passwords` are by user name."""
    faults = Faults(data)
    people = {role: [name for name, *_, its in seed.staff_names() if its == role] for role in seed.STAFF}

    def somebody(role: str, address: str) -> Somebody:
        return Somebody(http, people[role][-1], passwords[people[role][-1]], address)

    return [
        _guess(http, faults, list(passwords)),
        _break_in(http, faults, passwords),
        _take(faults, somebody("administrator", "10.20.3.99")),
        _read(faults, "records-hidden", 0.25, somebody("doctor", "10.20.1.11")),
        _read(faults, "permission-denials", 0.1, somebody("front_desk", "10.20.0.4")),
        _read(faults, "chart-browsing", 0.1, somebody("nurse", "10.20.2.31")),
        _promote(faults, somebody("administrator", "10.20.3.99"), people["front_desk"][0]),
        _deploy(faults, wardlight),
        _burn(data, faults),
    ]


@dataclass
class Somebody:
    """A member of the staff at a machine, signed in when that is needed."""

    http: httpx.AsyncClient
    username: str
    password: str
    address: str
    token: str = ""
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.headers = {"X-Forwarded-For": self.address, "User-Agent": "curl/7.88.1"}

    async def ask(self, method: str, path: str, body: object = None, **query: str | int) -> None:
        """Send a request; an application that is away, or a session that has ended, is for the next one to mend."""
        with suppress(httpx.TransportError):
            if "Authorization" not in self.headers:
                answer = await _sign_in(self.http, self.username, self.password, self.headers)
                if answer.is_success:
                    self.headers["Authorization"] = f"Bearer {answer.json()['token']}"
            answer = await self.http.request(method, path, json=body, params=query, headers=self.headers)
            if answer.status_code == 401:
                self.headers.pop("Authorization", None)


async def _sign_in(http: httpx.AsyncClient, name: str, password: str, headers: Mapping[str, str]) -> httpx.Response:
    return await http.post("/session", json={"username": name, "password": password}, headers=headers)


async def _during(faults: Faults, fault: str, pause: float) -> AsyncIterator[None]:
    """Come round every `pause` seconds while a fault lasts, for ever."""
    while True:
        if faults.active(fault):
            yield
            await asyncio.sleep(pause)
        else:
            await asyncio.sleep(0.25)


async def _once(faults: Faults, fault: str) -> AsyncIterator[bool]:
    """Say when a fault begins (True) and when it ends (False), for ever."""
    before = False
    while True:
        if (now := faults.active(fault)) != before:
            yield now
            before = now
        await asyncio.sleep(0.25)


async def _guess(http: httpx.AsyncClient, faults: Faults, usernames: list[str]) -> None:
    """Try wrong passwords from one address: the fault failed-logins."""
    chance, headers = random.Random(1), {"X-Forwarded-For": STRANGER, "User-Agent": "python-requests/2.19"}
    async for _ in _during(faults, "failed-logins", 1.0):
        with suppress(httpx.TransportError):
            await _sign_in(http, chance.choice(usernames), f"password{chance.randrange(1000)}", headers)


async def _break_in(http: httpx.AsyncClient, faults: Faults, passwords: Mapping[str, str]) -> None:
    """Try wrong passwords of one user, then the right one: the fault passwords-guessed."""
    headers = {"X-Forwarded-For": GUESSER, "User-Agent": "python-requests/2.19"}
    username, password = next(iter(passwords.items()))
    async for _ in _during(faults, "passwords-guessed", 30.0):
        with suppress(httpx.TransportError):
            await asyncio.gather(*(_sign_in(http, username, f"password{at}", headers) for at in range(12)))
            await _sign_in(http, username, password, headers)


async def _take(faults: Faults, thief: Somebody) -> None:
    """Export everything, again and again: the fault mass-export."""
    async for _ in _during(faults, "mass-export", 2.0):
        await thief.ask("GET", "/patients/export", limit=5000)


async def _read(faults: Faults, fault: str, pause: float, reader: Somebody) -> None:
    """Open one chart after the other: who doesn't find what they need, who may not, or who is curious."""
    number = 0
    async for _ in _during(faults, fault, pause):
        number = number % seed.PATIENTS + 1
        await reader.ask("GET", f"/patients/WC{number:06}")


async def _promote(faults: Faults, administrator: Somebody, username: str) -> None:
    """Make somebody an administrator, and take it back at the end: the fault new-administrator."""
    async for begun in _once(faults, "new-administrator"):
        await administrator.ask("PUT", f"/staff/{username}/role", {"role": "administrator" if begun else "front_desk"})


async def _deploy(faults: Faults, wardlight: httpx.AsyncClient) -> None:
    """Tell Wardlight of a deployment: the fault deployment."""
    async for begun in _once(faults, "deployment"):
        if begun:
            told = {"service": "willow-billing", "version": f"{datetime.now(UTC):%y.%j.%H%M%S}", "by": "release robot"}
            with suppress(httpx.TransportError):
                await wardlight.post("/api/v1/deployments", json=told)


async def _burn(data: Path, faults: Faults) -> None:
    """Keep every core busy: the fault cpu-burn. The processes end by themselves."""
    async for _ in _during(faults, "cpu-burn", 0.5):
        command = [sys.executable, "-m", "willow_clinic.burn", str(data), str(os.getpid())]
        burning = [await asyncio.create_subprocess_exec(*command) for _ in range(os.cpu_count() or 1)]
        await asyncio.gather(*(process.wait() for process in burning))
