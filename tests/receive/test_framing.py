"""Cutting a stream into syslog messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardlight.receive.framing import Framer

LIMIT = 50


def cut(*pieces: bytes, limit: int = LIMIT) -> list[bytes]:
    framer = Framer(limit)
    return [message for piece in pieces for message in framer.feed(piece)] + framer.end()


@pytest.mark.parametrize(
    ("stream", "messages"),
    [
        (b"<1>a\n<2>b\n", [b"<1>a", b"<2>b"]),
        (b"<1>a\n<2>unfinished", [b"<1>a", b"<2>unfinished"]),
        (b"<1>a\n\n\n<2>b\n", [b"<1>a", b"<2>b"]),
        (b"<1>a\n2026 is a line\n", [b"<1>a", b"2026 is a line"]),
        (b"4 <1>a5 <2>bc", [b"<1>a", b"<2>bc"]),
        (b"6 <1>a\nb4 <2>c", [b"<1>a\nb", b"<2>c"]),
        (b"4 <1>a\n4 <2>b\n", [b"<1>a", b"<2>b"]),
        (b"9 <1>unfinished", [b"<1>unfini", b"shed"]),
        (b"20 <1>unfinished", [b"<1>unfinished"]),
        (b"4 <1>a<2>no count\n4 <3>b", [b"<1>a", b"<2>no count", b"<3>b"]),
        (b"", []),
        (b"12", []),
    ],
)
def test_it_cuts_by_counts_or_by_lines(stream: bytes, messages: list[bytes]) -> None:
    assert cut(stream) == messages


@pytest.mark.parametrize("counted", [True, False])
def test_of_a_message_that_is_too_long_the_beginning_is_given(counted: bool) -> None:
    long, short = b"<1>" + b"x" * 500, b"<2>b"
    stream = b"".join(b"%d %s" % (len(m), m) if counted else m + b"\n" for m in (long, short))
    for size in (1, 7, len(stream)):
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert cut(*pieces) == [long[: LIMIT + 1], short]


MESSAGES = st.lists(
    st.binary(min_size=1, max_size=LIMIT).map(lambda tail: b"<" + tail.replace(b"\n", b" ")[:-1] + b".")
)


@given(MESSAGES, st.booleans(), st.integers(1, 40))
def test_the_pieces_do_not_matter(messages: list[bytes], counted: bool, size: int) -> None:
    stream = b"".join(b"%d %s" % (len(m), m) if counted else m + b"\n" for m in messages)
    assert cut(*[stream[at : at + size] for at in range(0, len(stream), size)]) == messages


@given(st.binary(max_size=300), st.integers(1, 40))
def test_whatever_comes_it_goes_on_and_invents_nothing(stream: bytes, size: int) -> None:
    messages = cut(*[stream[at : at + size] for at in range(0, len(stream), size)])
    assert sum(map(len, messages)) <= len(stream)
    assert all(len(message) <= LIMIT + 1 for message in messages)


AUDIT = b"""<13>Nov 25 10:00:00 emr openemr: <?xml version="1.0"?>
<AuditMessage>
  <EventIdentification/>
</AuditMessage>"""


@pytest.mark.parametrize("cut", [*range(1, len(AUDIT), 7), len(AUDIT)])
def test_an_audit_message_on_several_lines_is_one(cut: int) -> None:
    framer = Framer(1000)
    stream = AUDIT + b"\n<13>Nov 25 10:00:01 emr app: next\n"
    assert framer.feed(stream[:cut]) + framer.feed(stream[cut:]) == [AUDIT, b"<13>Nov 25 10:00:01 emr app: next"]


def test_one_that_never_ends_is_given_up_at_the_next_message() -> None:
    cut = AUDIT.removesuffix(b"</AuditMessage>").rstrip()
    assert Framer(1000).feed(cut + b"\n<13>next\n") == [cut, b"<13>next"]


def test_one_that_the_connections_end_cuts_is_kept() -> None:
    framer = Framer(1000)
    assert framer.feed(AUDIT[:-5] + b"\n") == []
    assert framer.end() == [AUDIT[:-5]]


def test_one_that_is_too_long_is_given_in_pieces() -> None:
    framer = Framer(50)
    found = framer.feed(b"<13><AuditMessage>\n" + b"<x/>\n" * 100 + b"<13>next\n")
    assert found[-1] == b"<13>next"
    assert len(found) > 2
