"""The kinds of what is removed, what happens to each, and the field names that give them away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from wardlight.problems import BadConfig

Action = Literal["drop", "mask", "pseudonym"]
"""Remove it; write `[kind]` in its place; write what only our key can make of it."""

ACTIONS: dict[str, Action] = {
    "name": "mask", "birth_date": "mask", "address": "mask", "phone": "mask", "email": "mask", "ssn": "mask",
    "nhs": "pseudonym", "mrn": "pseudonym", "card": "mask", "iban": "mask", "known": "pseudonym",
    "password": "mask", "token": "mask", "jwt": "mask", "private_key": "mask", "cookie": "mask",
}  # fmt: skip
"""Kind: what happens to it unless settings say otherwise."""

SECRETS = frozenset({"password", "token", "jwt", "private_key", "cookie"})
"""Kinds that say who somebody is to a machine; they are never kept, audit events included."""

FIELDS: dict[str, tuple[str, ...]] = {
    "name": (
        "patient name", "patient", "first name", "last name", "middle name", "full name", "given name", "family name",
        "maiden name", "guarantor", "customer", "insured", "policyholder", "display name", "customer name",
        "person name", "contact name", "holder name", "cardholder", "surname",
        "forename", "next of kin", "guardian", "emergency contact", "given", "family", "name", "vorname",
        "nachname", "prénom", "nombre", "apellido", "apellidos", "apellidos y nombre", "cognome",
    ),
    "birth_date": (
        "date of birth", "birth date", "birthday", "dob", "born", "geburtsdatum", "geburtstag", "geb", "date de naissance",
        "fecha de nacimiento", "data di nascita", "geboortedatum",
    ),
    "address": (
        "address", "street", "street address", "home address", "postal address", "mailing address", "address line", "address line 1",
        "address line 2", "address 1", "address 2", "addr", "line", "adresse", "anschrift", "straße", "strasse", "postcode",
        "postal code", "zip code", "zip", "plz",
    ),
    "phone": (
        "phone", "phone number", "telephone", "telephone number", "tel", "mobile", "mobile number", "mobile phone", "cell", "cell phone",
        "fax", "telefon", "telefonnummer", "handy", "msisdn", "contact number", "callback", "teléfono", "téléphone",
    ),
    "email": ("email", "e mail", "mail", "email address"),
    "ssn": ("ssn", "social security", "social security number", "social security no"),
    "nhs": ("nhs", "nhs number", "nhs no"),
    "mrn": (
        "mrn", "medical record number", "medical record no", "patient id", "patient identifier", "patient number", "patient no",
        "pat id", "hospital number", "chart number", "patientennummer", "fallnummer", "subject id", "health patient id",
    ),
    "card": ("card number", "credit card", "credit card number", "card no", "pan", "cc number"),
    "iban": ("iban", "account iban"),
    "password": (
        "password", "passwd", "passphrase", "passwort", "pwd", "pass", "secret", "client secret", "secret key", "private key", "pgpassword",
        "db password", "aws secret access key",
    ),
    "token": (
        "token", "access token", "refresh token", "id token", "auth token", "api key", "api token", "session token", "csrf token",
        "bearer token", "authorization", "proxy authorization", "x api key", "x auth token", "sas token", "signing key", "access key",
        "account key", "encryption key",
    ),
    "cookie": (
        "cookie", "set cookie", "sessionid", "jsessionid", "phpsessid", "connect sid", "aspnet sessionid", "session cookie", "session key",
    ),
}  # fmt: skip
"""Kind: names of fields whose value is one, in words; between the words there may be nothing, `_`, `.`, `-` or a space."""

VAGUE = frozenset(
    {
        "name",
        "patient",
        "line",
        "given",
        "family",
        "born",
        "mail",
        "zip",
        "street",
        "callback",
        "guardian",
        "guarantor",
        "customer",
        "insured",
        "policyholder",
    }
)
"""Names that also mean something harmless: their value must look like one of the kind."""

ATTRIBUTES: dict[str, str] = {
    re.sub(r"\W", "_", field): kind
    for kind, fields in FIELDS.items()
    for field in fields
    if field not in VAGUE and field not in {"health patient id", "address"}
}
"""Attribute, as a label name: its kind. It also holds for names that end with it, as `request_patient_name`."""

_EXACT = {"address": "address", "patient": "name", "given": "name", "family": "name", "mail": "email"}


def attribute_kinds(further: Iterable[str]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return kinds by exact attribute name and by its end; `further` are settings like `next_of_kin=name`."""
    exact, ends = dict(_EXACT), dict(ATTRIBUTES)
    for pair in further:
        name, _, kind = pair.partition("=")
        if not name or kind not in {*ACTIONS, "keep"}:
            raise BadConfig(
                f"{pair!r} is not ATTRIBUTE=KIND with one of {', '.join(ACTIONS)}, keep (setting protect.attributes)"
            )
        exact[re.sub(r"\W", "_", name)] = kind
    return exact, ends


def kind_of_attribute(name: str, exact: Mapping[str, str], ends: Mapping[str, str]) -> str:
    """Say which kind an attribute always carries; empty if none.

    >>> kind_of_attribute("request_patient_name", *attribute_kinds(()))
    'name'
    """
    lowered = name.lower()
    if lowered in exact:
        kind = exact[lowered]
        return "" if kind == "keep" else kind
    parts = lowered.split("_")
    return next((ends[end] for at in range(len(parts)) if (end := "_".join(parts[at:])) in ends), "")


def actions_of(settings: Iterable[str]) -> dict[str, Action]:
    """Lay settings like `email=pseudonym` over the defaults. Raises BadConfig."""
    actions = dict(ACTIONS)
    for pair in settings:
        kind, _, action = pair.partition("=")
        if kind not in ACTIONS or action not in get_args(Action):
            raise BadConfig(
                f"{pair!r} is not KIND=ACTION with a kind of {', '.join(ACTIONS)} and an action of "
                f"{', '.join(get_args(Action))} (setting protect.actions)"
            )
        if kind in SECRETS and action == "pseudonym":
            raise BadConfig(
                f"{pair!r}: a secret is dropped or masked, nobody needs to find it (setting protect.actions)"
            )
        actions[kind] = action  # type: ignore[assignment]  # checked above
    return actions
