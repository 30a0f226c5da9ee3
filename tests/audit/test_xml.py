"""XML from strangers is read within bounds, or refused."""

from __future__ import annotations

import pytest

from wardlight.audit import xml
from wardlight.problems import BadInput, TooLarge


def test_names_carry_their_namespace() -> None:
    tree = xml.parse('<a xmlns="urn:x" b="1"><c>text</c></a>')
    assert (tree.tag, tree.attrib, tree[0].tag, tree[0].text) == ("{urn:x}a", {"b": "1"}, "{urn:x}c", "text")


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a/>',
        "<a>&undefined;</a>",
        "<a><b></a>",
        "",
        "no xml",
        "<a>" * 65 + "</a>" * 65,
        "<a>" + "<b/>" * 200_000 + "</a>",
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
    ],
    ids=lambda document: repr(document[:24]),
)
def test_what_is_not_plain_xml_is_refused(document: bytes | str) -> None:
    with pytest.raises(BadInput):
        xml.parse(document)


def test_entities_that_multiply_are_refused_before_they_do() -> None:
    bomb = '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><l>&b;</l>'
    with pytest.raises(BadInput, match="document type"):
        xml.parse(bomb)


def test_a_document_has_a_largest_size() -> None:
    with pytest.raises(TooLarge):
        xml.parse(b" " * (xml.MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ("<a><b c='1'/></a>", ""),
        ("<a><b c='1'/><d e='", "truncated"),
        ("<a><b c='1'>text that is c", "truncated"),
        ("<a><b c='1'/>&undefined;</a>", "malformed"),
        ("<a><b c='1'/></a> and more", "malformed"),
    ],
)
def test_what_stands_before_a_fault_can_be_read(document: str, fault: str) -> None:
    tree, found = xml.salvage(document)
    assert (found, [(one.tag, one.attrib, one.text) for one in tree]) == (fault, [("b", {"c": "1"}, None)])


@pytest.mark.parametrize("document", ["", "no xml", '<!DOCTYPE a SYSTEM "a.dtd"><a/>', "<a>" * 65, "<a", "\udcff"])
def test_without_one_element_or_safety_nothing_is_read(document: str) -> None:
    with pytest.raises(BadInput):
        xml.salvage(document)
