"""The corpus that the patterns were made with: ten formats, six locales, about half of the lines harmless."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator, Mapping

from faker import Faker

from protection.lines import Line, Maker, corpus

LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT")


def nhs(rng: random.Random) -> str:
    """A number whose check digit fits."""
    while True:
        figures = [rng.randint(1, 9), *(rng.randint(0, 9) for _ in range(8))]
        check = 11 - sum(f * w for f, w in zip(figures, range(10, 1, -1), strict=True)) % 11
        if check != 10:
            return "".join(map(str, [*figures, check % 11]))


def spaced(number: str, sizes: tuple[int, ...]) -> str:
    """Put spaces into a number."""
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return " ".join(part for part in [*parts, number[at:]] if part)


def makers(seed: int, locales: tuple[str, ...] = LOCALES) -> Mapping[str, tuple[str, Maker]]:
    """Slot: its kind, empty if harmless, and what fills it."""
    fakes = {locale: Faker(locale) for locale in locales}
    for fake in fakes.values():
        fake.seed_instance(seed)
    us = fakes.get("en_US") or next(iter(fakes.values()))

    def some(rng: random.Random) -> Faker:
        return fakes[rng.choice(locales)]

    def word(length: int, letters: str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") -> Maker:
        return lambda rng: "".join(rng.choice(letters) for _ in range(length))

    def day(form: str) -> Maker:
        return lambda _: us.date_of_birth(minimum_age=0, maximum_age=100).strftime(form)

    def jwt(rng: random.Random) -> str:
        head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()).rstrip(b"=").decode()
        body = base64.urlsafe_b64encode(json.dumps({"sub": str(rng.random())}).encode()).rstrip(b"=").decode()
        return f"{head}.{body}.{word(43)(rng)}"

    def one_line(rng: random.Random) -> str:
        return some(rng).street_address().replace("\n", ", ")

    return {
        "name": ("name", lambda rng: f"{some(rng).first_name()} {some(rng).last_name()}"),
        "first": ("name", lambda rng: some(rng).first_name()),
        "last": ("name", lambda rng: some(rng).last_name()),
        "LAST": ("name", lambda rng: f"{some(rng).last_name()}^{some(rng).first_name()}".upper()),
        "email": ("email", lambda rng: some(rng).email()),
        "phone": ("phone", lambda rng: some(rng).phone_number()),
        "usphone": ("phone", lambda rng: us.numerify(rng.choice(("(%##) %##-####", "%##-%##-####", "%##.%##.####", "+1-%##-%##-####")))),
        "ukphone": ("phone", lambda rng: us.numerify(rng.choice(("+44 20 7### ####", "020 7### ####", "07### ######", "0117 ### ####", "+44 7### ######")))),  # noqa: E501
        "ssn": ("ssn", lambda _: us.ssn()),
        "nhs": ("nhs", lambda rng: spaced(nhs(rng), (3, 3))),
        "nhsbare": ("nhs", nhs),
        "card": ("card", lambda _: us.credit_card_number()),
        "cardspaced": ("card", lambda _: spaced(us.credit_card_number("visa16"), (4, 4, 4))),
        "iban": ("iban", lambda rng: some(rng).iban()),
        "dob": ("birth_date", day("%Y-%m-%d")),
        "dobus": ("birth_date", day("%m/%d/%Y")),
        "dobde": ("birth_date", day("%d.%m.%Y")),
        "doblong": ("birth_date", day("%d %B %Y")),
        "dobhl7": ("birth_date", day("%Y%m%d")),
        "mrn": ("mrn", word(8, "0123456789")),
        "address": ("address", one_line),
        "usstreet": ("address", lambda _: us.street_address().replace("\n", ", ")),
        "password": ("password", lambda rng: word(6)(rng) + rng.choice("!#$%+*") + word(4)(rng) + "7"),
        "apikey": ("token", lambda rng: rng.choice(("ghp_", "sk_live_", "AKIA", "glpat-", "xoxb-")) + word(24, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789")(rng)),  # noqa: E501
        "opaque": ("token", word(32)),
        "jwt": ("jwt", jwt),
        "session": ("cookie", word(32, "0123456789ABCDEF")),
        "ts": ("", lambda _: us.date_time_this_decade().isoformat(sep=" ")),
        "epoch": ("", lambda rng: str(rng.randint(1_600_000_000, 1_900_000_000))),
        "n": ("", lambda rng: str(rng.randint(0, 99999))),
        "ms": ("", lambda rng: f"{rng.random() * 900:.2f}"),
        "uuid": ("", lambda _: us.uuid4()),
        "hex": ("", word(16, "0123456789abcdef")),
        "ip": ("", lambda _: us.ipv4()),
        "path": ("", lambda _: "/" + us.uri_path()),
        "host": ("", lambda rng: f"app-{rng.randint(1, 40)}.internal"),
        "word": ("", lambda _: us.word()),
        "Word": ("", lambda rng: rng.choice(("Portal", "Record", "Service", "Index", "Merge", "Search"))),
        "version": ("", lambda rng: f"{rng.randint(0, 20)}.{rng.randint(0, 40)}.{rng.randint(0, 400)}"),
    }  # fmt: skip


TEMPLATES = {
    "key=value": (
        "ts={{ts}} level=info patient={{name}} ward={{n}} duration_ms={{ms}}",
        "level=warn msg=duplicate first_name={{first}} last_name={{last}} dob={{dob}} ssn={{ssn}}",
        "user_email={{email}} phone={{usphone}} status=200 request={{uuid}}",
        "mrn={{mrn}} nhs_number={{nhsbare}} lookup=hit took={{ms}}ms",
        "db_password={{password}} host={{host}} port=5432",
        "service=billing iban={{iban}} card_number={{card}} amount={{n}}",
        "level=info request_id={{hex}} status=200 bytes={{n}} client={{ip}} at={{epoch}}",
        "level=debug cache=miss key={{uuid}} shard={{n}} version={{version}} host={{host}}",
    ),
    "JSON": (
        '{"level":"info","patient":{"name":"{{name}}","dob":"{{dob}}","phone":"{{phone}}"},"n":{{n}}}',
        '{"email":"{{email}}","address":"{{address}}","ok":true}',
        '{"user":"u{{n}}","password":"{{password}}","ip":"{{ip}}"}',
        '{"access_token":"{{opaque}}","expires_in":3600,"token_type":"bearer"}',
        '{"firstName":"{{first}}","lastName":"{{last}}","nhsNumber":"{{nhsbare}}","mrn":"{{mrn}}"}',
        '{"time":{{epoch}},"name":"http.server","duration":{{ms}},"trace":"{{hex}}","path":"{{path}}"}',
        '{"logger":"{{word}}","line":{{n}},"thread":"worker-{{n}}","message":"flushed {{n}} rows"}',
    ),
    "prose": (
        "Patient {{name}} was admitted to ward {{n}}",
        "Called patient back at {{usphone}} about appointment {{n}}",
        "Reminder sent to {{email}} and by text to {{ukphone}}",
        "Mr. {{last}} born {{doblong}} discharged after {{n}} days",
        "SSN {{ssn}} does not match MRN {{mrn}}",
        "NHS number {{nhs}} verified against spine in {{ms}} ms",
        "Card {{cardspaced}} declined, order {{n}}",
        "Invoice sent to {{usstreet}} for processing",
        "Patient {{Word}} started in {{ms}} ms on {{host}}",
        "Processed {{n}} of {{n}} records in {{ms}} ms, next run at {{ts}}",
        "The {{word}} job was restarted after {{n}} failures",
    ),
    "SQL error": (
        "ERROR: duplicate key value violates unique constraint DETAIL: Key (email)=({{email}}) already exists.",
        "ERROR: duplicate key DETAIL: Key (ssn)=({{ssn}}) already exists.",
        "slow query ({{ms}} ms): SELECT * FROM patients WHERE last_name = '{{last}}' AND birth_date = '{{dob}}'",
        "UPDATE patients SET phone = '{{phone}}', email = '{{email}}' WHERE id = {{n}}",
        "connection to postgresql://app:{{opaque!password}}@{{host}}:5432/clinic failed",
        "ERROR: relation {{word}} does not exist at character {{n}}",
        "deadlock detected: process {{n}} waits for ShareLock on transaction {{n}}",
    ),
    "stack trace": (
        'Traceback (most recent call last):\n  File "/srv/app/{{word}}.py", line {{n}}, in save\nValueError: bad email {{email}}',
        "java.lang.IllegalStateException: no match for patient_name={{name}}\n\tat org.clinic.Match.find(Match.java:{{n}})",
        "requests.exceptions.HTTPError: 401 for Authorization: Bearer {{jwt}}",
        "Traceback (most recent call last):\n  File \"/srv/app/{{word}}.py\", line {{n}}, in load\nKeyError: '{{word}}'",
        "panic: runtime error: index out of range [{{n}}]\n\ngoroutine {{n}} [running]:\nmain.serve(0x{{hex}})",
    ),
    "URL": (
        "GET /search?email={{email}}&dob={{dob}}&page=2 HTTP/1.1 200 {{n}}",
        "GET /api/patients?ssn={{ssn}}&limit=10 {{ms}}ms",
        "POST /login?password={{opaque!password}}&next=/home 302",
        "GET https://{{host}}/callback?token={{opaque}} 200",
        "GET {{path}}?page={{n}}&size=50&sort=-created 200 {{ms}}",
        "{{ip}} - - GET {{path}} HTTP/2.0 304 {{n}} trace={{uuid}}",
    ),
    "HL7": (
        "PID|1||{{mrn}}^^^HOSP^MR||{{LAST}}||{{dobhl7}}|F|||{{address}}||{{phone}}||||||{{ssn}}",
        "NK1|1|{{LAST}}|SPO|{{address}}|{{usphone}}",
        "received PID|1||{{mrn}}||{{LAST}}||{{dobhl7}}|M from interface {{n}}",
        "MSH|^~\\&|LAB|HOSP|EHR|HOSP|20260101120000||ORU^R01|{{n}}|P|2.5.1",
        "OBX|1|NM|718-7^Hemoglobin^LN||{{ms}}|g/dL|12.0-16.0|N|||F",
    ),
    "FHIR": (
        '{"resourceType":"Patient","id":"{{uuid}}","name":[{"family":"{{last}}","given":["{{first}}"]}],"birthDate":"{{dob}}"}',
        '"telecom":[{"system":"phone","value":"{{usphone}}"},{"system":"email","value":"{{email}}"}]',
        '"address":[{"line":["{{usstreet}}"],"country":"US"}]',
        '{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"718-7"}]},"valueQuantity":{"value":{{ms}}}}',
        '{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found"}]}',
    ),
    "CSV": (
        "{{n}},{{email}},{{usphone}},{{ssn}},active",
        "{{ts}},{{iban}},{{n}},EUR",
        "{{uuid}};{{nhs}};{{email}};{{n}}",
        "{{ts}},{{host}},{{n}},{{n}},{{ms}},ok",
        "{{epoch}},{{hex}},{{version}},{{word}},{{n}}",
    ),
    "mixed": (
        '{{ts}} INFO [worker-{{n}}] sms to {{ukphone}} failed payload={"to":"{{ukphone}}","mrn":"{{mrn}}"}',
        "{{ts}} WARN auth failed email={{email}} Cookie: JSESSIONID={{session}}",
        '{{ts}} DEBUG "{\\"family\\":\\"{{last}}\\",\\"birthDate\\":\\"{{dob}}\\"}"',
        "{{ts}} ERROR key {{apikey}} was rejected by {{host}} in {{ms}} ms",
        "{{ts}} INFO geb. {{dobde}}, DOB: {{dobus}}, request {{hex}}",
        "{{ts}} INFO {{ip}} {{path}} {{n}} {{ms}} {{uuid}} {{epoch}}",
        "{{ts}} INFO order {{n}}-{{n}} of {{word}} moved to shelf {{n}}-{{n}}",
    ),
}


def lines(count: int, seed: int) -> Iterator[Line]:
    """Yield labelled lines."""
    return corpus(count, seed, TEMPLATES, makers(seed))
