"""What is found in lines, and what nearly is and must stay."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from wardlight.config import Protect
from wardlight.problems import BadConfig
from wardlight.protect.find import Finder
from wardlight.protect.keys import Key, Keys
from wardlight.protect.known import Known
from wardlight.protect.protector import Protector

KEYS = Keys((Key("k1", bytes(32)),))


def protector(known: tuple[str, ...] = (), **settings: tuple[str, ...]) -> Protector:
    """A protector that masks everything, so that lines are easy to read."""
    masked = ("mrn=mask", "nhs=mask", "known=mask", *settings.pop("actions", ()))
    return Protector(Protect(actions=masked, **settings), KEYS, Known.of(KEYS, known), CollectorRegistry())


PLAIN = protector()

FOUND = {
    "mail to o'brien.x@clinic.example, (bob@x.org)": "mail to [email], ([email])",
    "to=john%40example.com&x=1": "to=[email]&x=1",
    "call (555) 123-4567 or 555.123.4567x12": "call [phone] or [phone]",
    "from +44 20 7946 0018, 07700 900123, 0117 496 0123": "from [phone], [phone], [phone]",
    "tel. 5551234567": "tel. [phone]",
    "SSN 078-05-1120": "SSN [ssn]",
    "ssn=078051120;": "ssn=[ssn];",
    "seen 943 476 5919 today": "seen [nhs] today",
    "NHS number 9434765919": "NHS number [nhs]",
    "paid by 4111 1111 1111 1111.": "paid by [card].",
    "to DE89 3704 0044 0532 0130 00 BIC X": "to [iban] BIC X",
    "born on 3 March 1971": "born on [birth_date]",
    "patient né le 12/03/1980": "patient né le [birth_date]",
    "DOB: 01/02/1980, x": "DOB: [birth_date], x",
    "geb. 01.02.1980": "geb. [birth_date]",
    "MRN: 0012345": "MRN: [mrn]",
    "GET /api/patients/8812/notes": "GET /api/patients/[mrn]/notes",
    "patient 12345 opened": "patient [mrn] opened",
    "patient=John Smith status=200": "patient=[name] status=200",
    "last_name=O'Donnell dob=1980-01-02": "last_name=[name] dob=[birth_date]",
    "Patient Mary-Jane Watson was seen": "Patient [name] was seen",
    "for patient Joanne Ward today": "for patient [name] today",
    "Mr. Jones called": "Mr. [name] called",
    "Dr. van der Meer called": "Dr. [name] called",
    "Patient Mrs. Ada Byron, DOB 01/02/1980": "Patient [name], DOB [birth_date]",
    "name=Dr. Ada Q. Byron status=1": "name=[name] status=1",
    "{'last_name': 'O'Reilly', 'n': 1}": "{'last_name': '[name]', 'n': 1}",
    "birthdate: March 2nd, 1980; x": "birthdate: [birth_date]; x",
    "voicemail at 5408255602": "voicemail at [phone]",
    '{"reference":"Patient/77","display":"Ada Byron"}': '{"reference":"Patient/[mrn]","display":"[name]"}',
    '"name":[{"use":"official","text":"Ada Byron"}]': '"name":[{"use":"official","text":"[name]"}]',
    "password=$H9mVpOSV4U1G": "password=[password]",
    "Password=(2eCm)Dm;x=1": "Password=[password];x=1",
    "key AKIAJWPXFWNTMJBFZHDN found": "key [token] found",
    '{"name":"John Smith","n":1}': '{"name":"[name]","n":1}',
    r'"{\"family\":\"Müller\",\"given\":[\"Eva\",\"Ida\"]}"': r'"{\"family\":\"[name]\",\"given\":[\"[name]\"]}"',
    '{"birthDate" : "1980-03-01"}': '{"birthDate" : "[birth_date]"}',
    '<family value="da Mota"/><birthDate value="1980-01-01"/>': '<family value="[name]"/><birthDate value="[birth_date]"/>',
    "Key (email)=(a@b.org) already exists": "Key (email)=([email]) already exists",
    "WHERE last_name = 'O''Brien' AND n = 1": "WHERE last_name = '[name]' AND n = 1",
    "sent to 123 Main Street, Apt 4, Springfield, IL 62704 ok": "sent to [address] ok",
    "wohnt Hauptstraße 12": "wohnt [address]",
    '"line":["12 High Street"]': '"line":["[address]"]',
    "PID|1||12345^^^HOSP^MR||DOE^JOHN||19800101|M|||1 MAIN ST^^TOWN||555-1234||||||078-05-1120":
        "PID|1||[mrn]^^^HOSP^MR||[name]||[birth_date]|M|||[address]||[phone]||||||[ssn]",
    r"MSH|^~\&|A\rPID|1||77||DOE^J\rPV1|1|I|W2": r"MSH|^~\&|A\rPID|1||[mrn]||[name]\rPV1|1|I|W2",
    "NK1|1|DOE^JANE|SPO|1 MAIN ST|5551234567": "NK1|1|[name]|SPO|[address]|[phone]",
    "postgresql://app:s3cr3t@db:5432/x": "postgresql://app:[password]@db:5432/x",
    "password=hunter2 x": "password=[password] x",
    r'{"password":"a\"b c"}': '{"password":"[password]"}',
    "Authorization: Bearer abc.def-123": "Authorization: Bearer [token]",
    "Authorization: Basic dXNlcjpwYXNz": "Authorization: Basic [token]",
    "aws AKIAIOSFODNN7EXAMPLE": "aws [token]",
    "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig_x1": "got [jwt]",
    "Cookie: JSESSIONID=ABC; theme=dark": "Cookie: [cookie]",
    "x -----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4\nMIIE\n-----END RSA PRIVATE KEY----- y": "x [private_key] y",
    "-----BEGIN PRIVATE KEY-----\nMIIE cut off": "[private_key]",
}  # fmt: skip

KEPT = (
    "2026-11-25 22:10:48.123 INFO 10.0.0.12 GET /fhir/Patient?_count=10 in 35 ms",
    "id=3fa85f64-5717-4562-b3fc-2c963f66afa6 trace=4bf92f3577b34da6a3ce929d0e0e4736",
    "at 1732572648 and 1732572648123, 1732572648123456789 ns",
    "000-12-3456 and 666-12-3456 and 2024-078-05-1120",
    "order 4111111111111112",
    "143 476 5918 rows",
    "to DE88 3704 0044 0532 0130 00",
    "Patient Portal started; Patient Records Service is up",
    '{"name":"http.server","line":42,"thread":"worker-3"}',
    "java.lang.Exception at org.clinic.Main.run(Main.java:42)",
    "npm ERR! @angular/core@1.2.3 and @Override",
    "https://host:8443/path redirects",
    "password: must not be empty",
    "password=null token=none",
    "born in the wrong century",
    "released on 2026-01-02, version 10.20.30.40",
    "404 Not Found, 200 Access Point",
    "patient 3 of 7",
    "client.address=10.0.0.12 server_address=db.internal:5432",
    "phone=unknown email=none",
    "disk-1234567890123456789012 and task-abcdefghijklmnop1234",
    "MSH|^~\\&|LAB|HOSP|20260101120000||ORU^R01|12|P|2.5.1",
)


@pytest.mark.parametrize("line", FOUND, ids=range(len(FOUND)))
def test_it_is_removed(line: str) -> None:
    assert PLAIN.text(line)[0] == FOUND[line]


@pytest.mark.parametrize("line", KEPT, ids=range(len(KEPT)))
def test_it_stays(line: str) -> None:
    assert PLAIN.text(line) == (line, [])


@pytest.mark.parametrize("line", FOUND, ids=range(len(FOUND)))
def test_protecting_twice_is_protecting_once(line: str) -> None:
    once, _ = PLAIN.text(line)
    assert PLAIN.text(once) == (once, [])


def test_it_finds_the_administrators_own_record_numbers() -> None:
    own = protector(mrn_patterns=(r"\bKH-\d{8}\b",))
    assert own.text("opened KH-12345678, not KH-123")[0] == "opened [mrn], not KH-123"


@pytest.mark.parametrize("pattern", ["(", "(KH)-1", "x*"])
def test_it_refuses_a_pattern_that_cant_be(pattern: str) -> None:
    with pytest.raises(BadConfig, match=r"protect\.mrn_patterns"):
        protector(mrn_patterns=(pattern,))


@pytest.mark.parametrize("action", ["email", "mail=mask", "email=hide", "password=pseudonym"])
def test_it_refuses_an_action_that_cant_be(action: str) -> None:
    with pytest.raises(BadConfig, match=r"protect\.actions"):
        protector(actions=(action,))


def test_it_drops_what_is_to_be_dropped() -> None:
    assert protector(actions=("email=drop",)).text("to a@b.org now")[0] == "to  now"


def test_it_knows_words_of_the_dictionary() -> None:
    known = protector(known=("Zebrowski", "HX-9912"))
    assert known.text("seen zebrowski at HX-9912, not HX-99123")[0] == "seen [known] at [known], not HX-99123"


def test_a_pseudonym_is_the_same_for_the_same_identifier() -> None:
    pseudonyms = Protector(Protect(), KEYS, Known(KEYS), CollectorRegistry())
    one, _ = pseudonyms.text("MRN: AB-0012345 and MRN: ab0012345")
    first, second = (word for word in one.split() if word.startswith("pseudo:"))
    assert first == second == KEYS.pseudonym("mrn", "AB 0012345")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('"mrn":["A-123456", "B-223344"]', ["A-123456", "B-223344"]),
        ("mrn=[A-12345, B-9876]", ["A-12345", "B-9876"]),
        ('"dob":["1980-01-02","1990-03-04"]', ["1980-01-02", "1990-03-04"]),
        ('"given":["Julia","Elaine"]', ['Julia","Elaine']),
    ],
)
def test_all_values_of_a_list_are_found(text: str, values: list[str]) -> None:
    assert [text[start:end] for start, end, _ in Finder().find(text.encode())] == values


def test_a_list_of_objects_is_no_secret_as_fhirs_authorization() -> None:
    text = (
        b'"authorization":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"TREAT"}]}]'
    )
    assert Finder().find(text) == []
    assert Finder().find(text.replace(b'"', b'\\"')) == []
    assert [kind for _, _, kind in Finder().find(b'"authorization":["Bearer Zx9Qw8Er7Ty6Ui5Op4"]')] == ["token"]
