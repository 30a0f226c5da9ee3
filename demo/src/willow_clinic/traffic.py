"""Staff at work: each signs in, does what their role does, signs out."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from willow_clinic import misdeeds, seed

SHIFT = 40
"""Requests in a shift, on average."""
AWAY = (1.0, 5.0)
"""Seconds until somebody tries again when the application is away."""


class Clinic:
    """The application as its users see it, with their pace."""

    def __init__(self, http: httpx.AsyncClient, rate: float, people: int) -> None:
        self.http = http
        self.requests: Counter[str] = Counter()
        self._pause = people / rate

    async def ask(
        self, worker: Worker, method: str, path: str, body: object = None, **query: str | int
    ) -> httpx.Response:
        """Send a request after a moment's thought."""
        await asyncio.sleep(worker.chance.expovariate(1 / self._pause))
        response = await self.http.request(method, path, json=body, params=query, headers=worker.headers)
        self.requests[f"{response.status_code // 100}xx"] += 1
        return response


class Worker:
    """One member of the staff at one desk."""

    def __init__(self, clinic: Clinic, username: str, role: str, password: str, chance: random.Random) -> None:
        self.clinic = clinic
        self.username, self.role, self.password, self.chance = username, role, password, chance
        self.headers = {
            "X-Forwarded-For": f"10.20.{chance.randrange(4)}.{chance.randrange(2, 250)}",
            "User-Agent": "WillowDesk/2.4",
        }

    async def work(self) -> None:
        """Work one shift after the other, whatever happens."""
        while True:
            try:
                await self._shift()
            except httpx.TransportError:
                await asyncio.sleep(self.chance.uniform(*AWAY))

    async def _shift(self) -> None:
        self.headers.pop("Authorization", None)
        password = self.password if self.chance.random() > 0.05 else self.password.swapcase()
        answer = await self._ask("POST", "/session", {"username": self.username, "password": password})
        if answer is None:
            return
        self.headers["Authorization"] = f"Bearer {answer['token']}"
        tasks = TASKS[self.role]
        while self.chance.random() > 2 / SHIFT and "Authorization" in self.headers:
            await self.chance.choice(tasks)(self)
        if "Authorization" in self.headers and self.chance.random() < 0.9:  # some just leave
            await self._ask("DELETE", "/session")

    async def _ask(self, method: str, path: str, body: object = None, **query: str | int) -> Any:
        """Send a request; give the answer's content, None when it was refused or failed."""
        response = await self.clinic.ask(self, method, path, body, **query)
        if response.status_code == 401:
            self.headers.pop("Authorization", None)
        return response.json() if response.is_success and response.content else None

    async def see_patient(self) -> None:
        """Open the chart of somebody on the day's list; a doctor may prescribe."""
        appointment = await self._appointment(self.username if self.role == "doctor" else "")
        if not appointment:
            return
        purpose = "ETREAT" if self.chance.random() < 0.01 else "TREAT"
        chart = await self._ask("GET", f"/patients/{appointment['mrn']}", purpose=purpose)
        if chart and self.role == "doctor":
            if self.chance.random() < 0.5:
                await self.prescribe(appointment["mrn"])
            await self._ask("PATCH", f"/appointments/{appointment['id']}", {"status": "completed"})

    async def prescribe(self, mrn: str) -> None:
        """Prescribe something."""
        medicine = {"medicine": self.chance.choice(seed.MEDICINES), "dose": self.chance.choice(seed.DOSES)}
        await self._ask("POST", f"/patients/{mrn}/prescriptions", medicine)

    async def check_in(self) -> None:
        """Receive a patient."""
        appointment = await self._appointment()
        if appointment and appointment["status"] == "booked":
            await self._ask("PATCH", f"/appointments/{appointment['id']}", {"status": "arrived"})

    async def book(self) -> None:
        """Find a patient and book an appointment."""
        if found := await self._search():
            doctors = [username for username, *_, role in seed.staff_names() if role == "doctor"]
            starts = datetime.now(UTC) + timedelta(minutes=15 * self.chance.randrange(1, 48))
            appointment = {
                "mrn": self.chance.choice(found)["mrn"],
                "doctor": self.chance.choice(doctors),
                "starts_at": starts.isoformat(),
                "reason": self.chance.choice(seed.REASONS),
            }
            await self._ask("POST", "/appointments", appointment)

    async def register(self) -> None:
        """Register a patient, now and then."""
        if self.chance.random() < 0.1:
            person = seed.person(self.chance)
            await self._ask("POST", "/patients", {**person, "born": person["born"].isoformat()})

    async def bill(self) -> None:
        """Write an invoice."""
        if found := await self._search():
            invoice = {"mrn": self.chance.choice(found)["mrn"], "cents": self.chance.randrange(2_000, 40_000)}
            await self._ask("POST", "/invoices", invoice)

    async def collect(self) -> None:
        """Note a payment."""
        if found := await self._ask("GET", "/invoices"):
            await self._ask("POST", f"/invoices/{self.chance.choice(found)['id']}/payment")

    async def administer(self) -> None:
        """Look after the staff; rarely, export a few patients or try what isn't allowed."""
        await self._ask("GET", "/staff")
        lot = self.chance.random()
        if lot < 0.1:
            await self._ask("GET", "/patients/export", limit=20)
        elif lot < 0.15:
            await self._ask("GET", "/patients/WC000001")

    async def _appointment(self, doctor: str = "") -> Any:
        found = await self._ask("GET", "/appointments", doctor=doctor)
        return self.chance.choice(found) if found else None

    async def _search(self) -> Any:
        return await self._ask("GET", "/patients", family=self.chance.choice(seed.FAMILIES)[:3])


TASKS: dict[str, tuple[Callable[[Worker], Awaitable[None]], ...]] = {
    "doctor": (Worker.see_patient,),
    "nurse": (Worker.see_patient, Worker.check_in),
    "front_desk": (Worker.book, Worker.book, Worker.check_in, Worker.register),
    "billing": (Worker.bill, Worker.collect),
    "administrator": (Worker.administer,),
}


def run(data: Path, port: int, wardlight: str, *, seed_number: int, rate: float) -> None:
    """Let everybody work until SIGTERM or SIGINT; `rate` is requests a second, all together.

    `wardlight` is where deployments are told.
    """
    while not (data / "staff.json").exists():  # the database makes it up on first start
        time.sleep(0.5)
    passwords: dict[str, str] = json.loads((data / "staff.json").read_text())
    asyncio.run(_work(data, port, wardlight, passwords, seed_number=seed_number, rate=rate))


async def _work(
    data: Path, port: int, wardlight: str, passwords: dict[str, str], *, seed_number: int, rate: float
) -> None:
    staff = seed.staff_names()
    async with _client(f"http://127.0.0.1:{port}") as http, _client(wardlight) as announcing:
        clinic = Clinic(http, rate, len(staff))
        workers = [
            Worker(clinic, username, role, passwords[username], random.Random(f"{seed_number} {username}"))
            for username, _, _, role in staff
        ]
        jobs = [worker.work() for worker in workers]
        jobs += misdeeds.all_of(data, http, announcing, passwords)
        jobs.append(_report(clinic))
        everybody = asyncio.gather(*jobs)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, everybody.cancel)
        with suppress(asyncio.CancelledError):
            await everybody


@asynccontextmanager
async def _client(address: str) -> AsyncIterator[httpx.AsyncClient]:
    # Nothing between us and 127.0.0.1: proxies and certificates would only cost time.
    async with httpx.AsyncClient(
        base_url=address,
        timeout=15.0,
        trust_env=False,
        verify=False,  # noqa: S501 -- plain HTTP to loopback  # nosec B501
    ) as http:
        yield http


async def _report(clinic: Clinic) -> None:
    """Say once a minute what was done, naming nobody."""
    while True:
        await asyncio.sleep(60)
        done, clinic.requests = clinic.requests, Counter()
        print("last minute:", ", ".join(f"{number} {kind}" for kind, number in sorted(done.items())) or "no answer")
