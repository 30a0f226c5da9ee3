"""Keys rotate; what older ones made is still found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wardlight.problems import BadConfig
from wardlight.protect.keys import Keys
from wardlight.protect.known import Known


def test_a_pseudonym_names_its_kind_and_key() -> None:
    assert re.fullmatch(r"pseudo:mrn:k1:[A-Z2-7]{16}", Keys.new().pseudonym("mrn", "12345"))


def test_an_identifier_is_found_under_every_key() -> None:
    old = Keys.new()
    new = old.rotated()
    found = new.pseudonyms("12345", ["mrn"])
    assert found == [old.pseudonym("mrn", "12345"), new.pseudonym("mrn", "12345")]


def test_pseudonyms_differ_from_key_to_key() -> None:
    assert Keys.new().pseudonym("mrn", "1") != Keys.new().pseudonym("mrn", "1")


def test_keys_are_kept_in_a_file_of_their_owner_alone(tmp_path: Path) -> None:
    keys = Keys.new().rotated()
    keys.write(tmp_path / "keys")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert Keys.read(tmp_path / "keys").all == keys.all


@pytest.mark.parametrize("text", ["k1 !", "k2 " + "A" * 43 + "=", "k1 QUJD", ""])
def test_a_file_that_holds_no_keys_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_text(text)
    with pytest.raises(BadConfig) as refused:
        Keys.read(tmp_path / "keys")
    assert "QUJD" not in str(refused.value)


def test_known_identifiers_are_kept_hashed(tmp_path: Path) -> None:
    keys = Keys.new()
    Known.of(keys, ["Zebrowski", "no", "two words"]).write(tmp_path / "known")
    assert b"ebrowski" not in (tmp_path / "known").read_bytes()
    again = Known.read(keys.rotated(), tmp_path / "known")
    assert len(again) == 1
    assert [kind for _, _, kind in again.add_to([], b"x zebrowski\0y")] == ["known"]
