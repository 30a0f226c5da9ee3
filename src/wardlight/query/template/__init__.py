"""Templates of `line_format` and `label_format`: Go's text/template with Loki's functions, on one entry at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from wardlight.query.template import parser
from wardlight.query.template.functions import FUNCTIONS
from wardlight.query.template.layout import Moment, format_moment
from wardlight.query.template.values import TemplateError, Value, is_true, show

__all__ = ["Labels", "Template", "TemplateError", "execute"]

_MAX_STEPS = 100_000
_KNOWN = frozenset(FUNCTIONS)


@dataclass(frozen=True)
class Template:
    """A template, read once and run for each entry. Reading raises TemplateError."""

    text: str

    def __post_init__(self) -> None:
        self.nodes  # noqa: B018 -- read it now, so that a fault is told now

    @cached_property
    def nodes(self) -> tuple[parser.Node, ...]:
        """The tree."""
        return parser.parse(self.text, _KNOWN)

    @cached_property
    def fields(self) -> frozenset[str]:
        """The labels it asks for."""
        return frozenset(parser.fields(self.nodes))

    @cached_property
    def parts(self) -> list[tuple[str, bool]] | None:
        """Its texts and (with True) label names if it has nothing else, so that the engine can do it; else None."""
        found: list[tuple[str, bool]] = []
        for node in self.nodes:
            if isinstance(node, parser.Text):
                found.append((node.text, False))
                continue
            name = _only_field(node)
            if name is None:
                return None
            found.append((name, True))
        return found

    def render(self, labels: Mapping[str, str], line: str, ns: int, now_ns: int = 0) -> str:
        """Run it for one entry. Raises TemplateError."""
        return execute(self.nodes, Labels(labels), FUNCTIONS, line=line, ns=ns, now_ns=now_ns)


def execute(
    nodes: tuple[parser.Node, ...], dot: Value, functions: Mapping[str, Callable[..., Value]], *,
    line: str = "", ns: int = 0, now_ns: int = 0,
) -> str:  # fmt: skip
    """Run a template's nodes on any value. Raises TemplateError."""
    run = _Run(dot, functions, line, Moment(ns), Moment(now_ns))
    try:
        run.nodes(nodes, dot)
    except (TypeError, ValueError, OverflowError, ArithmeticError, IndexError, AttributeError) as error:
        raise TemplateError(str(error)) from None
    return "".join(run.written)


def _only_field(node: parser.Node) -> str | None:
    """Name the label of a plain `{{.label}}`."""
    if not isinstance(node, parser.Action) or node.pipeline.variables or len(node.pipeline.commands) != 1:
        return None
    command = node.pipeline.commands[0]
    if len(command) == 1 and isinstance(command[0], parser.Field) and len(command[0].names) == 1:
        return command[0].names[0]
    return None


class _Broken(Exception):  # noqa: N818 -- not an error
    """`break` or `continue`, on its way to its loop."""


@dataclass
class _Run:
    """One value on its way through a template."""

    root: Value
    functions: Mapping[str, Callable[..., Value]]
    line: str
    moment: Moment
    now: Moment
    written: list[str] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        self.variables: list[tuple[str, Value]] = [("$", self.root)]

    def nodes(self, nodes: tuple[parser.Node, ...], dot: Value) -> None:
        for node in nodes:
            self.step()
            if isinstance(node, parser.Text):
                self.written.append(node.text)
            elif isinstance(node, parser.Action):
                value = self.pipeline(node.pipeline, dot)
                if not node.pipeline.variables:
                    self.written.append(show(value))
            elif isinstance(node, parser.Branch):
                self.branch(node, dot)
            else:
                raise _Broken(node.word)

    def step(self) -> None:
        """Count a step; an empty body costs one too. Raises TemplateError beyond the limit."""
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise TemplateError(f"a template may take {_MAX_STEPS} steps")

    def branch(self, node: parser.Branch, dot: Value) -> None:
        scope = len(self.variables)
        value = self.pipeline(node.pipeline, dot, declares=node.word != "range")
        if node.word == "range":
            self.range(node, value, dot)
        elif is_true(value):
            self.nodes(node.body, value if node.word == "with" else dot)
        else:
            self.nodes(node.otherwise, dot)
        del self.variables[scope:]

    def range(self, node: parser.Branch, value: Value, dot: Value) -> None:
        pairs = _pairs(value)
        if not pairs:
            self.nodes(node.otherwise, dot)
        scope = len(self.variables)
        for pair in pairs:
            self.step()
            names = node.pipeline.variables
            values = pair if len(names) == 2 else pair[1:]
            for name, each in zip(names, values, strict=False):
                self.assign(name, each, declares=node.pipeline.declares)
            try:
                self.nodes(node.body, pair[1])
            except _Broken as left:
                if str(left) == "break":
                    break
            finally:
                del self.variables[scope:]

    def assign(self, name: str, value: Value, *, declares: bool) -> None:
        if declares:
            self.variables.append((name, value))
            return
        for at in range(len(self.variables) - 1, -1, -1):
            if self.variables[at][0] == name:
                self.variables[at] = (name, value)
                return

    def pipeline(self, pipeline: parser.Pipeline, dot: Value, *, declares: bool = True) -> Value:
        value: Value = None
        for at, command in enumerate(pipeline.commands):
            value = self.command(command, dot, [value] if at else [])
        if declares:
            for name in pipeline.variables:
                self.assign(name, value, declares=pipeline.declares)
        return value

    def command(self, command: tuple[parser.Operand, ...], dot: Value, piped: list[Value]) -> Value:
        first = command[0]
        if isinstance(first, parser.Function):
            return self.call(first.name, command[1:], dot, piped)
        value = self.operand(first, dot)
        arguments = [self.operand(each, dot) for each in command[1:]] + piped
        if isinstance(value, _Method):
            return value.call(arguments)
        if arguments:
            raise TemplateError("can't give argument to non-function")
        return value

    def call(self, name: str, operands: tuple[parser.Operand, ...], dot: Value, piped: list[Value]) -> Value:
        if name == "__line__":
            return self.line
        if name == "__timestamp__":
            return self.moment
        if name == "now":
            return self.now
        if name in ("and", "or"):
            return self.junction(name, operands, dot, piped)
        arguments = [_settled(self.operand(each, dot)) for each in operands] + piped
        try:
            return self.functions[name](*arguments)
        except TemplateError as error:
            raise TemplateError(f"error calling {name}: {error}") from None
        except TypeError:
            raise TemplateError(f"wrong number of args for {name}: got {len(arguments)}") from None

    def junction(self, name: str, operands: tuple[parser.Operand, ...], dot: Value, piped: list[Value]) -> Value:
        """`and`, `or`: the rest isn't looked at once it is decided."""
        value: Value = None
        for each in operands:
            value = self.operand(each, dot)
            if is_true(value) == (name == "or"):
                return value
        return piped[0] if piped else value

    def operand(self, operand: parser.Operand, dot: Value) -> Value:
        if isinstance(operand, parser.Constant):
            return operand.value
        if isinstance(operand, parser.Field):
            return _walk(dot, operand.names)
        if isinstance(operand, parser.Variable):
            value = next(value for name, value in reversed(self.variables) if name == operand.name)
            return _walk(value, operand.names)
        if isinstance(operand, parser.Chain):
            return _walk(self.pipeline(operand.pipeline, dot), operand.names)
        return self.call(operand.name, (), dot, [])


def _pairs(value: Value) -> list[tuple[Value, Value]]:
    """What a range goes through, with indexes or keys."""
    if isinstance(value, dict):
        return [(key, value[key]) for key in sorted(value)]
    if isinstance(value, list):
        return list(enumerate(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return [(at, at) for at in range(min(value, _MAX_STEPS))]
    if value is None:
        return []
    raise TemplateError(f"range can't iterate over {show(value)}")


def _walk(value: Value, names: tuple[str, ...]) -> Value:
    """Follow `.a.b`; an absent label is empty, an absent key of JSON is nil."""
    for name in names:
        value = _settled(value)
        if isinstance(value, dict):
            value = value.get(name, "" if isinstance(value, Labels) else None)
        elif isinstance(value, Moment) and name in _METHODS:
            value = _Method(name, value)
        elif value is None:
            raise TemplateError(f"nil pointer evaluating interface {{}}.{name}")
        else:
            raise TemplateError(f"can't evaluate field {name} in type {type(value).__name__}")
    return value


class Labels(dict[str, str]):
    """A set of labels: one that is absent is empty, where in a map of JSON it is nil."""


@dataclass(frozen=True)
class _Method:
    """A method of a time, not yet called."""

    name: str
    of: Moment

    def call(self, arguments: list[Value]) -> Value:
        return _METHODS[self.name](self.of, *arguments)


def _settled(value: Value) -> Value:
    return value.call([]) if isinstance(value, _Method) else value


def _part(name: str) -> Any:
    return lambda moment: getattr(moment.local, name)


_METHODS: dict[str, Any] = {
    "Unix": lambda moment: moment.ns // 10**9,
    "UnixMilli": lambda moment: moment.ns // 10**6,
    "UnixMicro": lambda moment: moment.ns // 10**3,
    "UnixNano": lambda moment: moment.ns,
    "Format": format_moment,
    "UTC": lambda moment: Moment(moment.ns),
    "Weekday": lambda moment: datetime.strftime(moment.local, "%A"),
    "Month": lambda moment: datetime.strftime(moment.local, "%B"),
    "YearDay": lambda moment: moment.local.timetuple().tm_yday,
    "Nanosecond": lambda moment: moment.ns % 10**9,
    **{name.capitalize(): _part(name) for name in ("year", "day", "hour", "minute", "second")},
}
