"""What stands in the place of the table, for those who see no patients."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import NOW
from tests.seeing import batch_of, row, told_of

from wardlight.access.roles import NOTHING, SIGHTS, Role
from wardlight.protect.keys import Keys
from wardlight.records import KINDS, Sight
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.newest import active_users, newest
from wardlight.store.sight import PATIENT, View, pseudonym

KEYS = Keys.new().rotated()
MASKED = View(Sight(masked=True), KEYS)
PATIENT_ID = "MRN-0047-11"


@pytest.fixture
def told(store: EmbeddedStore) -> EmbeddedStore:
    store.insert([batch_of(told_of(PATIENT_ID))])
    return store


@given(st.text(max_size=20) | st.from_regex(r"[A-Z]{2}-[0-9]{4,8}", fullmatch=True))
def test_the_engine_writes_pseudonyms_as_protection_does(module_store: EmbeddedStore, value: str) -> None:
    sql = f"SELECT {pseudonym('v')} AS v FROM (SELECT {{value:String}} AS v)"
    (found,) = module_store.select(sql, {**MASKED.params, "value": value}).to_pylist()
    assert found["v"] == (KEYS.pseudonym(PATIENT, value) if value else "")


def test_a_pseudonym_stays_itself(module_store: EmbeddedStore) -> None:
    old = Keys(KEYS.all[:1]).pseudonym("nhs", "943 476 5919")
    sql = f"SELECT {pseudonym('v')} AS v FROM (SELECT {{value:String}} AS v)"
    assert module_store.select(sql, {**MASKED.params, "value": old})["v"].to_pylist() == [old]


def test_the_patient_is_nowhere_and_the_pseudonym_in_its_place(told: EmbeddedStore) -> None:
    rows = told.select(f"SELECT * EXCEPT (raw_user, raw_patient, words, stream) FROM {MASKED.source()}", MASKED.params)
    assert PATIENT_ID not in str(rows.to_pylist())
    shown = {row["ts"].value // 10**9 - NOW // 10**9: row for row in rows.to_pylist()}
    known = KEYS.pseudonym(PATIENT, PATIENT_ID)
    assert shown[1]["line"] == f"opened chart {known} in 5ms"
    assert dict(shown[1]["attributes"]) == {
        "health_record_id": known,
        "note": KEYS.pseudonym(PATIENT, f"about {PATIENT_ID}"),
        "status": "200",
    }
    assert dict(shown[2]["attributes"]) == {"health_record_id": known}
    assert (shown[4]["user_id"], shown[4]["patient_id"]) == (known, known)


def test_of_an_audit_record_only_what_is_harmless_stays(told: EmbeddedStore) -> None:
    rows = told.select(
        f"SELECT * EXCEPT stream FROM {MASKED.source()} WHERE kind = 'audit' ORDER BY ts", MASKED.params
    ).to_pylist()
    assert [row["line"] for row in rows] == [
        "audit record.access Patient R success",
        "audit",
        "audit user.login failure",
    ]
    assert "Roe" not in str(rows)
    first = dict(rows[0]["attributes"])
    assert first["client_address"] == "10.0.0.7"
    assert first["health_record_id"] == KEYS.pseudonym(PATIENT, PATIENT_ID)
    assert first["reason"].startswith("pseudo:")
    assert [row["user_id"] for row in rows] == ["u1", "u3", "u3"]


@pytest.mark.parametrize("sight", [Sight(), Sight(frozenset({"error"})), *SIGHTS.values(), NOTHING])
def test_only_the_kinds_that_are_seen_are_there(told: EmbeddedStore, sight: Sight) -> None:
    view = View(sight, KEYS)
    found = {kind for kind in KINDS if newest(told, view, kind, 10)}
    assert found == sight.kinds
    if sight.masked:
        seen = told.select(f"SELECT DISTINCT kind FROM {view.source()}", view.params)["kind"].to_pylist()
        assert set(seen) == sight.kinds


def test_newest_lines_are_of_the_view(told: EmbeddedStore) -> None:
    lines = [line.body for kind in KINDS for line in newest(told, MASKED, kind, 10)]
    assert len(lines) == len(told_of(PATIENT_ID))
    assert PATIENT_ID not in str(lines)
    assert PATIENT_ID in str(newest(told, View(Sight(), KEYS), "audit", 10))


def test_active_users_are_of_the_view(told: EmbeddedStore) -> None:
    users = {user.name for user in active_users(told, MASKED, NOW, 10)}
    assert users == {"u1", "u2", "u3", KEYS.pseudonym(PATIENT, PATIENT_ID)}
    developer = {user.name for user in active_users(told, View(SIGHTS[Role.DEVELOPER], KEYS), NOW, 10)}
    assert developer == {"u1", "u2"}
    assert PATIENT_ID in {user.name for user in active_users(told, View(Sight(), KEYS), NOW, 10)}


def test_a_patient_is_meant_by_each_pseudonym_there_may_be(store: EmbeddedStore) -> None:
    old = Keys(KEYS.all[:1]).pseudonym(PATIENT, PATIENT_ID)
    store.insert([batch_of([row(1, "application", "x", labels={}, patient=old)])])
    assert old in MASKED.meant(PATIENT_ID)
    assert View(Sight(masked=True, finds=False), KEYS).meant(PATIENT_ID) == (PATIENT_ID,)
