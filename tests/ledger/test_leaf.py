from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.conftest import Open

from wardlight.ledger import Ledger
from wardlight.ledger.leaf import leaf, unleaf
from wardlight.problems import BadInput, NotFound

SALT = bytes(range(16))
LARGE = b"x" * 70_000


@given(event=st.binary(max_size=100), salt=st.binary(min_size=16, max_size=16))
def test_an_entry_reads_back(event: bytes, salt: bytes) -> None:
    found = unleaf(leaf(event, salt))
    assert (found.event, found.salt) == (event, salt)
    assert found.must_be(event) == event


def test_the_encoding_is_the_one_that_is_written_down() -> None:
    assert leaf(b"event", SALT) == b"\1" + SALT + b"event"
    assert leaf(bytes(65518), SALT) == b"\1" + SALT + bytes(65518)
    assert leaf(bytes(65519), SALT)[:17] == b"\2" + SALT
    assert len(leaf(bytes(65519), SALT)) == 49


def test_salts_keep_equal_events_apart() -> None:
    assert unleaf(leaf(LARGE, SALT)).digest != unleaf(leaf(LARGE, bytes(16))).digest


@pytest.mark.parametrize("entry", [b"", b"\1short", b"\3" + SALT + b"event", b"\2" + SALT + b"no digest"])
def test_what_is_encoded_otherwise_is_refused(entry: bytes) -> None:
    with pytest.raises(BadInput):
        unleaf(entry)


def test_a_salt_of_another_length_is_refused() -> None:
    with pytest.raises(BadInput):
        leaf(b"event", b"salt")


def test_a_large_event_is_kept_beside_the_log(start: Open) -> None:
    ledger = start()
    entry = ledger.entry(LARGE, SALT)
    ledger.append([entry])
    again = start()
    assert again.event(again.read(0, 1)[0]) == LARGE
    assert not list(again.directory.rglob(unleaf(entry).digest.hex())), "what is published has the digest only"


def test_a_large_event_that_is_missing_or_changed_is_told(ledger: Ledger) -> None:
    entry = ledger.entry(LARGE, SALT)
    path = ledger.directory.parent / "large" / unleaf(entry).digest.hex()
    path.write_bytes(b"y" * 70_000)
    with pytest.raises(BadInput, match="isn't the one"):
        ledger.event(entry)
    path.unlink()
    with pytest.raises(NotFound, match="missing"):
        ledger.event(entry)
