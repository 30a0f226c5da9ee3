"""The functions of templates, in one table: what runs is what `docs/logql.md` shows."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, DivisionByZero, InvalidOperation
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from wardlight.query import units
from wardlight.query.template import layout
from wardlight.query.template.layout import Moment
from wardlight.query.template.values import TemplateError, Value, equal, is_true, less, show
from wardlight.query.tree import regexp

_MAX_TEXT = 1024 * 1024


@dataclass(frozen=True)
class Function:
    """One function: how it is called, what it does, an example with its result."""

    name: str
    call: Callable[..., Value]
    signature: str
    purpose: str
    example: str
    """A template over the labels of `EXAMPLE_LABELS`."""
    result: str


EXAMPLE_LABELS = {
    "app": "portal", "msg": " Chart opened ", "path": "/api/v1/charts", "query": "a b&c", "status": "500", "took": "1.5s",
    "size": "2KB", "ratio": "0.256", "day": "2026-03-02", "epoch": "1772409600", "json": '{"user":{"id":7},"tags":["x","y"]}',
    "empty": "",
}  # fmt: skip
EXAMPLE_LINE = "GET /api/v1/charts 500"
EXAMPLE_NS = 1_772_409_600_123_456_789


# ---- conversions of arguments ----


def text(value: Value) -> str:
    """Take a string. Raises TemplateError."""
    if not isinstance(value, str):
        raise TemplateError(f"wrong type for value; expected string; got {_go_type(value)}")
    return value


def whole(value: Value) -> int:
    """Take an int. Raises TemplateError."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TemplateError(f"wrong type for value; expected int; got {_go_type(value)}")
    return value


def moment(value: Value) -> Moment:
    """Take a time. Raises TemplateError."""
    if not isinstance(value, Moment):
        raise TemplateError(f"wrong type for value; expected time.Time; got {_go_type(value)}")
    return value


def to_int(value: Value) -> int:
    """Turn anything into a whole number, 0 if it isn't one, as the cast library does."""
    if isinstance(value, str):
        try:
            number = int(value, 0) if re.fullmatch(r"[+-]?(0[xXoObB]\w+|[1-9]\d*|0)", value) else int(value, 10)
        except ValueError:
            return 0
        return number if -(2**63) <= number < 2**63 else 0
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else 0
    return int(value) if isinstance(value, int) else 0


def to_float(value: Value) -> float:
    """Turn anything into a float, 0 if it isn't one."""
    if isinstance(value, str):
        try:
            return units.parse_float(value)
        except ValueError:
            return 0.0
    return float(value) if isinstance(value, int | float) else 0.0


def _go_type(value: Value) -> str:
    names = {str: "string", int: "int", float: "float64", bool: "bool", list: "[]interface {}", dict: "map"}
    return names.get(type(value), "time.Time" if isinstance(value, Moment) else "untyped nil")


def _limited(result: str) -> str:
    if len(result) > _MAX_TEXT:
        raise TemplateError(f"a template's text may have {_MAX_TEXT} characters")
    return result


def _valid(parse: Callable[[str], float], value: Value) -> float:
    try:
        return parse(text(value))
    except ValueError as error:
        raise TemplateError(str(error)) from None


# ---- text ----


def _replace(source: str, old: str, new: str, count: int = -1) -> str:
    return _limited(text(source).replace(text(old), text(new), whole(count)))


def _compiled(expression: str) -> Any:
    try:
        return regexp(text(expression))
    except ValueError as error:
        raise TemplateError(str(error)) from None


_REFERENCE = re.compile(r"\$\$|\$\{(\w+)\}|\$(\w+)")


def expand_match(found: Any, replacement: str) -> str:
    """Fill a replacement's `$1`, `${name}` and `$$` from a match of RE2, as Go does: an unknown group is empty."""

    def group(reference: re.Match[str]) -> str:
        if reference[0] == "$$":
            return "$"
        name = reference[1] or reference[2]
        key = int(name) if name.isdecimal() else name
        known = key in found.re.groupindex if isinstance(key, str) else key <= found.re.groups
        return (found.group(key) or "") if known else ""

    return _REFERENCE.sub(group, replacement)


def _replace_matches(expression: str, source: str, replacement: str) -> str:
    template = text(replacement)
    return _limited(_compiled(expression).sub(lambda found: expand_match(found, template), text(source)))


def _replace_literally(expression: str, source: str, replacement: str) -> str:
    plain = text(replacement)
    return _limited(_compiled(expression).sub(lambda _: plain, text(source)))


def _count(expression: str, source: str) -> int:
    return sum(1 for _ in _compiled(expression).finditer(text(source)))


def _truncate(count: int, source: str) -> str:
    size = len(text(source))
    if whole(count) < 0 and size + count > 0:
        return source[size + count :]
    return source[:count] if 0 <= count < size else source


def _substring(start: int, end: int, source: str) -> str:
    text(source)
    if whole(start) < 0:
        return source[: whole(end)] if end >= 0 else ""
    return source[start:] if whole(end) < 0 or end > len(source) else source[start:end]


def _title(source: str) -> str:
    return re.sub(r"(?<!\w)\w", lambda found: found[0].upper(), text(source))


def _indent(count: int, source: str) -> str:
    pad = " " * min(whole(count), 1000)
    return _limited(pad + text(source).replace("\n", "\n" + pad))


def _repeat(count: int, source: str) -> str:
    if whole(count) < 0 or count * len(text(source)) > _MAX_TEXT:
        raise TemplateError("repeat: count is negative or the result too long")
    return source * count


def _align(count: int, source: str, *, right: bool) -> str:
    text(source)
    if whole(count) < 0 or count == len(source):
        return source
    if count > _MAX_TEXT:
        raise TemplateError("align: too wide")
    if right:
        return source.rjust(count) if count > len(source) else source[len(source) - count :]
    return source.ljust(count)[:count]


def _url_decode(source: str) -> str:
    bad = re.search(r"%(?![0-9a-fA-F]{2}).{0,2}", text(source))
    if bad:
        raise TemplateError(f'invalid URL escape "{bad[0]}"')
    return unquote_plus(source)


def _b64_decode(source: str) -> str:
    remainder = len(text(source)) % 4
    padded = source + "=" * (4 - remainder) if remainder > 1 else source
    try:
        return base64.b64decode(padded, validate=True).decode("utf-8", "replace")
    except binascii.Error:
        return "illegal base64 data at input byte 0"


def _from_json(source: str) -> Value:
    try:
        return json.loads(text(source))
    except (ValueError, RecursionError):
        return None


# ---- numbers ----


def _decimal(value: Value) -> Decimal:
    number = to_float(value)
    if not math.isfinite(number):
        raise TemplateError("can't convert NaN or Inf to a decimal")
    return Decimal(repr(number))


def _fold(step: Callable[[Decimal, Decimal], Decimal]) -> Callable[..., float]:
    def calculate(first: Value, *rest: Value) -> float:
        total = _decimal(first)
        try:
            for each in rest:
                total = step(total, _decimal(each))
        except (DivisionByZero, InvalidOperation):
            raise TemplateError("decimal division by 0") from None
        return float(total)

    return calculate


def _wrap(number: int) -> int:
    """Overflow as Go's int64 does."""
    return (number + 2**63) % 2**64 - 2**63


def _divide(left: Value, right: Value) -> int:
    divisor = to_int(right)
    if divisor == 0:
        raise TemplateError("runtime error: integer divide by zero")
    quotient = abs(to_int(left)) // abs(divisor)
    return _wrap(quotient if (to_int(left) < 0) == (divisor < 0) else -quotient)


def _modulo(left: Value, right: Value) -> int:
    return to_int(left) - _divide(left, right) * to_int(right)


def _round(value: Value, places: int, rounds_on: float = 0.5) -> float:
    number = to_float(value)
    power = 10 ** min(whole(places), 300)
    digit = number * power
    part = math.fmod(digit, 1)
    up = part >= rounds_on if number >= 0 else part > -rounds_on
    return float((math.ceil(digit) if up else math.floor(digit)) / power)


# ---- times ----


def _date(pattern: str, value: Value) -> str:
    when = value if isinstance(value, Moment) else Moment(to_int(value) * 10**9)
    return layout.format_moment(when, text(pattern))


def _to_date(pattern: str, source: str, zone: str = "UTC") -> Moment:
    try:
        return layout.parse_moment(text(source), text(pattern), layout.zone_named(text(zone)))
    except (ValueError, OverflowError):
        return layout.ZERO


_UNIX_SCALES = {5: 86_400 * 10**9, 10: 10**9, 13: 10**6, 16: 10**3, 19: 1}


def _unix_to_time(epoch: str) -> Moment:
    if not re.fullmatch(r"[+-]?\d+", text(epoch)) or len(epoch) not in _UNIX_SCALES:
        raise TemplateError(f"unable to parse time '{epoch}'")
    return Moment(int(epoch) * _UNIX_SCALES[len(epoch)])


# ---- Go's own ----


def _equals(first: Value, *rest: Value) -> bool:
    if not rest:
        raise TemplateError("missing argument for comparison")
    return any(equal(first, each) for each in rest)


def _index(value: Value, *keys: Value) -> Value:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(text(key))
        elif isinstance(value, list | str):
            if not 0 <= whole(key) < len(value):
                raise TemplateError(f"index out of range: {key}")
            value = value[key] if isinstance(value, list) else value.encode()[key]
        else:
            raise TemplateError(f"can't index item of type {_go_type(value)}")
    return value


def _slice(value: Value, *bounds: int) -> Value:
    if not isinstance(value, list | str):
        raise TemplateError(f"can't slice item of type {_go_type(value)}")
    start, end = (*[whole(bound) for bound in bounds], *[0, len(value)][len(bounds) :])[:2]
    if not 0 <= start <= end <= len(value):
        raise TemplateError("slice index out of range")
    return value[start:end]


def _length(value: Value) -> int:
    if not isinstance(value, str | list | dict):
        raise TemplateError(f"len of type {_go_type(value)}")
    return len(value.encode()) if isinstance(value, str) else len(value)


def _print(*values: Value) -> str:
    """Join as Go's Sprint: a space between two values of which neither is a string."""
    shown = ""
    for at, value in enumerate(values):
        if at and not isinstance(value, str) and not isinstance(values[at - 1], str):
            shown += " "
        shown += show(value)
    return _limited(shown)


_VERB = re.compile(r"%([-+# 0]*)(\d{0,4})(?:\.(\d{0,3}))?([a-zA-Z%])")


def _printf(pattern: str, *values: Value) -> str:
    given = list(values)

    def fill(found: re.Match[str]) -> str:
        flags, width, precision, verb = found.groups()
        if verb == "%":
            return "%"
        if not given:
            return f"%!{verb}(MISSING)"
        return _verb(given.pop(0), flags.replace("#", ""), width, precision, verb)

    filled = _VERB.sub(fill, text(pattern))
    extra = ", ".join(f"{_go_type(value)}={show(value)}" for value in given)
    return _limited(f"{filled}%!(EXTRA {extra})" if extra else filled)


def _verb(value: Value, flags: str, width: str, precision: str | None, verb: str) -> str:
    dot = f".{precision}" if precision is not None else ""
    if verb in "vs":
        plain = show(value)
        return f"%{flags.replace('0', '').replace('+', '')}{width}{dot}s" % plain
    if verb == "q":
        return json.dumps(show(value), ensure_ascii=False)
    if verb == "t" and isinstance(value, bool):
        return show(value)
    if verb in "dxXo" and isinstance(value, int):
        return f"%{flags}{width}{verb}" % value
    if verb in "xX" and isinstance(value, str):
        return value.encode().hex() if verb == "x" else value.encode().hex().upper()
    if verb == "c" and isinstance(value, int) and 0 <= value < 0x110000:
        return chr(value)
    if verb in "eEfFgG" and isinstance(value, float):
        return f"%{flags}{width}{dot}{verb}" % value
    return f"%!{verb}({_go_type(value)}={show(value)})"


def _default(fallback: Value, *given: Value) -> Value:
    return given[0] if given and is_true(given[0]) else fallback


def _none(*_: Value) -> Value:
    raise AssertionError("and, or, __line__ and __timestamp__ are the runner's")


TABLE: Sequence[Function] = tuple(
    Function(name, call, signature, purpose, example, result)
    for name, call, signature, purpose, example, result in (
        # of the entry
        ("__line__", _none, "__line__", "the log line", "{{ __line__ | upper }}", "GET /API/V1/CHARTS 500"),
        ("__timestamp__", _none, "__timestamp__", "the entry's time", '{{ __timestamp__ | date "15:04:05.000" }}', "00:00:00.123"),
        # text
        ("lower", lambda s: text(s).lower(), "lower TEXT", "in lower case", "{{ lower .app }}", "portal"),
        ("upper", lambda s: text(s).upper(), "upper TEXT", "in upper case", "{{ upper .app }}", "PORTAL"),
        ("title", _title, "title TEXT", "each word with a capital", '{{ title "lab result" }}', "Lab Result"),
        ("trim", lambda s: text(s).strip(), "trim TEXT", "without space at the ends", "[{{ trim .msg }}]", "[Chart opened]"),
        ("trimAll", lambda c, s: text(s).strip(text(c)), "trimAll CHARACTERS TEXT", "without these characters at the ends", '{{ trimAll "/" .path }}', "api/v1/charts"),
        ("trimPrefix", lambda p, s: text(s).removeprefix(text(p)), "trimPrefix PREFIX TEXT", "without this beginning", '{{ trimPrefix "/api" .path }}', "/v1/charts"),
        ("trimSuffix", lambda p, s: text(s).removesuffix(text(p)), "trimSuffix SUFFIX TEXT", "without this end", '{{ trimSuffix "charts" .path }}', "/api/v1/"),
        ("replace", lambda o, n, s: _replace(s, o, n), "replace OLD NEW TEXT", "every OLD becomes NEW", '{{ replace "/" "." .path }}', ".api.v1.charts"),
        ("repeat", _repeat, "repeat COUNT TEXT", "so many times", '{{ repeat 3 "ab" }}', "ababab"),
        ("trunc", _truncate, "trunc COUNT TEXT", "the first characters, or with a negative count the last", "{{ trunc 3 .app }}", "por"),
        ("substr", _substring, "substr START END TEXT", "from START to before END; a negative END is the end", "{{ substr 1 4 .app }}", "ort"),
        ("contains", lambda p, s: text(p) in text(s), "contains PART TEXT", "whether TEXT has PART in it", '{{ contains "v1" .path }}', "true"),
        ("hasPrefix", lambda p, s: text(s).startswith(text(p)), "hasPrefix PREFIX TEXT", "whether TEXT begins so", '{{ hasPrefix "/api" .path }}', "true"),
        ("hasSuffix", lambda p, s: text(s).endswith(text(p)), "hasSuffix SUFFIX TEXT", "whether TEXT ends so", '{{ hasSuffix "/" .path }}', "false"),
        ("indent", _indent, "indent COUNT TEXT", "each line moved in", '{{ indent 2 "a" }}', "  a"),
        ("nindent", lambda n, s: "\n" + _indent(n, s), "nindent COUNT TEXT", "the same after a line break", '{{ nindent 2 "a" }}', "\n  a"),
        ("alignLeft", lambda n, s: _align(n, s, right=False), "alignLeft WIDTH TEXT", "padded or cut on the right", "[{{ alignLeft 8 .app }}]", "[portal  ]"),
        ("alignRight", lambda n, s: _align(n, s, right=True), "alignRight WIDTH TEXT", "padded or cut on the left", "[{{ alignRight 8 .app }}]", "[  portal]"),
        ("regexReplaceAll", _replace_matches, "regexReplaceAll EXPRESSION TEXT NEW", "every match replaced; `${1}` is a group", '{{ regexReplaceAll "v(\\\\d)" .path "version-${1}" }}', "/api/version-1/charts"),
        ("regexReplaceAllLiteral", _replace_literally, "regexReplaceAllLiteral EXPRESSION TEXT NEW", "every match replaced by NEW as it stands", '{{ regexReplaceAllLiteral "v\\\\d" .path "$1" }}', "/api/$1/charts"),
        ("count", _count, "count EXPRESSION TEXT", "how many matches", '{{ count "a" .path }}', "2"),
        ("urlencode", lambda s: quote_plus(text(s), safe="~"), "urlencode TEXT", "escaped for a URL's query", "{{ urlencode .query }}", "a+b%26c"),
        ("urldecode", _url_decode, "urldecode TEXT", "that undone", '{{ urldecode "a+b%26c" }}', "a b&c"),
        ("b64enc", lambda s: base64.b64encode(text(s).encode()).decode(), "b64enc TEXT", "as base64", "{{ b64enc .app }}", "cG9ydGFs"),
        ("b64dec", _b64_decode, "b64dec TEXT", "that undone", '{{ b64dec "cG9ydGFs" }}', "portal"),
        ("fromJson", _from_json, "fromJson TEXT", "JSON as values", "{{ range (fromJson .json).tags }}<{{ . }}>{{ end }}", "<x><y>"),
        ("default", _default, "default FALLBACK VALUE", "VALUE, or FALLBACK if it is empty", '{{ default "-" .empty }}', "-"),
        # numbers
        ("int", to_int, "int VALUE", "as a whole number", "{{ int .status }}", "500"),
        ("float64", to_float, "float64 VALUE", "as a number", "{{ float64 .ratio }}", "0.256"),
        ("add", lambda *v: _wrap(sum(to_int(each) for each in v)), "add A B …", "whole numbers added", "{{ add 1 2 3 }}", "6"),
        ("sub", lambda a, b: _wrap(to_int(a) - to_int(b)), "sub A B", "subtracted", "{{ sub 5 2 }}", "3"),
        ("mul", lambda *v: _wrap(math.prod(to_int(each) for each in v)), "mul A B …", "multiplied", "{{ mul 5 2 2 }}", "20"),
        ("div", _divide, "div A B", "divided, whole", "{{ div 7 2 }}", "3"),
        ("mod", _modulo, "mod A B", "the remainder", "{{ mod 10 3 }}", "1"),
        ("max", lambda *v: max(to_int(each) for each in v), "max A B …", "the largest whole number", "{{ max 1 5 3 }}", "5"),
        ("min", lambda *v: min(to_int(each) for each in v), "min A B …", "the smallest", "{{ min 4 2 3 }}", "2"),
        ("addf", _fold(lambda a, b: a + b), "addf A B …", "numbers added", "{{ addf 1.5 2 }}", "3.5"),
        ("subf", _fold(lambda a, b: a - b), "subf A B …", "subtracted", "{{ subf 7.5 2 }}", "5.5"),
        ("mulf", _fold(lambda a, b: a * b), "mulf A B …", "multiplied", "{{ mulf .ratio 1000 }}", "256"),
        ("divf", _fold(lambda a, b: a / b), "divf A B …", "divided", "{{ divf 10 4 }}", "2.5"),
        ("maxf", lambda *v: max(to_float(each) for each in v), "maxf A B …", "the largest number", "{{ maxf 1 2.5 }}", "2.5"),
        ("minf", lambda *v: min(to_float(each) for each in v), "minf A B …", "the smallest", "{{ minf 1.5 2.5 }}", "1.5"),
        ("ceil", lambda v: float(math.ceil(to_float(v))), "ceil VALUE", "rounded up", "{{ ceil 1.2 }}", "2"),
        ("floor", lambda v: float(math.floor(to_float(v))), "floor VALUE", "rounded down", "{{ floor 1.8 }}", "1"),
        ("round", _round, "round VALUE PLACES", "rounded to so many places", "{{ round .ratio 2 }}", "0.26"),
        ("bytes", lambda v: float(_valid(units.parse_bytes, v)), "bytes TEXT", "a size in bytes", "{{ bytes .size }}", "2000"),
        ("duration", lambda v: _valid(units.parse_go_duration, v) / 1e9, "duration TEXT", "a duration in seconds", "{{ duration .took }}", "1.5"),
        ("duration_seconds", lambda v: _valid(units.parse_go_duration, v) / 1e9, "duration_seconds TEXT", "the same", "{{ duration_seconds .took }}", "1.5"),
        # times
        ("now", _none, "now", "the time now", '{{ now | date "2006" | len }}', "4"),
        ("date", _date, "date LAYOUT TIME", "a time, written as Go's layout says", '{{ unixToTime .epoch | date "02.01.2006" }}', "02.03.2026"),
        ("toDate", _to_date, "toDate LAYOUT TEXT", "a text as time", '{{ toDate "2006-01-02" .day | unixEpoch }}', "1772409600"),
        ("toDateInZone", lambda p, z, s: _to_date(p, s, z), "toDateInZone LAYOUT ZONE TEXT", "a text as time in a zone", '{{ toDateInZone "2006-01-02" "Europe/Berlin" .day | unixEpoch }}', "1772406000"),
        ("unixToTime", _unix_to_time, "unixToTime TEXT", "days, seconds, milli-, micro- or nanoseconds since 1970 as time", "{{ unixToTime .epoch | unixEpochMillis }}", "1772409600000"),
        ("unixEpoch", lambda t: str(moment(t).ns // 10**9), "unixEpoch TIME", "seconds since 1970", "{{ unixEpoch __timestamp__ }}", "1772409600"),
        ("unixEpochMillis", lambda t: str(moment(t).ns // 10**6), "unixEpochMillis TIME", "milliseconds", "{{ unixEpochMillis __timestamp__ }}", "1772409600123"),
        ("unixEpochNanos", lambda t: str(moment(t).ns), "unixEpochNanos TIME", "nanoseconds", "{{ unixEpochNanos __timestamp__ }}", "1772409600123456789"),
        # Loki's old names
        ("ToLower", lambda s: text(s).lower(), "ToLower TEXT", "`lower`", "{{ ToLower .app }}", "portal"),
        ("ToUpper", lambda s: text(s).upper(), "ToUpper TEXT", "`upper`", "{{ ToUpper .app }}", "PORTAL"),
        ("Replace", _replace, "Replace TEXT OLD NEW COUNT", "the first COUNT of OLD become NEW; -1: all", '{{ Replace .path "/" "." 1 }}', ".api/v1/charts"),
        ("Trim", lambda s, c: text(s).strip(text(c)), "Trim TEXT CHARACTERS", "without these characters at the ends", '{{ Trim .path "/" }}', "api/v1/charts"),
        ("TrimLeft", lambda s, c: text(s).lstrip(text(c)), "TrimLeft TEXT CHARACTERS", "at the beginning", '{{ TrimLeft .path "/" }}', "api/v1/charts"),
        ("TrimRight", lambda s, c: text(s).rstrip(text(c)), "TrimRight TEXT CHARACTERS", "at the end", '{{ TrimRight .path "s" }}', "/api/v1/chart"),
        ("TrimPrefix", lambda s, p: text(s).removeprefix(text(p)), "TrimPrefix TEXT PREFIX", "without this beginning", '{{ TrimPrefix .path "/api" }}', "/v1/charts"),
        ("TrimSuffix", lambda s, p: text(s).removesuffix(text(p)), "TrimSuffix TEXT SUFFIX", "without this end", '{{ TrimSuffix .path "s" }}', "/api/v1/chart"),
        ("TrimSpace", lambda s: text(s).strip(), "TrimSpace TEXT", "without space at the ends", "[{{ TrimSpace .msg }}]", "[Chart opened]"),
        # Go's own
        ("and", _none, "and A B …", "the first empty value, else the last", "{{ and .app .empty }}", ""),
        ("or", _none, "or A B …", "the first value that isn't empty, else the last", "{{ or .empty .app }}", "portal"),
        ("not", lambda v: not is_true(v), "not VALUE", "whether it is empty", "{{ not .empty }}", "true"),
        ("eq", _equals, "eq A B …", "whether A equals one of the others", '{{ if eq .status "500" }}bad{{ end }}', "bad"),
        ("ne", lambda a, b: not equal(a, b), "ne A B", "whether they differ", '{{ ne .status "200" }}', "true"),
        ("lt", less, "lt A B", "A < B", "{{ lt 1 2 }}", "true"),
        ("le", lambda a, b: less(a, b) or equal(a, b), "le A B", "A ≤ B", "{{ le 2 2 }}", "true"),
        ("gt", lambda a, b: not less(a, b) and not equal(a, b), "gt A B", "A > B", "{{ gt (int .status) 499 }}", "true"),
        ("ge", lambda a, b: not less(a, b), "ge A B", "A ≥ B", "{{ ge 1 2 }}", "false"),
        ("len", _length, "len VALUE", "how many bytes or elements", "{{ len .app }}", "6"),
        ("index", _index, "index VALUE KEY …", "an element", "{{ index (fromJson .json).tags 1 }}", "y"),
        ("slice", _slice, "slice VALUE START END", "a part", "{{ slice .app 0 4 }}", "port"),
        ("print", _print, "print VALUE …", "as text", "{{ print .app 1 2 }}", "portal1 2"),
        ("println", lambda *v: " ".join(show(each) for each in v) + "\n", "println VALUE …", "as text with a line break", "{{ println .app }}", "portal\n"),
        ("printf", _printf, "printf FORMAT VALUE …", "as text by a format", '{{ printf "%-8s|%5.1f" .app (float64 .ratio) }}', "portal  |  0.3"),
        ("urlquery", lambda *v: quote_plus(_print(*v), safe="~"), "urlquery VALUE …", "escaped for a URL's query", "{{ urlquery .query }}", "a+b%26c"),
        ("html", lambda *v: _escape_html(_print(*v)), "html VALUE …", "escaped for HTML", '{{ html "<b>" }}', "&lt;b&gt;"),
        ("js", lambda *v: json.dumps(_print(*v), ensure_ascii=False)[1:-1], "js VALUE …", "escaped for JavaScript", '{{ js `a"b` }}', 'a\\"b'),
    )
)  # fmt: skip
"""Every function of a template, in the order of the reference."""


def _escape_html(source: str) -> str:
    escapes = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
    return "".join(escapes.get(each, each) for each in source)


FUNCTIONS = {function.name: function.call for function in TABLE}
