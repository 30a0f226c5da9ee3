"""Queries as text, as Loki writes them: on one line, or laid out on several when that would be long."""

from __future__ import annotations

import json
import re

from wardlight.query import tree, units
from wardlight.query.template.values import show_float

_LINE_LENGTH = 100
_INDENT = "  "


def quote(text: str) -> str:
    r"""Write a string literal.

    >>> quote('a"b\\')
    '"a\\"b\\\\"'
    """
    escaped = json.dumps(text, ensure_ascii=False).replace("\\b", "\\b").replace("\x7f", "\\x7f")
    return re.sub(r"\\u00([01][0-9a-f])", r"\\x\1", escaped).replace("\\x07", "\\a").replace("\\x0b", "\\v")


def one_line(query: tree.Query) -> str:
    """Write a query on one line."""
    if isinstance(query, tree.LogQuery):
        return " ".join([matchers_text(query.matchers), *map(stage_text, query.stages)])
    if isinstance(query, tree.RangeAggregation):
        parameter = f"{units.format_float(query.parameter)}," if query.parameter is not None else ""
        return f"{query.op}({parameter}{_range_text(query.range)}){_grouping_text(query.grouping, ',')}"
    if isinstance(query, tree.VectorAggregation):
        parameter = f"{query.parameter}," if query.parameter else ""
        grouping = _grouping_text(query.grouping, ",") if query.grouping and _groups(query.grouping) else ""
        return f"{query.op}{grouping}({parameter}{one_line(query.operand)})"
    if isinstance(query, tree.BinaryOperation):
        return f"({one_line(query.left)} {_operator_text(query)} {one_line(query.right)})"
    if isinstance(query, tree.LabelReplace):
        texts = (query.destination, query.replacement, query.source, query.expression)
        return f"label_replace({','.join([one_line(query.operand), *map(quote, texts)])})"
    if isinstance(query, tree.Vector):
        return f"vector({query.value:f})"
    return show_float(query.value)


def pretty(query: tree.Query, level: int = 0) -> str:
    """Lay a query out: what is longer than a hundred characters goes on lines of its own, moved in."""
    text = one_line(query)
    pad = _INDENT * level
    if len(text) <= _LINE_LENGTH:
        return pad + text
    if isinstance(query, tree.LogQuery):
        return "\n".join(
            [pad + matchers_text(query.matchers), *(f"{pad}{_INDENT}{stage_text(stage)}" for stage in query.stages)]
        )
    if isinstance(query, tree.RangeAggregation):
        parameter = f"{pad}{_INDENT}{show_float(query.parameter)},\n" if query.parameter is not None else ""
        grouping = _grouping_text(query.grouping, ", ")
        return f"{pad}{query.op}(\n{parameter}{_pretty_range(query.range, level + 1)}\n{pad}){grouping}"
    if isinstance(query, tree.VectorAggregation):
        parameter = f"{pad}{_INDENT}{query.parameter},\n" if query.parameter else ""
        grouping = _grouping_text(query.grouping, ", ") if query.grouping and _groups(query.grouping) else ""
        return f"{pad}{query.op}{grouping}(\n{parameter}{pretty(query.operand, level + 1)}\n{pad})"
    if isinstance(query, tree.BinaryOperation):
        sides = pretty(query.left, level + 1), pretty(query.right, level + 1)
        return f"{sides[0]}\n{pad}{_operator_text(query)}\n{sides[1]}"
    if isinstance(query, tree.LabelReplace):
        texts = (query.destination, query.replacement, query.source, query.expression)
        lines = [pretty(query.operand, level + 1), *(f"{pad}{_INDENT}{quote(each)}" for each in texts)]
        return f"{pad}label_replace(\n" + ",\n".join(lines) + f"\n{pad})"
    return pad + text


def matchers_text(matchers: tuple[tree.Matcher, ...]) -> str:
    """Write a selector."""
    return "{" + ", ".join(f"{each.name}{each.op}{quote(each.value)}" for each in matchers) + "}"


def stage_text(stage: tree.Stage) -> str:
    """Write one stage, with its bar."""
    if isinstance(stage, tree.LineFilter):
        needles = [f"ip({quote(needle.text)})" if needle.ip else quote(needle.text) for needle in stage.needles]
        joint = " or " if stage.op in ("|=", "|~", "|>") else f" {stage.op} "
        return f"{stage.op} {joint.join(needles)}"
    if isinstance(stage, tree.LabelFilter):
        return f"| {condition_text(stage.condition)}"
    if isinstance(stage, tree.Json):
        return "| json" + _extractions_text(stage.extractions)
    if isinstance(stage, tree.Logfmt):
        flags = f"{' --strict' if stage.strict else ''}{' --keep-empty' if stage.keep_empty else ''}"
        return f"| logfmt{flags}{_extractions_text(stage.extractions)}"
    if isinstance(stage, tree.Regexp | tree.Pattern):
        return f"| {type(stage).__name__.lower()} {quote(stage.expression)}"
    if isinstance(stage, tree.LineFormat):
        return f"| line_format {quote(stage.template)}"
    if isinstance(stage, tree.LabelFormat):
        pairs = (f"{each.name}={each.value if each.rename else quote(each.value)}" for each in stage.assignments)
        return f"| label_format {','.join(pairs)}"
    if isinstance(stage, tree.Drop | tree.Keep):
        names = (each if isinstance(each, str) else condition_text(each) for each in stage.labels)
        return f"| {type(stage).__name__.lower()} {','.join(names)}"
    return f"| {type(stage).__name__.lower()}"


def condition_text(condition: tree.Condition) -> str:
    """Write a condition on labels."""
    if isinstance(condition, tree.Matcher):
        value = condition.value
        raw = condition.op in ("=~", "!~") and "`" not in value
        return f"{condition.name}{condition.op}{f'`{value}`' if raw else quote(value)}"
    if isinstance(condition, tree.IpFilter):
        return f"{condition.name}{condition.op}ip({quote(condition.pattern)})"
    if isinstance(condition, tree.Both | tree.Either):
        joint = "," if isinstance(condition, tree.Both) else "or"
        return f"( {condition_text(condition.left)} {joint} {condition_text(condition.right)} )"
    if isinstance(condition, tree.NumberFilter):
        return f"{condition.name}{condition.op}{units.format_float(condition.value)}"
    if isinstance(condition, tree.DurationFilter):
        return f"{condition.name}{condition.op}{units.format_go_duration(condition.value)}"
    return f"{condition.name}{condition.op}{units.format_bytes(condition.value)}"


def _extractions_text(extractions: tuple[tree.Extraction, ...]) -> str:
    return (" " if extractions else "") + ",".join(f"{each.label}={quote(each.expression)}" for each in extractions)


def _unwrap_texts(unwrap: tree.Unwrap) -> list[str]:
    label = f"{unwrap.conversion}({unwrap.label})" if unwrap.conversion else unwrap.label
    return [f"| unwrap {label}", *(f"| {condition_text(each)}" for each in unwrap.filters)]


def _range_text(log_range: tree.LogRange) -> str:
    parts = [one_line(log_range.query), *(_unwrap_texts(log_range.unwrap) if log_range.unwrap else [])]
    offset = f" offset {units.format_go_duration(log_range.offset)}" if log_range.offset else ""
    return f"{' '.join(parts)}[{units.format_prometheus_duration(log_range.interval)}]{offset}"


def _pretty_range(log_range: tree.LogRange, level: int) -> str:
    lines = [pretty(log_range.query, level)]
    if log_range.unwrap:
        lines += [f"{_INDENT * (level + 1)}{each}" for each in _unwrap_texts(log_range.unwrap)]
    offset = f" offset {units.format_prometheus_duration(log_range.offset)}" if log_range.offset else ""
    return "\n".join(lines) + f" [{units.format_prometheus_duration(log_range.interval)}]{offset}"


def _groups(grouping: tree.Grouping) -> bool:
    return grouping.without or bool(grouping.labels)


def _grouping_text(grouping: tree.Grouping | None, joint: str) -> str:
    if grouping is None:
        return ""
    return f" {'without' if grouping.without else 'by'} ({joint.join(grouping.labels)})"


def _operator_text(query: tree.BinaryOperation) -> str:
    matching = query.matching
    parts = [query.op]
    if query.returns_bool:
        parts.append("bool")
    if matching.explicit:
        parts.append(f"{'on' if matching.on else 'ignoring'} ({','.join(matching.labels)})")
    if matching.group:
        parts.append(f"group_{matching.group}" + (f" ({','.join(matching.include)})" if matching.include else ""))
    return " ".join(parts)
