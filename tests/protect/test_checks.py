"""Check digits, ranges and dates: what is one, and what only nearly is."""

from __future__ import annotations

import pytest

from wardlight.protect import checks, looks


@pytest.mark.parametrize("text", [b"078-05-1120", b"219 09 9999", b"899123456"])
def test_it_is_a_social_security_number(text: bytes) -> None:
    assert checks.ssn(text)


@pytest.mark.parametrize(
    "text", [b"000-12-3456", b"666-12-3456", b"900-12-3456", b"123-00-4567", b"123-45-0000", b"123-45-678"]
)
def test_it_is_no_social_security_number(text: bytes) -> None:
    assert not checks.ssn(text)


@pytest.mark.parametrize("text", [b"943 476 5919", b"9434765919", b"401-023-2137"])
def test_it_is_an_nhs_number(text: bytes) -> None:
    assert checks.nhs(text)


@pytest.mark.parametrize("text", [b"943 476 5918", b"9434765910", b"1111111111", b"943476591"])
def test_it_is_no_nhs_number(text: bytes) -> None:
    assert not checks.nhs(text)


@pytest.mark.parametrize(
    "text", [b"4111 1111 1111 1111", b"378282246310005", b"5555-5555-5555-4444", b"6011111111111117", b"30569309025904"]
)
def test_it_is_a_payment_card(text: bytes) -> None:
    assert looks.card(text)


@pytest.mark.parametrize(
    "text", [b"4111111111111112", b"0000000000000000", b"1234567812345670", b"41111111", b"8" * 20]
)
def test_it_is_no_payment_card(text: bytes) -> None:
    assert not looks.card(text)


@pytest.mark.parametrize("text", [b"DE89370400440532013000", b"GB29 NWBK 6016 1331 9268 19", b"NO9386011117947"])
def test_it_is_an_iban(text: bytes) -> None:
    assert checks.iban(text) == len(text)


@pytest.mark.parametrize("text", [b"DE88370400440532013000", b"XX89370400440532013000", b"DE8937040044", b""])
def test_it_is_no_iban(text: bytes) -> None:
    assert checks.iban(text) == 0


def test_an_iban_ends_where_its_country_says() -> None:
    assert checks.iban(b"DE89 3704 0044 0532 0130 00 BIC COBADEFF") == 27


@pytest.mark.parametrize("text", [b"1980-02-29", b"31.12.1999", b"12/31/99", b"19800101", b"3 March 1971"])
def test_it_is_a_date(text: bytes) -> None:
    assert checks.birth_date(text)


@pytest.mark.parametrize("text", [b"1981-02-29", b"32.13.1999", b"1066-10-14", b"soon"])
def test_it_is_no_date(text: bytes) -> None:
    assert not checks.birth_date(text)
