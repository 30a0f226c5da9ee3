"""Go's text/template, as far as log lines need it: text to a tree of nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wardlight.query.template.values import TemplateError, Value


@dataclass(frozen=True)
class Text:
    """Text between actions."""

    text: str


@dataclass(frozen=True)
class Constant:
    """A literal."""

    value: Value


@dataclass(frozen=True)
class Field:
    """`.a.b`; no names is the dot itself."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Variable:
    """`$x.a`."""

    name: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Function:
    """A function's name."""

    name: str


@dataclass(frozen=True)
class Chain:
    """`(pipeline).a`."""

    pipeline: Pipeline
    names: tuple[str, ...]


Operand = Constant | Field | Variable | Function | Chain


@dataclass(frozen=True)
class Pipeline:
    """`$x := command | command`; each command is an operand and its arguments."""

    commands: tuple[tuple[Operand, ...], ...]
    variables: tuple[str, ...] = ()
    declares: bool = False


@dataclass(frozen=True)
class Action:
    """`{{pipeline}}`."""

    pipeline: Pipeline


@dataclass(frozen=True)
class Branch:
    """`if`, `with` or `range`, and its `else`."""

    word: str
    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True)
class Leave:
    """`break` or `continue`."""

    word: str


Node = Text | Action | Branch | Leave

_LEFT = re.compile(r"\{\{(-(?=\s))?")
_COMMENT = re.compile(r"\s*/\*.*?\*/(\s+-)?\s*\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""
      (?P<space>\s+(?!-\}\}))
    | (?P<right>(?:\s+-)?\}\})
    | (?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    | (?P<char>'(?:[^'\\\n]|\\.)+')
    | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?))
    | (?P<variable>\$\w*)
    | (?P<field>\.[^\W\d]\w*)
    | (?P<dot>\.)
    | (?P<word>[^\W\d]\w*)
    | (?P<sign>:=|[=|(),])
    """,
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_MAX_DEPTH = 50

_Token = tuple[str, str, bool]
"""Kind, text, and whether space stands before it."""


def parse(text: str, functions: frozenset[str]) -> tuple[Node, ...]:
    """Read a template. Raises TemplateError."""
    reader = _Reader(text, functions)
    nodes, end = reader.nodes(())
    if end:
        raise TemplateError(f"unexpected {{{{{end}}}}}")
    return nodes


class _Reader:
    """The template, and where we are in it."""

    def __init__(self, text: str, functions: frozenset[str]) -> None:
        self._text = text
        self._at = 0
        self._trim = False
        self._functions = functions
        self._tokens: list[_Token] = []
        self._variables = ["$"]
        self._depth = 0
        self._loops = 0

    def nodes(self, ends: tuple[str, ...]) -> tuple[tuple[Node, ...], str]:
        """Read nodes until `end` or `else`; return them and which it was ('' at the end of the text)."""
        found: list[Node] = []
        while True:
            left = _LEFT.search(self._text, self._at)
            text = self._text[self._at : left.start() if left else None]
            text = text.lstrip() if self._trim else text
            if left is None:
                if ends:
                    raise TemplateError("unexpected EOF")
                return (*found, *([Text(text)] if text else [])), ""
            text = text.rstrip() if left[1] else text
            if text:
                found.append(Text(text))
            self._at = left.end()
            node, end = self._action(ends)
            if end:
                return tuple(found), end
            if node is not None:
                found.append(node)

    def _action(self, ends: tuple[str, ...]) -> tuple[Node | None, str]:
        comment = _COMMENT.match(self._text, self._at)
        if comment is not None:
            self._at, self._trim = comment.end(), bool(comment[1])
            return None, ""
        self._tokens = list(self._scan())
        word = self._tokens[0][1] if self._tokens and self._tokens[0][0] == "word" else ""
        if word in ("end", "else"):
            self._tokens.pop(0)
            if word not in ends:
                raise TemplateError(f"unexpected {{{{{word}}}}}")
            return None, word
        if word in ("if", "with", "range"):
            self._tokens.pop(0)
            return self._branch(word), ""
        if word in ("break", "continue"):
            if not self._loops:
                raise TemplateError(f"{{{{{word}}}}} outside {{{{range}}}}")
            return Leave(word), ""
        if word in ("define", "template", "block"):
            raise TemplateError(f"{{{{{word}}}}} is not available here")
        pipeline = self._pipeline()
        self._finish()
        return Action(pipeline), ""

    def _branch(self, word: str) -> Branch:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise TemplateError(f"nested more than {_MAX_DEPTH} deep")
        scope = len(self._variables)
        pipeline = self._pipeline(ranging=word == "range")
        self._finish()
        self._loops += word == "range"
        body, end = self.nodes(("end", "else"))
        self._loops -= word == "range"
        otherwise: tuple[Node, ...] = ()
        if end == "else":
            if self._tokens:
                chained = self._tokens.pop(0)[1]
                if chained not in ("if", "with"):
                    raise TemplateError(f"unexpected <{chained}> in else")
                otherwise = (self._branch(chained),)
            else:
                otherwise, _ = self.nodes(("end",))
        del self._variables[scope:]
        self._depth -= 1
        return Branch(word, pipeline, body, otherwise)

    def _scan(self) -> Iterator[_Token]:
        """Cut one action into tokens, up to its closing braces."""
        spaced = False
        while True:
            found = _TOKEN.match(self._text, self._at)
            if found is None:
                rest = self._text[self._at : self._at + 1]
                if not rest or "}}" not in self._text[self._at :]:
                    raise TemplateError("unclosed action")
                raise TemplateError(f"unexpected {rest!r} in command")
            self._at = found.end()
            kind = str(found.lastgroup)
            if kind == "right":
                self._trim = "-" in found[0]
                return
            if kind != "space":
                yield kind, found[0], spaced
            spaced = kind == "space"

    def _finish(self) -> None:
        if self._tokens:
            raise TemplateError(f"unexpected <{self._tokens[0][1]}> in operand")

    def _pipeline(self, *, ranging: bool = False) -> Pipeline:
        variables, declares = self._declaration(ranging)
        commands: list[tuple[Operand, ...]] = []
        while True:
            command = self._command()
            if not command:
                raise TemplateError("missing value for command")
            if commands and isinstance(command[0], Constant | Field) and len(command) == 1:
                raise TemplateError(f"non executable command in pipeline stage {len(commands) + 1}")
            commands.append(command)
            if not self._tokens or self._tokens[0][1] != "|":
                break
            self._tokens.pop(0)
        self._variables.extend(variables if declares else ())
        return Pipeline(tuple(commands), variables, declares)

    def _declaration(self, ranging: bool) -> tuple[tuple[str, ...], bool]:
        """`$x :=`, `$x =`, and in a range `$i, $x :=`."""
        texts = [token[1] for token in self._tokens[:4]]
        names: tuple[str, ...]
        if ranging and len(texts) == 4 and texts[1] == "," and texts[3] in (":=", "="):
            names, sign, count = (texts[0], texts[2]), texts[3], 4
        elif len(texts) >= 2 and texts[0].startswith("$") and texts[1] in (":=", "="):
            names, sign, count = (texts[0],), texts[1], 2
        else:
            return (), False
        del self._tokens[:count]
        if sign == "=" and not set(names) <= set(self._variables):
            raise TemplateError(f'undefined variable "{names[0]}"')
        return names, sign == ":="

    def _command(self) -> tuple[Operand, ...]:
        operands: list[Operand] = []
        while self._tokens and self._tokens[0][1] not in ("|", ")"):
            operands.append(self._operand())
        return tuple(operands)

    def _operand(self) -> Operand:
        kind, text, _ = self._tokens.pop(0)
        if kind == "string":
            return Constant(_unquote(text))
        if kind == "char":
            return Constant(ord(_unquote('"' + text[1:-1] + '"')[0]))
        if kind == "number":
            return Constant(_number(text))
        if kind == "field":
            return Field((text[1:], *self._names()))
        if kind == "dot":
            return Field(())
        if kind == "variable":
            if text not in self._variables:
                raise TemplateError(f'undefined variable "{text}"')
            return Variable(text, self._names())
        if kind == "word":
            return self._word(text)
        if text == "(":
            return self._parenthesis()
        raise TemplateError(f"unexpected <{text}> in operand")

    def _parenthesis(self) -> Operand:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise TemplateError(f"nested more than {_MAX_DEPTH} deep")
        pipeline = self._pipeline()
        if not self._tokens or self._tokens.pop(0)[1] != ")":
            raise TemplateError("unclosed left paren")
        self._depth -= 1
        return Chain(pipeline, self._names())

    def _word(self, text: str) -> Operand:
        if text in ("true", "false"):
            return Constant(text == "true")
        if text == "nil":
            return Constant(None)
        if text not in self._functions:
            raise TemplateError(f'function "{text}" not defined')
        names = self._names()
        return Chain(Pipeline(((Function(text),),)), names) if names else Function(text)

    def _names(self) -> tuple[str, ...]:
        """The `.a.b` that follows without space."""
        names = []
        while self._tokens and self._tokens[0][0] == "field" and not self._tokens[0][2]:
            names.append(self._tokens.pop(0)[1][1:])
        return tuple(names)


def _number(text: str) -> int | float:
    bare = text.replace("_", "")
    try:
        return int(bare, 0) if re.fullmatch(r"[+-]?(0[xX][0-9a-fA-F]+|0|[1-9]\d*)", bare) else float(bare)
    except ValueError:
        raise TemplateError(f'bad number syntax: "{text}"') from None


def _unquote(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]

    def replace(found: re.Match[str]) -> str:
        escape = found[1]
        if escape[0] in "xuU":
            code = int(escape[1:], 16)
            return chr(code) if code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else "\ufffd"
        return chr(int(escape, 8)) if escape[0].isdigit() else _ESCAPES.get(escape, escape)

    return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", replace, text[1:-1])


def fields(nodes: tuple[Node, ...]) -> set[str]:
    """Name the labels that a template asks for."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, Action | Branch):
            found |= _pipeline_fields(node.pipeline)
        if isinstance(node, Branch):
            found |= fields(node.body) | fields(node.otherwise)
    return found


def _pipeline_fields(pipeline: Pipeline) -> set[str]:
    found: set[str] = set()
    for command in pipeline.commands:
        for operand in command:
            if isinstance(operand, Field):
                found |= set(operand.names)
            elif isinstance(operand, Chain):
                found |= _pipeline_fields(operand.pipeline)
    return found
