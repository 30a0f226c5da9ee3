"""Synthetic staff, patients and their records. Nobody here exists: names are drawn from the short lists below."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from willow_clinic.passwords import hashed

PATIENTS = 480
STAFF = {"doctor": 10, "nurse": 12, "front_desk": 6, "billing": 4, "administrator": 2}

FAMILIES = (
    "Alder", "Ashby", "Barrow", "Beck", "Birch", "Bramley", "Brook", "Calder", "Carrow", "Copse", "Croft", "Dale",
    "Elm", "Fallow", "Fenn", "Field", "Garth", "Glade", "Hale", "Hawthorn", "Heath", "Holt", "Hurst", "Juniper",
    "Kestrel", "Lark", "Linden", "Marsh", "Mead", "Moor", "Oakes", "Pike", "Quarry", "Reed", "Ridge", "Rowan",
    "Rush", "Sedge", "Shaw", "Sorrel", "Stone", "Tarn", "Thorne", "Vale", "Warren", "Weir", "Wolde", "Yarrow",
)  # fmt: skip
GIVENS = (
    "Ada", "Alma", "Amos", "Anselm", "Bea", "Cora", "Dora", "Edith", "Elias", "Elsa", "Enid", "Ezra", "Flora",
    "Gwen", "Hanna", "Hugo", "Ida", "Ines", "Iris", "Ivo", "Jonas", "Jude", "Kaja", "Lena", "Levi", "Lotte",
    "Mabel", "Maia", "Milo", "Nell", "Nora", "Olaf", "Olive", "Otto", "Petra", "Rhea", "Rosa", "Ruben", "Silas",
    "Tess", "Theo", "Ula", "Vera", "Wanda", "Wim", "Xenia", "Yara", "Zeno",
)  # fmt: skip
STREETS = ("Bridge Lane", "Canal Street", "Church Walk", "Mill Road", "Orchard Close", "Station Road", "Willow Way")
REASONS = ("back pain", "blood pressure", "check-up", "cough", "follow-up", "headache", "rash", "vaccination")
MEDICINES = ("amoxicillin", "ibuprofen", "lisinopril", "metformin", "omeprazole", "salbutamol", "simvastatin")
DOSES = ("once a day", "twice a day", "three times a day", "when needed")


def person(chance: random.Random) -> dict[str, Any]:
    """Invent a patient."""
    return {
        "family": chance.choice(FAMILIES),
        "given": chance.choice(GIVENS),
        "born": date(1930, 1, 1) + timedelta(days=chance.randrange(34_000)),
        "sex": chance.choice(("female", "male")),
        "phone": f"555-01{chance.randrange(100):02}-{chance.randrange(1000):03}",
        "street": f"{chance.randrange(1, 120)} {chance.choice(STREETS)}",
    }


def seed(connection: psycopg.Connection[Any], passwords: dict[str, str]) -> None:
    """Fill empty tables; `passwords` is by user name, see `staff_names`."""
    chance = random.Random(7)
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    staff = staff_names()
    with ThreadPoolExecutor() as pool:
        hashes = list(pool.map(hashed, (passwords[username] for username, *_ in staff)))
    members = [
        (username, f"{given} {family}", role, digest)
        for (username, given, family, role), digest in zip(staff, hashes, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO staff VALUES (%s, %s, %s, %s)", members)
        doctors = [username for username, _, role, _ in members if role == "doctor"]
        people = [{**person(chance), "family": "Canary", "given": "Synthetic"}]
        people += [person(chance) for _ in range(PATIENTS)]
        with cursor.copy("COPY patients (family, given, born, sex, phone, street) FROM STDIN") as copy:
            for one in people:
                copy.write_row(tuple(one.values()))
        mrns = [f"WC{number:06}" for number in range(1, PATIENTS + 1)]
        with cursor.copy("COPY appointments (mrn, doctor, starts_at, reason, status) FROM STDIN") as copy:
            for _ in range(900):
                hours = chance.randrange(-480, 480)
                status = "completed" if hours < 0 else "booked"
                starts = now + timedelta(hours=hours, minutes=15 * chance.randrange(4))
                copy.write_row((chance.choice(mrns), chance.choice(doctors), starts, chance.choice(REASONS), status))
        with cursor.copy("COPY prescriptions (mrn, doctor, medicine, dose, issued_at) FROM STDIN") as copy:
            for _ in range(700):
                issued = now - timedelta(hours=chance.randrange(5000))
                what = (chance.choice(MEDICINES), chance.choice(DOSES), issued)
                copy.write_row((chance.choice(mrns), chance.choice(doctors), *what))
        with cursor.copy("COPY invoices (mrn, cents, issued_at, paid_at) FROM STDIN") as copy:
            for _ in range(800):
                issued = now - timedelta(hours=chance.randrange(2000))
                paid = issued + timedelta(days=9) if chance.random() < 0.9 else None
                copy.write_row((chance.choice(mrns), chance.randrange(2_000, 40_000), issued, paid))


def staff_names() -> list[tuple[str, str, str, str]]:
    """Invent the staff: user name, given name, family, role; always the same."""
    chance = random.Random(11)
    found: dict[str, tuple[str, str, str, str]] = {}
    for role, number in STAFF.items():
        wanted = len(found) + number
        while len(found) < wanted:
            given, family = chance.choice(GIVENS), chance.choice(FAMILIES)
            username = f"{given[0]}{family}".lower()
            found.setdefault(username, (username, given, family, role))
    return list(found.values())
