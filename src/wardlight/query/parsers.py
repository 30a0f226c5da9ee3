"""Parsers of lines as SQL: `json`, `logfmt`, `regexp`, `pattern`, `unpack`.

Each gives an Array(Tuple(name, value)) in the order of the line, and when the line is not what it should be, an error
and its details. They are as lenient as Loki's: what stands before the fault is found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from wardlight.query import tree
from wardlight.query.patterns import parse_pattern, parse_regexp_parser
from wardlight.query.sql import Binder


class Columns(Protocol):
    """Where parsers put what they use more than once."""

    binder: Binder

    def column(self, expression: str) -> str:
        """Give an expression a name."""
        ...


@dataclass(frozen=True)
class Found:
    """What a parser finds in a line."""

    pairs: str
    """Array(Tuple(String, String)): label names, already clean, and values."""
    failed: str = ""
    """Condition: the line is not what it should be; empty if it can't be otherwise."""
    fault: str = "''"
    """What is wrong with it, where it failed."""
    line: str = ""
    """The line after it, if the parser changes it."""


# ---- JSON ----

_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_CAPTURED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_SPACE = r"[ \t\r\n]*"
_JSON_TOKEN = rf'{_CAPTURED}(?:{_SPACE}:{_SPACE}({_STRING}|[^\s,:{{}}\[\]"]+|[{{\[]))?|([{{}}\[\]])'
_SCALAR = r"(?:true|false|null|[-0-9][^\s,}\]]*)"


def _block(depth: int) -> str:
    """Write an expression of a balanced `{…}` or `[…]`, as deep as lines that break off are followed."""
    inner = rf'(?:{_STRING}|[^"{{}}\[\]])' if depth == 0 else rf'(?:{_STRING}|[^"{{}}\[\]]|{_block(depth - 1)})'
    return rf"[{{\[]{inner}*[}}\]]"


_PAIR = rf"{_STRING}{_SPACE}:{_SPACE}(?:{_STRING}|{_SCALAR}|{_block(5)})"
_JSON_HEAD = rf"^{_SPACE}\{{{_SPACE}(?:{_PAIR}{_SPACE},{_SPACE})*(?:{_PAIR})?"
_JSON_OBJECT = rf"{_JSON_HEAD}{_SPACE}\}}"
_NO_OBJECT_END = "Value looks like object, but can't find closing '}' symbol"
_NO_ARRAY_END = "Value is array, but can't find closing ']' symbol"
_JSON_FAULTS = (
    (rf"^{_STRING}{_SPACE}:{_SPACE}\"", "Value is string, but can't find closing '\"' symbol"),
    (rf"^{_STRING}{_SPACE}:{_SPACE}\{{", _NO_OBJECT_END),
    (rf"^{_STRING}{_SPACE}:{_SPACE}\[", _NO_ARRAY_END),
    (rf"^{_STRING}{_SPACE}:{_SPACE}[^\s]", "Unknown value type"),
    (r'^"', "Malformed JSON error"),
    (r"^$", _NO_ARRAY_END),
)
"""How jsonparser words a fault, by what follows the last good pair; the first that fits."""


def json_all(line: str, row: Columns, *, wanted: str = "") -> Found:
    """`| json`: every scalar, nested names joined by `_`. `wanted` is a condition on a pair `x` of those to keep."""
    usable, failed, fault = _json_object(line, row)
    tokens = row.column(f"extractAllGroupsVertical({usable}, {row.binder.text(_JSON_TOKEN)})")
    nested = f"countSubstrings({usable}, '{{') > 1 OR position({usable}, '[') > 0"
    flat = f"arrayMap(t -> (t[1], t[2]), {tokens})"
    pairs = row.column(f"if({nested}, {_nested_pairs(tokens, row)}, {flat})")
    named = f"arrayMap(x -> ({_clean(_json_key('x.1'))}, x.2), {pairs})"
    kept = f"x.1 != '' AND x.2 NOT IN ('', '{{', '[', 'null'){f' AND {wanted}' if wanted else ''}"
    return Found(f"arrayMap(x -> (x.1, {_json_text('x.2')}), arrayFilter(x -> {kept}, {named}))", failed, fault)


def _json_object(line: str, row: Columns) -> tuple[str, str, str]:
    """Cut the part of a line that is a JSON object; say whether something, and what, is wrong with the rest."""
    text = row.binder.text
    whole = row.column(f"isValidJSON({line}) AND startsWith(trimLeft({line}), '{{')")
    found = row.column(f"if({whole}, {line}, extract({line}, {text(_JSON_OBJECT)}))")
    head = row.column(f"if({found} != '', '', extract({line}, {text(_JSON_HEAD)}))")
    rest = f"trimLeft(substring({line}, length({head}) + 1))"
    cases = ", ".join(f"match({rest}, {text(expression)}), {text(words)}" for expression, words in _JSON_FAULTS)
    # A line that is no object at all has no head.
    fault = f"multiIf({head} = '', {text(_NO_OBJECT_END)}, {cases}, {text(_NO_OBJECT_END)})"
    return row.column(f"if({found} != '', {found}, concat({head}, '}}'))"), f"{found} = ''", fault


def _nested_pairs(tokens: str, row: Columns) -> str:
    """Give tokens of a nested object their full names: at each depth, the last opened object's name is a prefix.

    What is inside an array gets a NUL in its name and is left out.
    """
    opens = "(t[2] IN ('{', '[') OR t[3] IN ('{', '['))"
    turns = row.column(f"arrayMap(t -> multiIf({opens}, 1, t[3] IN ('}}', ']'), -1, 0), {tokens})")
    depths = row.column(f"arrayCumSum({turns})")
    prefixes = row.column(f"arrayMap(t -> if(t[2] = '[' OR t[3] = '[', '\\0', concat(trimBoth(t[1]), '_')), {tokens})")
    opened = f"arrayFill((p, d, e) -> d < level OR (d = level AND e = 1), {prefixes}, {depths}, {turns})"
    deepened = f"arrayMap((n, d, p) -> if(d >= level, concat(n, p), n), names, {depths}, {opened})"
    none = f"arrayMap(t -> '', {tokens})"
    names = f"arrayFold((names, level) -> {deepened}, range(2, greatest(arrayMax({depths}), 1) + 1), {none})"
    zipped = f"arrayMap((n, t) -> (concat(n, trimBoth(t[1])), t[2]), {names}, {tokens})"
    return f"arrayFilter(x -> position(x.1, '\\0') = 0, {zipped})"


def _json_key(key: str) -> str:
    """Undo a key's escapes."""
    return f"if(position({key}, '\\\\') > 0, JSONExtractString(concat('\"', {key}, '\"')), {key})"


def _json_text(value: str) -> str:
    """Write a scalar as text: strings without quotes and escapes, everything else as it stands."""
    inside = f"substring({value}, 2, length({value}) - 2)"
    unescaped = f"if(position({value}, '\\\\') > 0, JSONExtractString({value}), {inside})"
    return f"if(startsWith({value}, '\"'), replaceAll({unescaped}, '\ufffd', ' '), {value})"


def _clean(key: str) -> str:
    """Turn any key into a label name: other characters become `_`, a digit in front gets one."""
    trimmed = f"trimBoth({key})"
    led = f"if(match({trimmed}, '^[0-9]'), concat('_', {trimmed}), {trimmed})"
    return f"if(match({key}, '^[a-zA-Z_][a-zA-Z0-9_]*$'), {key}, replaceRegexpAll({led}, '[^a-zA-Z0-9_]', '_'))"


# ---- JSON by path ----

_PATH_PART = re.compile(
    r"""\s*(?:(?P<dot>\.)?\s*(?P<field>[A-Za-z_]\w*)|\[\s*(?:"(?P<key>[^"\]]*)"|(?P<index>\d+))\s*\])""", re.ASCII
)


def parse_path(expression: str) -> list[str | int]:
    """Read `a.b["c"][0]`. Raises ValueError.

    >>> parse_path('a.b["x-y"][0]')
    ['a', 'b', 'x-y', 0]
    """
    path: list[str | int] = []
    at = 0
    while at < len(expression.rstrip()):
        found = _PATH_PART.match(expression, at)
        if found is None or (found["field"] is not None and bool(path) != bool(found["dot"])):
            raise ValueError(f"cannot parse expression [{expression}]: syntax error: unexpected character at {at + 1}")
        path.append(int(found["index"]) if found["index"] else found["field"] or found["key"] or "")
        at = found.end()
    if not path:
        raise ValueError(f"cannot parse expression [{expression}]: syntax error: unexpected $end")
    return path


_NUMBER_OR_STRING = rf"({_STRING})|(-?[0-9][^\s,:}}\]]*)"
_ODD_NUMBER = r"[0-9]\.[0-9]*0(?:[\s,}\]]|$)|[0-9.][eE][-+0-9]|[0-9]{16}|-0"


def json_paths(stage: tree.Json, line: str, row: Columns) -> Found:
    """`| json a="b.c"`: an absent path gives an empty label. Raises ValueError."""
    exact = row.column(_exact_numbers(line, row.binder))
    pairs = []
    for extraction in stage.extractions:
        steps = ", ".join(
            row.binder.text(step) if isinstance(step, str) else row.binder.integer(step + 1)
            for step in parse_path(extraction.expression)
        )
        raw = f"JSONExtractRaw({exact}, {steps})"
        value = row.column(f"replaceRegexpAll({raw}, {row.binder.text(_DRESSED)}, '\\\\1')")
        pairs.append(f"({row.binder.text(extraction.label)}, if({value} = 'null', '', {_json_text(value)}))")
    failed = f"notEmpty({line}) AND NOT match({line}, {row.binder.text(_JSON_START)})"
    return Found(f"[{', '.join(pairs)}]", failed)


_JSON_START = r'^["{\[]'
_DRESSED = r'"\\u0001([^"]*)"'


def _exact_numbers(line: str, binder: Binder) -> str:
    r"""Dress numbers as strings that begin with \u0001: the engine would write 1.50 as 1.5."""
    marked = f"replaceRegexpAll({line}, {binder.text(_NUMBER_OR_STRING)}, '\\\\1\\x01\\\\2\\x02')"
    bare = f"replaceAll({marked}, '\\x01\\x02', '')"
    dressed = f"replaceAll(replaceAll({bare}, '\\x01', '\"\\\\u0001'), '\\x02', '\"')"
    return f"if(match({line}, {binder.text(_ODD_NUMBER)}), {dressed}, {line})"


# ---- unpack ----


def unpack(line: str, row: Columns) -> Found:
    """`| unpack`: labels and the line that Promtail's pack stage put into one object."""
    usable, broken, why = _json_object(line, row)
    failed = row.column(f"notEmpty({line}) AND (NOT startsWith({line}, '{{') OR {broken})")
    fault = f"if(startsWith({line}, '{{'), {why}, 'expecting json object(6), but it is not')"
    tokens = row.column(f"extractAllGroupsVertical({usable}, {row.binder.text(_JSON_TOKEN)})")
    turns = "multiIf(t[2] IN ('{', '[') OR t[3] IN ('{', '['), 1, t[3] IN ('}', ']'), -1, 0)"
    top = f"arrayFilter((t, d) -> d = 1 AND startsWith(t[2], '\"'), {tokens}, arrayCumSum(t -> {turns}, {tokens}))"
    strings = row.column(f"arrayMap(t -> ({_json_key('t[1]')}, {_json_text('t[2]')}), {top})")
    packed = row.column(f"notEmpty({line}) AND NOT {failed} AND arrayExists(x -> x.1 = '_entry', {strings})")
    labels = f"arrayMap(x -> ({_clean('x.1')}, x.2), arrayFilter(x -> x.1 != '_entry', {strings}))"
    entry = f"tupleElement(arrayFirst(x -> x.1 = '_entry', {strings}), 2)"
    return Found(f"if({packed}, {labels}, [])", failed, fault, f"if({packed}, {entry}, {line})")


# ---- logfmt ----

_KEY = r'[^\x00-\x20="]+'
_LOGFMT_TOKEN = (
    rf'{_KEY}=(?:[^\x00-\x20="]+[="]|=)[^\x00-\x20]*'  # a value with a quote or an equals sign in it
    rf'|{_KEY}"[^\x00-\x20]*'  # a key with a quote in it
    r'|[="][^\x00-\x20]*'  # no key
    rf'|({_KEY})="([^"\\]*(?:\\.[^"\\]*)*)"'
    rf'|{_KEY}="[\s\S]*'  # a quote that never closes
    rf'|({_KEY})(?:=([^\x00-\x20="]*))?'
)
"""Any token, also those that are faults: they have no groups."""

_PLAIN = r'[^\x00-\x20="\x{FFFD}]*'
_PLAIN_QUOTED = r'"[^"\\\x{FFFD}]*(?:\\.[^"\\\x{FFFD}]*)*"'
_LOGFMT_LINE = rf"^(?:[\x00-\x20]*[a-zA-Z_][a-zA-Z0-9_]*(?:={_PLAIN_QUOTED}|={_PLAIN})?(?:[\x00-\x20]+|$))*$"
"""A line without faults whose keys are label names already: most lines are, and they take a shorter way."""
_LOGFMT_PAIR = r'([a-zA-Z0-9_]+)(?:="([^"\\]*(?:\\.[^"\\]*)*)"|=([^\x00-\x20="]*))?'


def logfmt(stage: tree.Logfmt, line: str, row: Columns, *, wanted: str = "") -> Found:
    """`| logfmt`: every `key=value`, or some keys under other names. Raises ValueError."""
    text = row.binder.text
    parts = "[concat(t[1], t[3]), t[2], t[4]]"
    cleaned = "replaceAll(t[2], '\ufffd', ' '), replaceAll(t[3], '\ufffd', ' ')"
    odd = row.column(f"NOT match({line}, {text(_LOGFMT_LINE)})")
    any_tokens = f"arrayMap(t -> {parts}, extractAllGroupsVertical({line}, {text(_LOGFMT_TOKEN)}))"
    any_tokens = f"arrayMap(t -> [{_clean('t[1]')}, {cleaned}], {any_tokens})"
    tokens = row.column(f"if({odd}, {any_tokens}, extractAllGroupsVertical({line}, {text(_LOGFMT_PAIR)}))")
    failed, fault = "", "''"
    if stage.strict:
        bad = row.column(f"toInt64(arrayFirstIndex(t -> t[1] = '', {tokens}))")
        tokens = f"if({bad} = 0, {tokens}, arraySlice({tokens}, 1, {bad} - 1))"
        failed, fault = f"{bad} > 0", _logfmt_fault(line, bad, row)
    unquoted = "if(position(t[2], '\\\\') > 0, JSONExtractString(concat('\"', t[2], '\"')), t[2])"
    pair = f"(t[1], if(t[2] != '', {unquoted}, t[3]))"
    if stage.extractions:
        return Found(_chosen(stage, row.column(f"arrayMap(t -> {pair}, {tokens})"), row.binder), failed, fault)
    kept = ["t[1] != ''", *([] if stage.keep_empty else ["(t[2] != '' OR t[3] != '')"])]
    if wanted:
        kept.append(wanted.replace("x.1", "t[1]"))
    return Found(f"arrayMap(t -> {pair}, arrayFilter(t -> {' AND '.join(kept)}, {tokens}))", failed, fault)


def _chosen(stage: tree.Logfmt, pairs: str, binder: Binder) -> str:
    """Pick some keys; of several the last counts, and an absent one is empty."""
    keys = {extraction.label: _logfmt_key(extraction.expression) for extraction in stage.extractions}
    originals = set(keys.values())
    picked = []
    for label, original in keys.items():
        names = binder.texts([original] if label in originals else [original, label])
        picked.append(f"({binder.text(label)}, tupleElement(arrayLast(x -> has({names}, x.1), {pairs}), 2))")
    return f"[{', '.join(picked)}]"


_LOGFMT_KEY = re.compile(r'\s*(?:([A-Za-z_]\w*)|"([^"\]]*)["\]]?)\s*', re.ASCII)


def _logfmt_key(expression: str) -> str:
    found = _LOGFMT_KEY.fullmatch(expression)
    if found is None:
        raise ValueError(f"cannot parse expression [{expression}]: unexpected char")
    return found[1] or found[2] or ""


_LOGFMT_WHOLE_TOKEN = re.sub(r"\((?!\?)", "(?:", _LOGFMT_TOKEN)


def _logfmt_fault(line: str, bad: str, row: Columns) -> str:
    """Say where the first fault is and what it is, in go-logfmt's words."""
    word = row.column(f"extractAll({line}, {row.binder.text(_LOGFMT_WHOLE_TOKEN)})[{bad}]")
    before = row.column(f"length(extract({word}, '^[^=\"]*=?[^=\"]*'))")
    unclosed = f"match({word}, '^[^=\"]+=\"')"
    at_end = f"concat('logfmt syntax error at pos ', toString(length({line}) + 1), ' : unterminated quoted value')"
    here = f"toString(position({line}, {word}) + {before})"
    inside = (
        f"concat('logfmt syntax error at pos ', {here}, ' : unexpected \\'', substring({word}, {before} + 1, 1), '\\'')"
    )
    return f"multiIf({unclosed}, {at_end}, {inside})"


# ---- regexp and pattern ----


def regexp_groups(stage: tree.Regexp, line: str, row: Columns) -> Found:
    """`| regexp`: the named groups, if the line matches. Raises ValueError."""
    names = parse_regexp_parser(stage.expression)
    groups = row.column(f"extractGroups({line}, {row.binder.text('(?-s)' + stage.expression)})")
    pairs = ", ".join(f"({row.binder.text(_clean_name(name))}, {groups}[{at:d}])" for at, name in names.items())
    return Found(f"if(empty({groups}), [], [{pairs}])")


def _clean_name(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


def pattern_captures(stage: tree.Pattern, line: str, row: Columns) -> Found:
    """`| pattern`: what stands between the literals. If one is missing, its capture is the rest. Raises ValueError."""
    parts = parse_pattern(stage.expression)
    start = row.column(f"toUInt64(notEmpty({line}))")
    if not parts[0][1]:
        literal, parts = parts[0][0], parts[1:]
        begins = f"startsWith({line}, {row.binder.text(literal)})"
        start = row.column(f"if({begins}, toUInt64({1 + len(literal.encode()):d}), 0)")
    pairs = []
    for name, (literal, _) in zip(
        [part for part, captures in parts if captures],
        [*(part for part in parts if not part[1]), ("", False)],
        strict=False,
    ):
        # A capture that isn't reached begins at 0, one that isn't ended ends at 0.
        end = (
            row.column(f"if({start} = 0, 0, position({line}, {row.binder.text(literal)}, {start}))") if literal else "0"
        )
        text = f"if({end} = 0, substring({line}, {start}), substring({line}, {start}, {end} - {start}))"
        if name != "_":
            pairs.append(f"if({start} = 0, [], [({row.binder.text(name)}, {text})])")
        start = row.column(f"if({end} = 0, 0, {end} + {len(literal.encode()):d})") if literal else "0"
    return Found(f"arrayConcat({', '.join(pairs)})")
