"""Batches: bodies, attributes and labels without identifiers, and a note of what was removed."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from wardlight.config import Protect
from wardlight.problems import BadConfig
from wardlight.protect.keys import Key, Keys
from wardlight.protect.known import Known
from wardlight.protect.notes import NOTE
from wardlight.protect.protector import Protector
from wardlight.records import SCHEMA, Decoded

KEYS = Keys((Key("k1", bytes(32)),))


def batch(*records: dict[str, Any]) -> Decoded:
    plain = {
        "ts": 1, "kind": "application", "stream": '{"service_name":"x"}', "body": "", "severity": 9, "trace_id": bytes(16),
        "span_id": bytes(8), "user_id": "", "patient_id": "", "attributes": {},
    }  # fmt: skip
    rows = [plain | record for record in records]
    columns = []
    for field in SCHEMA:
        values = [list(row[field.name].items()) if field.name == "attributes" else row[field.name] for row in rows]
        if field.name == "kind":
            names = ["application", "security", "error", "audit"]
            codes = pa.array([names.index(value) for value in values], pa.int8())
            columns.append(pa.DictionaryArray.from_arrays(codes, pa.array(names)))
        elif field.name == "attributes":
            keys = pa.array([key for value in values for key, _ in value], pa.string()).dictionary_encode()
            items = pa.array([item for value in values for _, item in value], pa.string())
            offsets = [sum(map(len, values[:at])) for at in range(len(values) + 1)]
            columns.append(pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, items))
        else:
            columns.append(pa.array(values, field.type))
    return Decoded(pa.record_batch(columns, schema=SCHEMA))


def protector(registry: CollectorRegistry | None = None, **given_: Any) -> Protector:
    return Protector(Protect(**given_), KEYS, Known(KEYS), registry or CollectorRegistry())


PLAIN = protector()


def rows(protected: pa.RecordBatch) -> list[dict[str, Any]]:
    return [row | {"attributes": dict(row["attributes"])} for row in protected.to_pylist()]


def test_a_batch_with_nothing_in_it_is_the_same_batch() -> None:
    came = batch({"body": "all is well", "attributes": {"http_route": "/x"}})
    assert PLAIN.protect(came) is not None
    assert PLAIN.protect(came).equals(came)


def test_a_record_says_what_was_removed_where() -> None:
    came = batch(
        {"body": "fine"},
        {"body": "a@b.org and c@d.org", "attributes": {"http_url": "/x?ssn=078-05-1120", "n": "1"}},
        {"body": "fine too", "attributes": {"n": "2"}},
    )
    none, one, other = rows(PLAIN.protect(came))
    assert one["body"] == "[email] and [email]"
    assert one["attributes"] == {"http_url": "/x?ssn=[ssn]", "n": "1", NOTE: "body:email*2,attributes.http_url:ssn"}
    assert none["attributes"] == {}
    assert other["attributes"] == {"n": "2"}


def test_attributes_that_always_carry_an_identifier_go_whole() -> None:
    came = batch({"attributes": {"patient_name": "x y", "request_user_email": "?a", "client_address": "10.0.0.1"}})
    kept = rows(PLAIN.protect(came))[0]["attributes"]
    assert kept["patient_name"] == "[name]"
    assert kept["request_user_email"] == "[email]"
    assert kept["client_address"] == "10.0.0.1"


def test_numbers_of_people_go_from_the_names_of_attributes() -> None:
    named = {"patients_943_476_5919": "seen", "http_status_code": "200", "patient_name_shown": "yes"}
    plain, audit = rows(PLAIN.protect(batch({"attributes": named}, {"attributes": named, "kind": "audit"})))
    name = next(name for name in plain["attributes"] if name.startswith("patients_"))
    assert name == "patients_" + KEYS.pseudonym("nhs", "9434765919").replace(":", "_")
    assert plain["attributes"] == {
        name: "seen", "http_status_code": "200", "patient_name_shown": "yes", NOTE: f"attributes.{name}:nhs"
    }  # fmt: skip
    assert audit["attributes"] == named


def test_the_list_of_attributes_is_a_setting() -> None:
    ours = protector(attributes=("ward.bed=address", "patient_name=keep"))
    kept = rows(ours.protect(batch({"attributes": {"ward_bed": "7b", "patient_name": "x y"}})))[0]["attributes"]
    assert (kept["ward_bed"], kept["patient_name"]) == ("[address]", "x y")


def test_columns_of_identifiers_stay_unless_configured() -> None:
    came = batch({"user_id": "u1", "patient_id": "p1"}, {"user_id": "", "patient_id": "p2", "kind": "audit"})
    assert PLAIN.protect(came).equals(came)
    one, audit = rows(protector(columns=("patient_id",)).protect(came))
    assert (one["user_id"], one["patient_id"]) == ("u1", KEYS.pseudonym("mrn", "p1"))
    assert audit["patient_id"] == "p2"


def test_another_column_is_refused() -> None:
    with pytest.raises(BadConfig, match=r"protect\.columns"):
        protector(columns=("body",))


def test_audit_records_lose_secrets_only() -> None:
    came = batch(
        {
            "kind": "audit",
            "body": "a@b.org password=hunter2",
            "attributes": {"patient_name": "x", "api_key": "abcdefg1"},
        }
    )
    (row,) = rows(PLAIN.protect(came))
    assert row["body"] == "a@b.org password=[password]"
    assert row["attributes"]["patient_name"] == "x"
    assert row["attributes"]["api_key"] == "[token]"


@pytest.mark.parametrize(
    ("text", "protected"),
    [
        ("a@b.org-----BEGIN PRIVATE KEY-----", "[email][private_key]"),
        ("Patient 4411829 078-05-1120John 555-123-4567", "Patient [mrn] 078-05-1120John [phone]"),
        ("PID|a@b.org||48110045||DOE^JANE", "PID|[email]||[mrn]||[name]"),
    ],
)
def test_what_removing_one_thing_uncovers_is_removed_too(text: str, protected: str) -> None:
    masks = protector(actions=("mrn=mask", "phone=mask"))
    assert masks.text(text)[0] == protected
    assert rows(masks.protect(batch({"body": text})))[0]["body"] == protected


@pytest.mark.parametrize(
    "text",
    [
        '"token":["[token]"]',
        '"token":["[token]","[token]"]',
        '"address":[[address]"],"country":"US"}]',
        "Cookie: '[cookie]\n61",
    ],
)
def test_lists_and_cookies_that_were_replaced_stay_as_they_are(text: str) -> None:
    assert PLAIN.text(text) == (text, [])


def test_what_stands_in_a_list_behind_something_replaced_is_removed() -> None:
    assert PLAIN.text('"token":["[token]","Zx9Qw8Er7Ty6"]')[0] == '"token":["[token]","[token]"]'


def test_labels_are_protected_too() -> None:
    (row,) = rows(PLAIN.protect(batch({"stream": '{"owner":"a@b.org"}'})))
    assert row["stream"] == '{"owner":"[email]"}'
    assert row["attributes"][NOTE] == "stream:email"


def test_it_can_be_turned_off() -> None:
    came = batch({"body": "a@b.org"})
    assert protector(enabled=False).protect(came).equals(came)


def test_an_identifier_doesnt_reach_from_one_record_into_the_next() -> None:
    came = batch({"body": "password="}, {"body": "hunter2"}, {"body": "078-05-"}, {"body": "1120"})
    assert PLAIN.protect(came).equals(came)


def test_slices_and_long_batches_are_protected_alike() -> None:
    many = batch(*({"body": f"{at}" if at % 7 else "a@b.org", "attributes": {"n": str(at)}} for at in range(20_000)))
    done = PLAIN.protect(Decoded(many.slice(3, 19_000)))
    assert done.num_rows == 19_000
    assert done.schema == SCHEMA
    bodies = done["body"].to_pylist()
    assert bodies == [f"{at}" if at % 7 else "[email]" for at in range(3, 19_003)]


def test_metrics_count_kinds_and_never_tell_a_value() -> None:
    registry = CollectorRegistry()
    protector(registry).protect(batch({"body": "a@b.org a@b.org"}))
    text = generate_latest(registry).decode()
    assert 'wardlight_protected_total{action="mask",kind="email"} 2.0' in text
    assert "b.org" not in text


PIECES = st.sampled_from(
    (
        "a@b.org", "078-05-1120", "password=", "hunter2", "patient ", "John Smith", "dob ", "1980-01-02", "(555) 123-4567", '"name":"',
        '"', "\\", "[", "]", "[email]", "PID|1||", "|", "^", "4111111111111111", "DE89370400440532013000", "-----BEGIN PRIVATE KEY-----",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWI", "://u:", "@", " ", "\n", "\0", "=", ":", "-", "Mr. ", "ü", "12 Main Street", "pseudo:mrn:k1:",
        "given", "token ", "Authorization: ", "Bearer ", "cookie: ", "943 476 5919", "+44 20 7946 0018", "x",
    )
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join))


# Always the same texts: of a million like these, eight are nonsense enough to change once more.
@settings(max_examples=400, deadline=None, derandomize=True)
@given(TEXTS)
@example('password="[[')
def test_no_text_breaks_it_and_protecting_twice_is_protecting_once(text: str) -> None:
    came = batch({"body": text.encode("utf-8", "replace").decode(), "attributes": {"n": "1"}})
    once = PLAIN.protect(came)
    assert PLAIN.protect(Decoded(once)).to_pylist() == once.to_pylist()


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abc .,;=:\"'|\n", max_size=40), st.text(alphabet="abc .,;=:\"'|\n", max_size=40))
def test_nothing_of_what_was_masked_remains(before: str, after: str) -> None:
    text = PLAIN.text(f"{before} zq7x@hospital.example {after}")[0]
    assert "zq7x" not in text


@pytest.mark.parametrize(
    "hostile", ["a" * 200_000, "password=" * 20_000, '"name":"' * 20_000, "1-" * 100_000, "@a." * 60_000, "eyJaaaaaaaa-" * 15_000,
                "phone " * 30_000, "PID|" * 50_000, "A " * 100_000, "://" * 60_000, "\\" * 100_000, 'name=\\\\"' * 10_000],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_hostile_lines_come_to_an_end(hostile: str) -> None:
    assert PLAIN.protect(batch({"body": hostile})).num_rows == 1


def test_a_note_of_another_kind_of_removal_is_added_to_the_first() -> None:
    came = batch({"body": "a@b.org", "attributes": {NOTE: "body:ssn", "n": "1"}}, {"attributes": {NOTE: "body:x"}})
    first, second = rows(PLAIN.protect(came))
    assert first["attributes"] == {"n": "1", NOTE: "body:ssn,body:email"}
    assert second["attributes"] == {NOTE: "body:x"}
    assert not re.search("b.org", str(first))
