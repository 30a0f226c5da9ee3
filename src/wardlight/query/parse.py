"""LogQL's grammar, by recursive descent: text to tree.

Where Loki's grammar is ambiguous, its generated parser decides: `a or b, c` is `a or (b, c)`, as a comma and plain
juxtaposition bind to the right and tighter than `and` and `or`. Faults of meaning are told only when there is no fault
of syntax, as Loki does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, cast

from wardlight.query import tree, units
from wardlight.query.algebra import fold
from wardlight.query.lex import CONVERSIONS, END, RANGE_FUNCTIONS, VECTOR_FUNCTIONS, ParseError, Token, tokens
from wardlight.query.patterns import parse_pattern, parse_regexp_parser
from wardlight.query.tree import ranges, regexp

_MAX_DEPTH = 64
_MAX_OPERATORS = 250
_PRECEDENCE = {
    "or": 1, "and": 2, "unless": 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3,
    "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "^": 6,
}  # fmt: skip
_LINE_OPS = ("|=", "!=", "|~", "!~", "|>", "!>")
_MATCH_OPS = ("=", "!=", "=~", "!~")
_COMPARE_OPS = ("==", "=", "!=", ">", ">=", "<", "<=")
_RANGE_TOKENS = {name.upper(): name for name in RANGE_FUNCTIONS}
_VECTOR_TOKENS = {name.upper(): name for name in VECTOR_FUNCTIONS}
_CONVERSION_TOKENS = {token: name for name, token in CONVERSIONS.items()}
_GROUPABLE = frozenset(
    f"{name}_over_time" for name in ("avg", "stddev", "stdvar", "quantile", "max", "min", "first", "last")
)
_UNWRAPPED = _GROUPABLE | {"sum_over_time", "rate", "rate_counter", "absent_over_time"}
_NOT_UNWRAPPED = frozenset(("bytes_over_time", "bytes_rate", "count_over_time", "rate", "absent_over_time"))
_NO_SELECTIVE_MATCHER = (
    "queries require at least one regexp or equality matcher that does not have an empty-compatible value. "
    'For instance, app=~".*" does not meet this requirement, but app=~".+" will'
)


def parse(query: str) -> tree.Query:
    """Read a query. Raises ParseError."""
    found = _read(query)
    check_selective(found)
    return found


def parse_metric(query: str) -> tree.Metric:
    """Read a query that must give numbers. Raises ParseError."""
    found = parse(query)
    if isinstance(found, tree.LogQuery):
        raise ParseError("only sample expression supported")
    return found


def parse_logs(query: str) -> tree.LogQuery:
    """Read a query that must give log lines. Raises ParseError."""
    found = parse(query)
    if not isinstance(found, tree.LogQuery):
        raise ParseError("only log selector is supported")
    return found


def parse_matchers(text: str, *, selective: bool = True) -> tuple[tree.Matcher, ...]:
    """Read a bare selector, `{app="x"}`; with `selective`, one that names some streams. Raises ParseError."""
    found = _read(text)
    if not isinstance(found, tree.LogQuery) or found.stages:
        raise ParseError("only label matchers are supported")
    if selective:
        check_selective(found)
    return found.matchers


def _read(text: str) -> tree.Query:
    """Read a query without asking whether it is selective. Raises ParseError."""
    parser = _Parser(list(tokens(text)))
    found = parser.expression()
    if parser.kind != END:
        parser.unexpected()
    if parser.fault:
        raise parser.fault
    return found


def check_selective(found: tree.Query) -> None:
    """Refuse a selector that takes every stream. Raises ParseError."""
    selectors = [found] if isinstance(found, tree.LogQuery) else [found.range.query for found in ranges(found)]
    for selector in selectors:
        if all(matcher.matches("") for matcher in selector.matchers):
            raise ParseError(_NO_SELECTIVE_MATCHER)


class _Parser:
    """The tokens, and where we are in them."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0
        self._operators = 0
        self.fault: ParseError | None = None

    # ---- tokens ----

    @property
    def token(self) -> Token:
        return self._tokens[self._at]

    @property
    def kind(self) -> str:
        return self._tokens[self._at].kind

    def advance(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def accept(self, *kinds: str) -> Token | None:
        return self.advance() if self.kind in kinds else None

    def expect(self, *kinds: str) -> Token:
        return self.accept(*kinds) or self.unexpected(*kinds)

    def unexpected(self, *expected: str) -> NoReturn:
        """Refuse the token; what was expected is told when it is few things."""
        expecting = f", expecting {' or '.join(expected)}" if 0 < len(expected) <= 4 else ""
        raise ParseError(f"syntax error: unexpected {self.kind}{expecting}", self.token.line, self.token.column)

    def blame(self, reason: str) -> None:
        """Note a fault of meaning; the first one is told if the syntax is right."""
        self.fault = self.fault or ParseError(reason)

    def checked(self, check: Callable[[], object], prefix: str = "") -> None:
        """Run a check; a ValueError is a fault of meaning."""
        try:
            check()
        except ValueError as error:
            self.blame(f"{prefix}{error}")

    def count_operator(self) -> None:
        self._operators += 1
        if self._operators > _MAX_OPERATORS:
            raise ParseError(f"a query has at most {_MAX_OPERATORS} operators", self.token.line, self.token.column)

    def deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ParseError(f"nested more than {_MAX_DEPTH} deep", self.token.line, self.token.column)

    # ---- metrics ----

    def expression(self, minimum: int = 1) -> tree.Query:
        self.deeper()
        left = self.operand()
        while (precedence := _PRECEDENCE.get(self.kind, 0)) >= minimum:
            self.count_operator()
            op = self.advance().kind
            returns_bool, matching = self.modifier()
            right = self.expression(precedence if op == "^" else precedence + 1)
            left = self.binary(op, left, right, returns_bool, matching)
        self._depth -= 1
        return left

    def operand(self) -> tree.Query:
        kind = self.kind
        if kind == "{":
            return self.log_query()
        if kind in ("NUMBER", "+", "-"):
            return tree.Literal(self.number())
        if kind in _RANGE_TOKENS:
            return self.range_aggregation()
        if kind in _VECTOR_TOKENS:
            return self.vector_aggregation()
        if kind == "label_replace":
            return self.label_replace()
        if kind == "VECTOR":
            self.advance()
            self.expect("(")
            text = self.expect("NUMBER").text
            self.expect(")")
            return tree.Vector(self.float_of(text, "unable to parse vectorExpr as a float: "))
        if self.accept("("):
            inner = self.expression()
            self.expect(")")
            return inner
        return self.unexpected()

    def metric(self) -> tree.Metric:
        """An operand that must be a metric: a log query here is a fault of syntax."""
        start = self.token
        found = self.expression()
        if isinstance(found, tree.LogQuery):
            raise ParseError(f"syntax error: unexpected {self.kind}", start.line, start.column)
        return found

    def binary(
        self, op: str, left: tree.Query, right: tree.Query, returns_bool: bool, matching: tree.Matching
    ) -> tree.Metric:
        for side, leg in (("left", left), ("right", right)):
            if isinstance(leg, tree.LogQuery):
                shape = "*syntax.PipelineExpr" if leg.stages else "*syntax.MatchersExpr"
                self.blame(f"unexpected type for {side} leg of binary operation ({op}): {shape}")
                return tree.Literal(0)
            if isinstance(leg, tree.Literal) and op in tree.SET_OPERATIONS:
                self.blame(f"unexpected literal for {side} leg of logical/set binary operation ({op}): {leg.value:f}")
        if isinstance(left, tree.Literal) and isinstance(right, tree.Literal):
            return tree.Literal(fold(op, left.value, right.value)) if op not in tree.SET_OPERATIONS else left
        return tree.BinaryOperation(op, cast("tree.Metric", left), cast("tree.Metric", right), returns_bool, matching)

    def modifier(self) -> tuple[bool, tree.Matching]:
        """`bool on (a) group_left (b)`."""
        returns_bool = self.accept("bool") is not None
        word = self.accept("on", "ignoring")
        if word is None:
            return returns_bool, tree.Matching()
        labels = self.labels()
        group = self.accept("group_left", "group_right")
        include: tuple[str, ...] = ()
        if group is not None and self.kind == "(" and self.looks_like_labels():
            include = self.labels()
        side = group.kind.removeprefix("group_") if group else ""
        return returns_bool, tree.Matching(word.kind == "on", labels, side, include, explicit=True)  # type: ignore[arg-type]

    def looks_like_labels(self) -> bool:
        """Say whether `(` after group_left opens a list of labels, not an operand."""
        after = self._tokens[self._at + 1 : self._at + 3]
        return after[0].kind == ")" or (after[0].kind == "IDENTIFIER" and after[1].kind in (",", ")"))

    def range_aggregation(self) -> tree.Metric:
        op = _RANGE_TOKENS[self.advance().kind]
        self.expect("(")
        parameter = self.accept("NUMBER")
        if parameter is not None:
            self.expect(",")
        log_range = self.log_range()
        self.expect(")")
        grouping = self.grouping() if self.kind in ("by", "without") else None
        value = self.range_parameter(op, parameter)
        if grouping is not None and op not in _GROUPABLE:
            self.blame(f"grouping not allowed for {op} aggregation")
        if op not in (_NOT_UNWRAPPED if log_range.unwrap is None else _UNWRAPPED):
            self.blame(f"invalid aggregation {op} with{'out' if log_range.unwrap is None else ''} unwrap")
        return tree.RangeAggregation(op, log_range, value, grouping)

    def range_parameter(self, op: str, parameter: Token | None) -> float | None:
        if parameter is None:
            if op == "quantile_over_time":
                self.blame(f"parameter required for operation {op}")
            return None
        if op != "quantile_over_time":
            self.blame(f"parameter {parameter.text} not supported for operation {op}")
        return self.float_of(parameter.text, f"invalid parameter for operation {op}: ")

    def vector_aggregation(self) -> tree.Metric:
        op = _VECTOR_TOKENS[self.advance().kind]
        grouping = self.grouping() if self.kind in ("by", "without") else None
        self.expect("(")
        parameter = None
        if self.kind == "NUMBER" and self._tokens[self._at + 1].kind == ",":
            parameter = self.advance().text
            self.expect(",")
        operand = self.metric()
        self.expect(")")
        if grouping is None and self.kind in ("by", "without"):
            grouping = self.grouping()
        value = self.vector_parameter(op, parameter, grouping)
        if op in ("sort", "sort_desc") and grouping is not None and grouping.labels:
            self.blame("sort and sort_desc doesn't allow grouping by ")
        return tree.VectorAggregation(op, operand, value, grouping)

    def vector_parameter(self, op: str, text: str | None, grouping: tree.Grouping | None) -> int:
        if op not in ("topk", "bottomk", "approx_topk"):
            if text is not None:
                self.blame(f"unsupported parameter for operation {op}({text},")
            return 0
        if text is None:
            self.blame(f"parameter required for operation {op}")
        elif not (text.isascii() and text.isdigit()):
            self.blame(f"invalid parameter {op}({text},")
        elif int(text) <= 0:
            self.blame(f"invalid parameter (must be greater than 0) {op}({text}")
        elif op == "approx_topk" and grouping is not None:
            self.blame(f"grouping not allowed for {op} aggregation")
        else:
            return int(text)
        return 0

    def label_replace(self) -> tree.Metric:
        self.advance()
        self.expect("(")
        operand = self.metric()
        texts = []
        for _ in range(4):
            self.expect(",")
            texts.append(self.expect("STRING").text)
        self.expect(")")
        destination, replacement, source, expression = texts
        self.checked(lambda: regexp(f"^(?:{expression})$"), "invalid regex in label_replace: ")
        return tree.LabelReplace(operand, destination, replacement, source, expression)

    def grouping(self) -> tree.Grouping:
        word = self.expect("by", "without")
        return tree.Grouping(self.labels(), without=word.kind == "without")

    def labels(self) -> tuple[str, ...]:
        self.expect("(")
        if self.accept(")"):
            return ()
        names = [self.expect("IDENTIFIER", ")").text]
        while self.accept(","):
            names.append(self.expect("IDENTIFIER").text)
        self.expect(",", ")")
        return tuple(names)

    def number(self) -> float:
        sign = self.accept("+", "-")
        text = self.expect("NUMBER").text
        value = self.float_of(text, "unable to parse literal as a float: ")
        return -value if sign is not None and sign.kind == "-" else value

    def float_of(self, text: str, prefix: str) -> float:
        try:
            return units.parse_float(text)
        except ValueError as error:
            self.blame(f"{prefix}{error}")
            return 0.0

    # ---- ranges ----

    def log_range(self) -> tree.LogRange:
        if not self.accept("("):
            return self.selected_range()
        self.deeper()
        if self.kind == "(":
            inner = self.log_range()
            self.expect(")")
            self._depth -= 1
            return inner
        matchers = self.selector()
        stages, unwrap = self.pipeline(unwrap=True)
        if self.kind == "RANGE":
            inner = self.ranged(matchers, stages, unwrap, bare=not stages and unwrap is None)
            self.expect(")")
        else:
            self.expect(")", "RANGE")
            inner = self.ranged(matchers, stages, unwrap, bare=False, unwrap_after=not stages and unwrap is None)
        self._depth -= 1
        return inner

    def selected_range(self) -> tree.LogRange:
        matchers = self.selector()
        stages, unwrap = self.pipeline(unwrap=True)
        return self.ranged(matchers, stages, unwrap, bare=not stages and unwrap is None)

    def ranged(
        self,
        matchers: tuple[tree.Matcher, ...],
        stages: tuple[tree.Stage, ...],
        unwrap: tree.Unwrap | None,
        *,
        bare: bool,
        unwrap_after: bool = False,
    ) -> tree.LogRange:
        """`[5m] offset 1h`; after a bare selector, the pipeline may follow instead of preceding."""
        interval = self.expect("RANGE").number
        offset = 0
        if self.accept("offset"):
            offset = self.expect("DURATION").number
        if bare:
            stages, unwrap = self.pipeline(unwrap=True)
        elif unwrap_after and self.kind == "|":
            self.expect("|")
            unwrap = self.unwrap()
        return tree.LogRange(tree.LogQuery(matchers, stages), interval, offset, unwrap)

    def unwrap(self) -> tree.Unwrap:
        self.expect("unwrap")
        conversion = self.accept(*_CONVERSION_TOKENS)
        if conversion is None:
            label = self.expect("IDENTIFIER", *_CONVERSION_TOKENS).text
        else:
            self.expect("(")
            label = self.expect("IDENTIFIER").text
            self.expect(")")
        filters = []
        while self.accept("|"):
            filters.append(self.condition())
        name = _CONVERSION_TOKENS[conversion.kind] if conversion else ""
        return tree.Unwrap(label, name, tuple(filters))  # type: ignore[arg-type]

    # ---- logs ----

    def log_query(self) -> tree.LogQuery:
        matchers = self.selector()
        stages, _ = self.pipeline(unwrap=False)
        return tree.LogQuery(matchers, stages)

    def selector(self) -> tuple[tree.Matcher, ...]:
        self.expect("{")
        if self.accept("}"):
            return ()
        if self.kind != "IDENTIFIER":
            self.unexpected("IDENTIFIER", "}")
        matchers = [self.matcher()]
        while not self.accept("}"):
            if not self.accept(","):
                self.unexpected("}", ",")
            matchers.append(self.matcher())
        return tuple(matchers)

    def matcher(self) -> tree.Matcher:
        name = self.expect("IDENTIFIER").text
        op = self.expect("=", "=~", "!~", "!=").kind
        return self.new_matcher(name, cast("tree.MatchOp", op), self.expect("STRING").text)

    def new_matcher(self, name: str, op: tree.MatchOp, value: str) -> tree.Matcher:
        if op in ("=~", "!~"):
            try:
                regexp(f"^(?s:{value})$")
            except ValueError as error:
                raise ParseError(str(error)) from None
        return tree.Matcher(name, op, value)

    def pipeline(self, *, unwrap: bool) -> tuple[tuple[tree.Stage, ...], tree.Unwrap | None]:
        stages: list[tree.Stage] = []
        while True:
            if self.kind in _LINE_OPS:
                stages.append(self.line_filter())
            elif self.kind != "|":
                return tuple(stages), None
            else:
                self.advance()
                if unwrap and self.kind == "unwrap":
                    return tuple(stages), self.unwrap()
                stages.append(self.stage())

    def line_filter(self) -> tree.LineFilter:
        op = cast("tree.LineOp", self.advance().kind)
        needles = [self.needle()]
        while self.accept("or"):
            needles.append(self.needle())
        return tree.LineFilter(op, tuple(needles))

    def needle(self) -> tree.Needle:
        if self.accept("ip"):
            self.expect("(")
            text = self.expect("STRING").text
            self.expect(")")
            return tree.Needle(text, ip=True)
        return tree.Needle(self.expect("STRING", "ip").text)

    def stage(self) -> tree.Stage:
        kind = self.kind
        if kind in ("IDENTIFIER", "("):
            return tree.LabelFilter(self.condition())
        if kind not in _STAGES:
            self.unexpected()
        self.advance()
        return _STAGES[kind](self)

    def json(self) -> tree.Stage:
        return tree.Json(self.extractions() if self.kind == "IDENTIFIER" else ())

    def logfmt(self) -> tree.Stage:
        flags = []
        while flag := self.accept("FUNCTION_FLAG"):
            flags.append(flag.text)
        extractions = self.extractions() if self.kind == "IDENTIFIER" else ()
        return tree.Logfmt("--strict" in flags, "--keep-empty" in flags, extractions)

    def extractions(self) -> tuple[tree.Extraction, ...]:
        found = [self.extraction()]
        while self.accept(","):
            found.append(self.extraction())
        return tuple(found)

    def extraction(self) -> tree.Extraction:
        name = self.expect("IDENTIFIER").text
        return tree.Extraction(name, self.expect("STRING").text if self.accept("=") else name)

    def regexp(self) -> tree.Stage:
        expression = self.expect("STRING").text
        self.refused(lambda: parse_regexp_parser(expression), "invalid regexp parser: ")
        return tree.Regexp(expression)

    def pattern(self) -> tree.Stage:
        expression = self.expect("STRING").text
        self.refused(lambda: parse_pattern(expression), "invalid pattern parser: ")
        return tree.Pattern(expression)

    def refused(self, check: Callable[[], object], prefix: str) -> None:
        """Run a check whose fault stops the parser at once."""
        try:
            check()
        except ValueError as error:
            raise ParseError(f"{prefix}{error}") from None

    def unpack(self) -> tree.Stage:
        return tree.Unpack()

    def decolorize(self) -> tree.Stage:
        return tree.Decolorize()

    def line_format(self) -> tree.Stage:
        return tree.LineFormat(self.expect("STRING").text)

    def label_format(self) -> tree.Stage:
        assignments = [self.assignment()]
        while self.accept(","):
            assignments.append(self.assignment())
        return tree.LabelFormat(tuple(assignments))

    def assignment(self) -> tree.LabelAssignment:
        name = self.expect("IDENTIFIER").text
        self.expect("=")
        value = self.expect("IDENTIFIER", "STRING")
        return tree.LabelAssignment(name, value.text, rename=value.kind == "IDENTIFIER")

    def drop(self) -> tree.Stage:
        return tree.Drop(self.named_labels())

    def keep(self) -> tree.Stage:
        return tree.Keep(self.named_labels())

    def named_labels(self) -> tuple[str | tree.Matcher, ...]:
        found = [self.named_label()]
        while self.accept(","):
            found.append(self.named_label())
        return tuple(found)

    def named_label(self) -> str | tree.Matcher:
        name = self.expect("IDENTIFIER").text
        op = self.accept(*_MATCH_OPS)
        if op is None:
            return name
        return self.new_matcher(name, cast("tree.MatchOp", op.kind), self.expect("STRING").text)

    # ---- label filters ----

    def condition(self, joined_by: str = "") -> tree.Condition:
        """One condition and what binds to it more tightly than `joined_by`."""
        self.deeper()
        left = self.primary_condition()
        while True:
            joint = self.kind if self.kind in ("or", "and", ",") else "" if self.kind in ("IDENTIFIER", "(") else None
            ordered = joint in ("or", "and") and joined_by in ("or", "and")
            if joint is None or (ordered and not (joint == "and" and joined_by == "or")):
                self._depth -= 1
                return left
            self.count_operator()
            if joint:
                self.advance()
            right = self.condition(joint or ",")
            left = tree.Either(left, right) if joint == "or" else tree.Both(left, right)

    def primary_condition(self) -> tree.Condition:
        if self.accept("("):
            inner = self.condition()
            self.expect(")")
            return inner
        name = self.expect("IDENTIFIER", "(").text
        op = self.accept(*_COMPARE_OPS, "=~", "!~")
        if op is None:
            self.unexpected()
        if op.kind in ("=~", "!~"):
            return self.new_matcher(name, cast("tree.MatchOp", op.kind), self.expect("STRING").text)
        return self.comparison(name, op.kind)

    def comparison(self, name: str, op: str) -> tree.Condition:
        compare = cast("tree.CompareOp", "==" if op == "=" else op)
        if op in ("=", "!="):
            if text := self.accept("STRING"):
                return self.new_matcher(name, cast("tree.MatchOp", op), text.text)
            if self.accept("ip"):
                self.expect("(")
                pattern = self.expect("STRING").text
                self.expect(")")
                return tree.IpFilter(name, op, pattern)  # type: ignore[arg-type]
        if duration := self.accept("DURATION"):
            return tree.DurationFilter(name, compare, duration.number)
        if size := self.accept("BYTES"):
            return tree.BytesFilter(name, compare, size.number)
        if self.kind not in ("NUMBER", "+", "-"):
            self.unexpected()
        start = self.token
        value = self.number()
        if self.fault:
            raise ParseError(str(self.fault).removeprefix("parse error : "), start.line, start.column)
        return tree.NumberFilter(name, compare, value)


_STAGES: dict[str, Callable[[_Parser], tree.Stage]] = {
    "json": _Parser.json,
    "logfmt": _Parser.logfmt,
    "regexp": _Parser.regexp,
    "pattern": _Parser.pattern,
    "unpack": _Parser.unpack,
    "line_format": _Parser.line_format,
    "label_format": _Parser.label_format,
    "decolorize": _Parser.decolorize,
    "drop": _Parser.drop,
    "keep": _Parser.keep,
}
