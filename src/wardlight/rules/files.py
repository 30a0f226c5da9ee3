"""Rule files: Prometheus's format with LogQL expressions, read with the line of everything that is wrong.

groups:
  - name: log-ins             # unique in its file
    interval: 1m              # else `rules.evaluation_seconds`
    limit: 100                # most alerts or series of one rule
    query_offset: 10s         # look back for lines that come late
    labels: {team: security}  # of all its rules
    rules:
      - alert: FailedLogins   # or `record: a_name`, which has `expr` and `labels` alone
        expr: sum by (service_name) (count_over_time({kind="security"} |= "denied" [5m])) > 20
        for: 2m
        keep_firing_for: 10m
        labels: {severity: warning}
        annotations: {summary: "{{ $value }} in {{ $labels.service_name }}"}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import ParamSpec, TypeVar

import yaml

from wardlight.problems import BadConfig
from wardlight.query import tree, units
from wardlight.query.lex import ParseError
from wardlight.query.parse import parse_metric
from wardlight.query.template import TemplateError
from wardlight.rules.model import PERSONAL, AlertRule, Group, RecordingRule, Rule
from wardlight.rules.text import Text

MAX_BYTES = 1024 * 1024
MAX_RULES = 10_000

_FILE = frozenset(("groups",))
_GROUP = frozenset(("name", "interval", "limit", "query_offset", "labels", "rules"))
_ALERT_ONLY = ("for", "keep_firing_for", "annotations")
_RULE = frozenset(("alert", "record", "expr", "labels", *_ALERT_ONLY))
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_OURS = re.compile(r"(wardlight|process|python)_")
_EACH_SERIES = frozenset(("topk", "bottomk", "approx_topk", "sort", "sort_desc"))

Given = ParamSpec("Given")
Value = TypeVar("Value")


def read(content: bytes, file: str, interval_ns: int) -> tuple[Group, ...]:
    """Read a rule file; `interval_ns` is for groups without one.

    Raises BadConfig with everything that is wrong, a line each: `FILE:LINE: …`.
    """
    reader = _Reader(file, interval_ns)
    groups = tuple(reader.groups(content))
    if reader.faults:
        raise BadConfig("\n".join(reader.faults))
    return groups


class _Fault(Exception):  # noqa: N818 -- collected, never leaves
    """Something is wrong, at a line."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class _Reader:
    """One file, and what was found wrong with it."""

    def __init__(self, file: str, interval_ns: int) -> None:
        self._file = file
        self._interval = interval_ns
        self._rules = 0
        self._recorded: set[tuple[str, frozenset[tuple[str, str]]]] = set()
        self.faults: list[str] = []

    def groups(self, content: bytes) -> Iterator[Group]:
        root = self._try(_compose, content)
        fields = self._try(_mapping, root, "the file", _FILE) if root is not None else None
        names: set[str] = set()
        for node in self._try(_sequence, fields, "groups") or () if fields else ():
            group = self._try(self._group, node, names)
            if group is not None:
                yield group

    def _try(self, read: Callable[Given, Value], *given: Given.args, **named: Given.kwargs) -> Value | None:
        """Read something; None and a fault more if it is wrong."""
        try:
            return read(*given, **named)
        except _Fault as fault:
            self.faults.append(f"{self._file}:{fault.line}: {fault}")
            return None

    def _group(self, node: yaml.Node, names: set[str]) -> Group | None:
        fields = _mapping(node, "a group", _GROUP)
        name = _text(fields, "name")
        if not name:
            raise _Fault(_line(node), "a group must have a name")
        if name in names:
            raise _Fault(_line(fields["name"]), f'group "{name}" is repeated in the same file')
        names.add(name)
        interval = self._try(_duration, fields, "interval")
        limit = self._try(_whole, fields, "limit")
        offset = self._try(_duration, fields, "query_offset")
        common = self._try(_labels, fields, "labels") or {}
        nodes = self._try(_sequence, fields, "rules") or ()
        rules = [self._rule(each, f'group "{name}", rule {at}', common) for at, each in enumerate(nodes, 1)]
        return Group(
            file=self._file, name=name, interval_ns=interval or self._interval, limit=limit or 0,
            offset_ns=offset or 0, rules=tuple(rule for rule in rules if rule is not None),
        )  # fmt: skip

    def _rule(self, node: yaml.Node, where: str, common: Mapping[str, yaml.ScalarNode]) -> Rule | None:
        self._rules += 1
        if self._rules > MAX_RULES:
            raise _Fault(_line(node), f"more than {MAX_RULES} rules")
        before = len(self.faults)
        fields = self._try(_mapping, node, where, _RULE)
        if fields is None:
            return None
        kinds = [kind for kind in ("alert", "record") if _text(fields, kind)]
        if len(kinds) != 1:
            reason = (
                "only one of 'record' and 'alert' may be set" if kinds else "one of 'record' or 'alert' must be set"
            )
            self.faults.append(f"{self._file}:{_line(node)}: {where}: {reason}")
            return None
        where = f'{where}, "{_text(fields, kinds[0])}"'
        expr = self._try(_expression, node, fields, where)
        labels = {**common, **(self._try(_labels, fields, "labels") or {})}
        build: Callable[..., Rule] = self._alert if kinds[0] == "alert" else self._record
        rule = self._try(build, fields, expr or "", labels, where)
        return rule if len(self.faults) == before else None

    def _alert(
        self, fields: Mapping[str, yaml.Node], expr: str, labels: Mapping[str, yaml.ScalarNode], where: str
    ) -> AlertRule:
        return AlertRule(
            name=_text(fields, "alert"),
            expr=expr,
            hold_ns=self._try(_duration, fields, "for") or 0,
            keep_ns=self._try(_duration, fields, "keep_firing_for") or 0,
            labels=self._texts(labels, where),
            annotations=self._texts(self._try(_labels, fields, "annotations", personal=True) or {}, where),
        )

    def _record(
        self, fields: Mapping[str, yaml.Node], expr: str, labels: Mapping[str, yaml.ScalarNode], where: str
    ) -> RecordingRule:
        name = _text(fields, "record")
        for field in _ALERT_ONLY:
            if field in fields:
                raise _Fault(_line(fields[field]), f"{where}: invalid field '{field}' in recording rule")
        if not _METRIC.fullmatch(name):
            raise _Fault(_line(fields["record"]), f"{where}: invalid recording rule name")
        if _OURS.match(name):
            raise _Fault(_line(fields["record"]), f"{where}: wardlight_, process_ and python_ are our own metrics")
        rule = RecordingRule(name=name, expr=expr, labels={name: node.value for name, node in labels.items()})
        series = (name, frozenset(rule.labels.items()))
        if series in self._recorded:
            raise _Fault(
                _line(fields["record"]), f"{where}: another rule of this file records the same metric and labels"
            )
        self._recorded.add(series)
        return rule

    def _texts(self, nodes: Mapping[str, yaml.ScalarNode], where: str) -> dict[str, Text]:
        found = {}
        for name, node in nodes.items():
            try:
                found[name] = Text(node.value)
            except TemplateError as error:
                self.faults.append(f"{self._file}:{_line(node)}: {where}: template of {name}: {error}")
        return found


def _compose(content: bytes) -> yaml.Node | None:
    """Read YAML to nodes, which know their lines; None for an empty file."""
    if len(content) > MAX_BYTES:
        raise _Fault(1, f"larger than {MAX_BYTES} bytes")
    try:
        text = content.decode()
        root: yaml.Node | None = yaml.compose(text, yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise _Fault(content.count(b"\n", 0, error.start) + 1, "not valid UTF-8") from None
    except yaml.reader.ReaderError as error:
        raise _Fault(text.count("\n", 0, error.position) + 1, "a character that YAML doesn't allow") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise _Fault(line, f"not valid YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _Fault(1, f"not valid YAML: {type(error).__name__}") from None
    return root


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _mapping(node: yaml.Node, what: str, known: frozenset[str]) -> dict[str, yaml.Node]:
    """Take a mapping's fields, those that are null left out."""
    if _is_null(node):
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise _Fault(_line(node), f"{what} must be a mapping")
    fields: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "?"
        if known and name not in known:
            raise _Fault(_line(key), f"{what}: unknown field {_quoted(name)}")
        if name in fields:
            raise _Fault(_line(key), f"{what}: {_quoted(name)} stands twice")
        fields[name] = value
    return {name: value for name, value in fields.items() if not _is_null(value)}


def _sequence(fields: Mapping[str, yaml.Node], name: str) -> list[yaml.Node]:
    if name not in fields:
        return []
    node = fields[name]
    if not isinstance(node, yaml.SequenceNode):
        raise _Fault(_line(node), f"{name} must be a list")
    return list(node.value)


def _scalar(fields: Mapping[str, yaml.Node], name: str) -> yaml.ScalarNode | None:
    node = fields.get(name)
    if node is not None and not isinstance(node, yaml.ScalarNode):
        raise _Fault(_line(node), f"{name} must be text")
    return node


def _text(fields: Mapping[str, yaml.Node], name: str) -> str:
    node = _scalar(fields, name)
    return str(node.value) if node is not None else ""


def _duration(fields: Mapping[str, yaml.Node], name: str) -> int:
    node = _scalar(fields, name)
    if node is None:
        return 0
    try:
        return units.parse_prometheus_duration(node.value)
    except ValueError as error:
        raise _Fault(_line(node), f"{name}: {error}") from None


def _whole(fields: Mapping[str, yaml.Node], name: str) -> int:
    node = _scalar(fields, name)
    if node is None:
        return 0
    if not re.fullmatch(r"\d{1,9}", node.value, re.ASCII):
        raise _Fault(_line(node), f"{name}: not a whole number")
    return int(node.value)


def _labels(fields: Mapping[str, yaml.Node], field: str, *, personal: bool = False) -> dict[str, yaml.ScalarNode]:
    """Take names with texts; `personal`: also names that lead to a person."""
    if field not in fields:
        return {}
    found: dict[str, yaml.ScalarNode] = {}
    for name, node in _mapping(fields[field], field, frozenset()).items():
        if not isinstance(node, yaml.ScalarNode):
            raise _Fault(_line(node), f"{field}: {_quoted(name)} must be text")
        if not _LABEL.fullmatch(name) or name == "__name__":
            raise _Fault(_line(node), f"{field}: {_quoted(name)} is no valid name")
        if not personal and name in PERSONAL:
            raise _Fault(_line(node), f"{field}: {name} leads to a person and may not leave in a label")
        found[name] = node
    return found


def _expression(rule: yaml.Node, fields: Mapping[str, yaml.Node], where: str) -> str:
    """Take a rule's expression, once it is seen to be a metric query that names nobody."""
    node = _scalar(fields, "expr")
    if node is None or not node.value.strip():
        raise _Fault(_line(rule), f"{where}: field 'expr' must be set")
    try:
        metric = parse_metric(node.value)
    except (ParseError, RecursionError) as error:
        line = getattr(error, "line", 0)
        inside = node.start_mark.line + 1 + (line or 1) if node.style == "|" else _line(node)
        raise _Fault(inside, f"{where}: could not parse expression: {error}") from None
    if found := PERSONAL & _kept(metric):
        raise _Fault(_line(node), f"{where}: the result has the label {min(found)}, which leads to a person")
    return str(node.value)


def _kept(metric: tree.Metric) -> frozenset[str]:
    """Name the labels that the result is sure to have, as far as the query says so."""
    if isinstance(metric, tree.LabelReplace):
        return _kept(metric.operand) | {metric.destination}
    if isinstance(metric, tree.BinaryOperation):
        side = (
            metric.right if metric.matching.group == "right" or isinstance(metric.left, tree.Literal) else metric.left
        )
        return _kept(side) | frozenset(metric.matching.include)
    if isinstance(metric, tree.VectorAggregation) and metric.op in _EACH_SERIES:
        return _kept(metric.operand)
    grouping = getattr(metric, "grouping", None)
    return frozenset(grouping.labels) if grouping is not None and not grouping.without else frozenset()


def _quoted(name: str) -> str:
    """Show a name that somebody chose, bounded."""
    return repr(name if len(name) <= 64 else name[:61] + "…")
