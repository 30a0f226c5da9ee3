"""XML from strangers: no document types, no entities, nothing from the network, bounded in size and depth."""

from __future__ import annotations

from typing import Literal
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from wardlight.problems import BadInput, TooLarge

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
MAX_ELEMENTS = 200_000

_CUT_OFF = (
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
)
"""What Expat says when a document ends too early."""


def parse(document: bytes | str) -> Element:
    """Read a document; names are as in ElementTree, `{namespace}name`. Raises BadInput with line and column."""
    if len(document) > MAX_BYTES:
        raise TooLarge(f"the XML document is larger than {MAX_BYTES} bytes")
    building = _Building()
    try:
        building.parser.Parse(document, True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise BadInput(f"not well-formed XML: {reason}, line {error.lineno}, column {error.offset}") from None
    except (ValueError, LookupError) as error:
        raise BadInput(f"not XML that can be read: {error}") from None
    return building.tree.close()


def salvage(document: str) -> tuple[Element, Literal["", "truncated", "malformed"]]:
    """Read a document as far as it is well-formed, and say whether it was cut off there or has a fault.

    Elements that are open at the end have the attributes and children that were read; a text that was cut is left out.
    Raises BadInput for what `parse` refuses for safety, and where there isn't one element.
    """
    if len(document) > MAX_BYTES:
        raise TooLarge(f"the XML document is larger than {MAX_BYTES} bytes")
    building = _Building()
    try:
        building.parser.Parse(document, True)
    except expat.ExpatError as error:
        if not building.elements:
            raise BadInput(f"not XML: {expat.ErrorString(error.code)}") from None
        return building.closed(), "truncated" if error.code in _CUT_OFF else "malformed"
    except (ValueError, LookupError) as error:
        raise BadInput(f"not XML that can be read: {error}") from None
    return building.tree.close(), ""


class _Building:
    """Expat's events, made a tree within the bounds."""

    def __init__(self) -> None:
        self.tree = TreeBuilder()
        self.depth = self.elements = 0
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.tree.data

    def closed(self) -> Element:
        """Close what is open."""
        innermost = True
        while self.depth:
            self.depth -= 1
            element = self.tree.end("")
            if innermost and not len(element):
                element.text = None
            innermost = False
        return self.tree.close()

    def _refuse_doctype(self, *_: object) -> None:
        raise BadInput(f"XML with a document type isn't read, line {self.parser.CurrentLineNumber}")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.elements += 1
        if self.depth > MAX_DEPTH:
            raise BadInput(f"the XML is nested deeper than {MAX_DEPTH}, line {self.parser.CurrentLineNumber}")
        if self.elements > MAX_ELEMENTS:
            raise TooLarge(
                f"the XML has more than {MAX_ELEMENTS} elements, line {self.parser.CurrentLineNumber}; send it in parts"
            )
        self.tree.start(_name(name), {_name(key): value for key, value in attributes.items()})

    def _end(self, name: str) -> None:
        self.depth -= 1
        self.tree.end(_name(name))


def _name(name: str) -> str:
    return "{" + name if "}" in name else name
