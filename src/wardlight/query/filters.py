"""Filters on lines and labels as SQL conditions."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Protocol

from wardlight.query import tree, units
from wardlight.query.labels import ABSENT
from wardlight.query.patterns import parse_line_pattern
from wardlight.query.sql import Binder, all_of, any_of
from wardlight.query.tree import regexp

_WORD = re.compile(r"[0-9A-Za-z]+")
_COMPARE = {"==": "=", "!=": "!=", ">": ">", ">=": ">=", "<": "<", "<=": "<="}


# ---- lines ----


def line_condition(stage: tree.LineFilter, line: str, binder: Binder) -> str:
    """Write a line filter. Raises ValueError."""
    positive = stage.op in ("|=", "|~", "|>")
    needles = [_needle_condition(stage.op, needle, line, binder) for needle in stage.needles]
    return any_of(needles) if positive else all_of(f"NOT ({needle})" for needle in needles)


def _needle_condition(op: tree.LineOp, needle: tree.Needle, line: str, binder: Binder) -> str:
    if needle.ip:
        if op not in ("|=", "!="):
            raise ValueError("ip: invalid operation")
        return ip_condition(needle.text, line, binder)
    if op in ("|=", "!="):
        return f"position({line}, {binder.text(needle.text)}) > 0" if needle.text else "1"
    if op in ("|~", "!~"):
        return _match(needle.text, line, binder)
    return _pattern_condition(needle.text, line, binder)


def _match(expression: str, value: str, binder: Binder) -> str:
    regexp(expression)
    if expression in ("", ".*"):
        return "1"
    # The engine's dot matches line breaks, Go's doesn't.
    return f"match({value}, {binder.text('(?-s)' + expression)})"


def _pattern_condition(text: str, line: str, binder: Binder) -> str:
    """`|> "GET <_> 200"`: literals in this order, and something, but never nothing, where `<_>` stands."""
    parts = parse_line_pattern(text)
    if not parts:
        return f"empty({line})"
    conditions = [f"notEmpty({line})"]
    start = "1"
    for at, (part, captures) in enumerate(parts):
        if captures:
            continue
        literal = binder.text(part)
        found = f"position({line}, {literal}, {start})"
        conditions.append(f"{found} > {start}" if at else f"{found} > 0")
        start = f"({found} + {len(part.encode())})"
    end = f"length({line}) + 1"
    conditions.append(f"{start} < {end}" if parts[-1][1] else f"{start} = {end}")
    return all_of(conditions)


def needed_words(stage: tree.LineFilter) -> list[str]:
    """List whole words that a line must contain for `|=` to find its one needle: the text index knows those.

    A word at the needle's edge may be part of a longer one, so only words between other characters count.

    >>> needed_words(tree.LineFilter("|=", (tree.Needle("GET /api/v1 x"),)))
    ['api', 'v1']
    """
    if stage.op != "|=" or len(stage.needles) != 1 or stage.needles[0].ip:
        return []
    text = stage.needles[0].text
    return [found[0] for found in _WORD.finditer(text) if found.start() > 0 and found.end() < len(text)]


# ---- addresses ----


def ip_condition(pattern: str, value: str, binder: Binder) -> str:
    """Write: one of the addresses in a text is this one, in this network or in this range. Raises ValueError."""
    first, last = _ip_range(pattern)
    kind = "IPv4" if first.version == 4 else "IPv6"
    charset = "[0-9][0-9.]*" if first.version == 4 else "[0-9a-fA-F:][0-9a-fA-F:.]*:[0-9a-fA-F:.]*"
    low, high = (f"to{kind}({binder.text(str(address))})" for address in (first, last))
    return (
        f"arrayExists(a -> ifNull(to{kind}OrNull(a) BETWEEN {low} AND {high}, 0),"
        f" extractAll({value}, {binder.text(charset)}))"
    )


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _ip_range(pattern: str) -> tuple[Address, Address]:
    try:
        if "-" in pattern:
            left, right = (ipaddress.ip_address(part.strip()) for part in pattern.split("-", 1))
            if left.version == right.version and int(left) <= int(right):
                return left, right
            raise ValueError(pattern)
        network = ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        raise ValueError(f'ip: invalid pattern: "{pattern}"') from None
    return network[0], network[-1]


# ---- labels ----


class Lookup(Protocol):
    """Where conditions on labels find them."""

    binder: Binder
    error: str
    """Column of the row's error so far; empty when there can't be one."""

    def label(self, name: str) -> str:
        """Write a label's value as a short Nullable(String) expression; NULL when it is absent."""
        ...

    def column(self, expression: str) -> str:
        """Give an expression a name."""
        ...

    def equals(self, name: str, value: str) -> str:
        """Write `label = value` in a form that an index knows; empty if there is none."""
        ...


@dataclass
class Verdict:
    """A condition on labels, and the cases in which it can't be decided: such a row passes, with an error."""

    condition: str
    faults: list[tuple[str, str]] = field(default_factory=list)
    """(when, what is wrong), in order."""


def label_condition(condition: tree.Condition, row: Lookup) -> Verdict:
    """Write a condition on labels. Raises ValueError."""
    if isinstance(condition, tree.Matcher):
        return Verdict(_matcher_condition(condition, row))
    if isinstance(condition, tree.IpFilter):
        return Verdict(_ip_label_condition(condition, row))
    if isinstance(condition, tree.Both | tree.Either):
        left = label_condition(condition.left, row)
        right = label_condition(condition.right, row)
        if isinstance(condition, tree.Both):
            return Verdict(all_of((left.condition, right.condition)), left.faults + right.faults)
        if right.faults:
            left.condition = row.column(left.condition)
        unless = [(f"NOT {left.condition} AND {when}", what) for when, what in right.faults]
        return Verdict(any_of((left.condition, right.condition)), left.faults + unless)
    return _quantity_condition(condition, row)


def matcher_condition(matcher: tree.Matcher, value: str, binder: Binder) -> str:
    """Write `value = "…"` for a value that is never NULL."""
    if matcher.op in ("=", "!="):
        return f"{value} {matcher.op} {binder.text(matcher.value)}"
    if matcher.value == ".*":
        return "1" if matcher.op == "=~" else "0"
    found = _match(f"^(?:{matcher.value})$", value, binder)
    return found if matcher.op == "=~" else f"NOT {found}"


def text_of(value: str) -> str:
    """Turn a Nullable(String) into a String; an absent label is empty."""
    return "''" if value == ABSENT else f"ifNull({value}, '')"


def _matcher_condition(matcher: tree.Matcher, row: Lookup) -> str:
    if matcher.name == tree.ERROR:
        return matcher_condition(matcher, row.error or "''", row.binder)
    if matcher.name == tree.ERROR_DETAILS:
        return matcher_condition(matcher, "''", row.binder)
    if matcher.op == "=" and matcher.value and (indexed := row.equals(matcher.name, matcher.value)):
        return indexed
    return matcher_condition(matcher, text_of(row.label(matcher.name)), row.binder)


def _ip_label_condition(condition: tree.IpFilter, row: Lookup) -> str:
    value = row.label(condition.name)
    found = ip_condition(condition.pattern, text_of(value), row.binder)
    decided = f"isNotNull({value}) AND {'' if condition.op == '=' else 'NOT '}{found}" if value != ABSENT else "0"
    return f"{row.error} != '' OR ({decided})" if row.error else decided


def _quantity_condition(condition: tree.NumberFilter | tree.DurationFilter | tree.BytesFilter, row: Lookup) -> Verdict:
    value = row.label(condition.name)
    if value == ABSENT or condition.name in (tree.ERROR, tree.ERROR_DETAILS):
        return Verdict("0")
    text = row.column(text_of(value))
    read, complaint = {
        tree.NumberFilter: (number_of, number_fault),
        tree.DurationFilter: (duration_of, duration_fault),
        tree.BytesFilter: (bytes_of, bytes_fault),
    }[type(condition)]
    number = read(text, row)
    compared = f"{number} {_COMPARE[condition.op]} {row.binder.number(float(condition.value))}"
    when = f"(isNotNull({value}) AND isNull({number}))"
    return Verdict(f"isNotNull({value}) AND ifNull({compared}, 1)", [(when, complaint(text, row))])


# ---- quantities: text as Nullable(Float64), and what Go says of a text that is none ----

_FLOAT = r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|(?i:inf|infinity|nan))$"
_DURATION = r"^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$"
_DURATION_HEAD = r"^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*(?:\d+\.?\d*|\.\d+)"
_DURATION_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)"
_DURATION_UNITS = {"ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
_BYTES_NUMBER = r"^[\d.,]*"


class Columns(Protocol):
    """Where readings put what they use more than once."""

    binder: Binder

    def column(self, expression: str) -> str:
        """Give an expression a name."""
        ...


def number_of(text: str, row: Columns) -> str:
    """Read a number as Go's strconv.ParseFloat does."""
    number = row.column(f"toFloat64OrNull({text})")
    finite = f"(isFinite({number}) OR match({text}, '(?i)^[+-]?(inf|nan)'))"
    return row.column(f"if(match({text}, {row.binder.text(_FLOAT)}) AND {finite}, {number}, NULL)")


def number_fault(text: str, row: Columns) -> str:
    """Say what is wrong with a number."""
    reason = f"if(match({text}, {row.binder.text(_FLOAT)}), 'value out of range', 'invalid syntax')"
    return f"concat('strconv.ParseFloat: parsing \"', {text}, '\": ', {reason})"


def duration_of(text: str, row: Columns) -> str:
    """Read a duration as Go's time.ParseDuration does, in nanoseconds."""
    bind = row.binder
    factors = f"[{', '.join(bind.number(float(factor)) for factor in _DURATION_UNITS.values())}]"
    parts = f"extractAllGroupsVertical({text}, {bind.text(_DURATION_PART)})"
    unit = f"transform(g[2], {bind.texts(_DURATION_UNITS)}, {factors}, 0.)"
    total = f"arraySum(g -> toFloat64OrZero(g[1]) * {unit}, {parts})"
    signed = f"if(startsWith({text}, '-'), -1, 1) * round({total})"
    zero = f"match({text}, '^[+-]?0$')"
    return row.column(f"multiIf(match({text}, {bind.text(_DURATION)}), {signed}, {zero}, 0., NULL)")


def duration_fault(text: str, row: Columns) -> str:
    """Say what is wrong with a duration."""
    unit = row.column(f"extract({text}, {row.binder.text(_DURATION_HEAD + '([^0-9.]+)')})")
    missing = f"match({text}, {row.binder.text(_DURATION_HEAD + '$')})"
    return (
        f"concat('time: ', multiIf({missing}, 'missing unit in ', {unit} != '',"
        f" concat('unknown unit \"', {unit}, '\" in '), 'invalid '), 'duration \"', {text}, '\"')"
    )


def bytes_of(text: str, row: Columns) -> str:
    """Read a size as humanize.ParseBytes does."""
    digits, unit = _size_parts(text, row)
    number = number_of(digits, row)
    factors = f"[{', '.join(row.binder.number(float(size)) for size in units.SIZES.values())}]"
    factor = row.column(f"transform({unit}, {row.binder.texts(units.SIZES)}, {factors}, 0.)")
    return row.column(f"if({factor} = 0., NULL, floor({number} * {factor}))")


def bytes_fault(text: str, row: Columns) -> str:
    """Say what is wrong with a size."""
    digits, unit = _size_parts(text, row)
    number = number_of(digits, row)
    return f"if(isNull({number}), {number_fault(digits, row)}, concat('unhandled size name: ', {unit}))"


def _size_parts(text: str, row: Columns) -> tuple[str, str]:
    """Cut a size into its digits, without commas, and its unit."""
    digits = row.column(f"extract({text}, {row.binder.text(_BYTES_NUMBER)})")
    unit = row.column(f"lowerUTF8(trimBoth(substring({text}, length({digits}) + 1)))")
    return row.column(f"replaceAll({digits}, ',', '')"), unit
