"""LogQL's tokens. Their names are those that Loki's messages use: `IDENTIFIER`, `STRING`, `$end`, `|=`, `by`, `SUM`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from wardlight.problems import BadInput
from wardlight.query import units


class ParseError(BadInput):
    """A query that can't be read; the message says where, what was found and what was expected, in Loki's words."""

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        self.line, self.column = line, column
        where = f" at line {line}, col {column}: " if line else " : "
        super().__init__(f"parse error{where}{reason}")

    def worded(self, message: str) -> Self:
        """Tell the same fault in other words."""
        self.args = (message,)
        return self


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its kind, its value (text; nanoseconds of DURATION and RANGE; BYTES' number), where it begins."""

    kind: str
    text: str
    number: int
    line: int
    column: int


MAX_QUERY_BYTES = 131_072
END = "$end"

RANGE_FUNCTIONS = (
    "rate", "rate_counter", "count_over_time", "bytes_rate", "bytes_over_time", "avg_over_time", "sum_over_time",
    "min_over_time", "max_over_time", "stdvar_over_time", "stddev_over_time", "quantile_over_time", "first_over_time",
    "last_over_time", "absent_over_time",
)  # fmt: skip
VECTOR_FUNCTIONS = (
    "sum", "avg", "max", "min", "count", "stddev", "stdvar", "bottomk", "topk", "sort", "sort_desc", "approx_topk",
)  # fmt: skip
CONVERSIONS = {"bytes": "BYTES_CONV", "duration": "DURATION_CONV", "duration_seconds": "DURATION_SECONDS_CONV"}

_KEYWORDS = frozenset((
    "by", "without", "bool", "offset", "on", "ignoring", "group_left", "group_right", "or", "and", "unless", "unwrap",
    "json", "regexp", "logfmt", "unpack", "pattern", "label_format", "line_format", "decolorize", "drop", "keep",
))  # fmt: skip
_FUNCTIONS = {
    **{name: name.upper() for name in (*RANGE_FUNCTIONS, *VECTOR_FUNCTIONS, "vector")},
    **CONVERSIONS,
    "ip": "ip",
    "label_replace": "label_replace",
}
"""Words that mean a function only before `(` or a grouping; elsewhere they are plain identifiers."""

_SCAN = re.compile(
    r"""
      (?P<blank>[ \t\r\n]+|\#[^\n]*|//[^\n]*|/\*.*?\*/)
    | (?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    | (?P<open>["`]|/\*)
    | (?P<number>0[xX][0-9a-fA-F_]+(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?\d+)?|0[bB][01_]+|0[oO][0-7_]+
        |(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
    | (?P<word>[^\W\d]\w*)
    | (?P<range>\[[^\]]*\]?)
    | (?P<flag>--(?:strict|keep-empty)(?![a-zA-Z-]))
    | (?P<sign>\|=|\|~|\|>|!=|!~|!>|=~|==|>=|<=|[,.{}=|()+\-*/%^<>\]])
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_DURATION = re.compile(r"[\d.]*[nuµmshdwy][\d.nuµmshdwy]*")
_BYTES = re.compile(r"[\d.BikKMGTP]+")
_CALL = re.compile(r"\s*(?:\(|(?:by|without)\s*\()", re.IGNORECASE)


def tokens(query: str) -> Iterator[Token]:
    """Cut a query into tokens, the last of which is `$end`. Raises ParseError."""
    if len(query.encode("utf-8", "surrogatepass")) >= MAX_QUERY_BYTES:
        raise ParseError(f"input size too long ({len(query)} > {MAX_QUERY_BYTES})")
    at, line, line_start = 0, 1, 0
    while at < len(query):
        found = _SCAN.match(query, at)
        assert found is not None  # noqa: S101 -- the last alternative takes any character
        column = at - line_start + 1
        token, end = _token(query, found, line, column)
        if token is not None:
            yield token
        newlines = query.count("\n", at, end)
        if newlines:
            line, line_start = line + newlines, query.rindex("\n", at, end) + 1
        at = end
    yield Token(END, "", 0, line, at - line_start + 1)


def _token(query: str, found: re.Match[str], line: int, column: int) -> tuple[Token | None, int]:
    """Make one token of what was matched; return it (None for blanks) and where the next one begins."""
    group, text, end = str(found.lastgroup), found[0], found.end()
    if group == "blank":
        return None, end
    if group == "open" or text == "\0":
        raise ParseError("literal not terminated" if text != "\0" else "invalid character NUL", line, column)
    if group == "string":
        return Token("STRING", _unquote(text, line, column), 0, line, column), end
    if group == "number":
        return _quantity(query, found, line, column)
    if group == "range":
        return _range(text, line, column), end
    if group == "flag":
        return Token("FUNCTION_FLAG", text, 0, line, column), end
    if text == "-" and (unit := _DURATION.match(query, end)):
        try:
            return Token("DURATION", text, units.parse_duration(text + unit[0]), line, column), unit.end()
        except ValueError:
            pass
    if group == "word":
        return Token(_word_kind(query, text.lower(), end), text, 0, line, column), end
    return Token(text if group == "sign" else "IDENTIFIER", text, 0, line, column), end


def _word_kind(query: str, word: str, end: int) -> str:
    """Name a word's token: functions only where they are called."""
    if word in _FUNCTIONS and _CALL.match(query, end):
        return _FUNCTIONS[word]
    return word if word in _KEYWORDS else "IDENTIFIER"


def _quantity(query: str, found: re.Match[str], line: int, column: int) -> tuple[Token, int]:
    """A number, or with its unit a duration or a size: `5m`, `1.5KiB`."""
    for kind, pattern, parse in (("DURATION", _DURATION, units.parse_duration), ("BYTES", _BYTES, units.parse_bytes)):
        unit = pattern.match(query, found.end())
        if unit is not None:
            try:
                return Token(kind, found[0] + unit[0], parse(found[0] + unit[0]), line, column), unit.end()
            except ValueError:
                continue
    return Token("NUMBER", found[0], 0, line, column), found.end()


def _range(text: str, line: int, column: int) -> Token:
    """The `[5m]` of a range."""
    if not text.endswith("]"):
        raise ParseError("missing closing ']' in duration", line, column)
    try:
        return Token("RANGE", text, units.parse_prometheus_duration(text[1:-1]), line, column)
    except ValueError as error:
        raise ParseError(str(error), line, column) from None


_ESCAPE = re.compile(
    rb"\\(?:([abfnrtv\\\"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.|$))", re.DOTALL
)
_SIMPLE = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def _unquote(text: str, line: int, column: int) -> str:
    """Read a string literal of Go: back-quoted as it stands, double-quoted with escapes."""
    if text[0] == "`":
        return text[1:-1].replace("\r", "")

    def replace(found: re.Match[bytes]) -> bytes:
        simple, octal, byte, short, long, _ = found.groups()
        if simple:
            return _SIMPLE.get(simple, simple)
        if octal and int(octal, 8) < 256:
            return bytes([int(octal, 8)])
        if byte:
            return bytes([int(byte, 16)])
        code = int(short or long or b"ffffffff", 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise ParseError("invalid char escape", line, column)
        return chr(code).encode()

    raw = text[1:-1].encode("utf-8", "replace")
    return _ESCAPE.sub(replace, raw).decode("utf-8", "replace")
