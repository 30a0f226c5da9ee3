from __future__ import annotations

from pathlib import Path

import pytest

from wardlight.ledger.note import WITNESS, Checkpoint, Signer, Verifier, open_checkpoint, open_note, split
from wardlight.problems import BadInput

TESSERA = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"

LOG = Signer("example.com/log", bytes(range(32)))
OTHER = Signer("example.com/log", bytes(32))
EYE = Signer("witness.example/eye", bytes(range(1, 33)), WITNESS)
TEXT = Checkpoint("example.com/log", 12, bytes(32)).text


def test_every_checkpoint_of_another_log_opens(conformance: Path) -> None:
    log = Verifier.parse(TESSERA)
    paths = sorted((conformance / "tessera-log" / "log").glob("checkpoint.*"))
    sizes = [open_checkpoint(path.read_text(), log).checkpoint.size for path in paths]
    assert sorted(sizes) == list(range(16))


def test_keys_read_back() -> None:
    assert Verifier.parse(TESSERA).vkey == TESSERA
    assert Signer.parse(LOG.skey) == LOG
    assert Verifier.parse(EYE.verifier.vkey) == EYE.verifier


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        TESSERA.replace("33d7b496", "33d7b497"),
        TESSERA.replace("AeHT", "AuHT"),
        TESSERA[:-4],
        "a b" + TESSERA,
    ],
)
def test_a_damaged_key_is_refused(vkey: str) -> None:
    with pytest.raises(BadInput):
        Verifier.parse(vkey)


def test_a_cosigned_checkpoint_tells_who_saw_it_when() -> None:
    note = f"{TEXT}\n{LOG.line(TEXT)}{EYE.line(TEXT, 1_700_000_000)}"
    found = open_checkpoint(note, LOG.verifier, [EYE.verifier])
    assert found.checkpoint == Checkpoint("example.com/log", 12, bytes(32))
    assert found.cosigners == ((EYE.verifier, 1_700_000_000),)


def test_signatures_of_unknown_keys_count_for_nothing() -> None:
    note = f"{TEXT}\n{LOG.line(TEXT)}{OTHER.line(TEXT)}{EYE.line(TEXT, 1)}"
    assert open_note(note, [LOG.verifier]).signers == ((LOG.verifier, None),)


def test_a_checkpoint_that_the_log_has_not_signed_is_refused() -> None:
    with pytest.raises(BadInput, match="isn't signed by"):
        open_checkpoint(f"{TEXT}\n{OTHER.line(TEXT)}", LOG.verifier)


def test_a_checkpoint_of_another_origin_is_refused() -> None:
    text = Checkpoint("example.com/other", 12, bytes(32)).text
    with pytest.raises(BadInput, match=r"of the log example.com/other"):
        open_checkpoint(f"{text}\n{LOG.line(text)}", LOG.verifier)


def test_no_byte_of_a_checkpoint_can_be_changed() -> None:
    note = f"{TEXT}\n{LOG.line(TEXT)}".encode()
    for at in range(len(note)):
        for flip in (1, 32, 128):
            changed = bytearray(note)
            changed[at] ^= flip
            with pytest.raises((BadInput, UnicodeDecodeError)):
                open_checkpoint(changed.decode(), LOG.verifier)


@pytest.mark.parametrize(
    "text",
    ["", "o\n1\n", "o\n01\nAAAA\n", "o\n-1\n" + TEXT.split("\n")[2], "o\n１\n" + TEXT.split("\n")[2], "\n1\nx\n"],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "note", ["", "text\n", "text\n\n", "text\n\nno dash\n", f"{TEXT}\n— name\n", f"{TEXT}\n— n AAAA\n"]
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(BadInput):
        split(note)


def test_a_note_with_too_many_signatures_is_refused() -> None:
    with pytest.raises(BadInput):
        split(f"{TEXT}\n" + LOG.line(TEXT) * 101)
