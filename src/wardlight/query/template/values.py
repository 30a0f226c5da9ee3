"""The values of a template and Go's rules for them: what is true, what equals what, and how it is printed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from wardlight.query.template.layout import Moment, format_moment

Value = Any
"""str, int, float, bool, None, Moment, list or dict: what Go's interface{} holds in a log template."""


class TemplateError(ValueError):
    """A template that can't be parsed or run."""


def is_true(value: Value) -> bool:
    """Say whether `if` takes a value: not zero, not empty, not nil."""
    if isinstance(value, Moment):
        return True
    return bool(value)


def show(value: Value) -> str:
    """Print a value as Go's fmt.Print does.

    >>> show(1.0), show(1e21), show(True), show({"b": 1, "a": [1, "x"]}), show(None)
    ('1', '1e+21', 'true', 'map[a:[1 x] b:1]', '<no value>')
    """
    if isinstance(value, str):
        return value
    if value is None:
        return "<no value>"
    return show_inside(value)


def show_inside(value: Value) -> str:
    """Print a value inside a list or a map, where nil is `<nil>`."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return show_float(value)
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{key}:{show_inside(value[key])}' for key in sorted(value))}]"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{' '.join(show_inside(each) for each in value)}]"
    if isinstance(value, Moment):
        return format_moment(value, "2006-01-02 15:04:05.999999999 -0700 MST")
    return str(value)


def show_float(value: float) -> str:
    """Print a float as Go's %v: the shortest digits, an exponent from 1e6 and below 1e-4.

    >>> show_float(999999.5), show_float(1234567.0), show_float(0.00001234)
    ('999999.5', '1.234567e+06', '1.234e-05')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    shortest = Decimal(repr(value)).normalize()
    exponent = shortest.adjusted()
    if -5 < exponent < 6:
        return f"{shortest:f}"
    digits = "".join(map(str, shortest.as_tuple().digits))
    mantissa = f"{digits[0]}.{digits[1:]}".rstrip(".")
    return f"{'-' if value < 0 else ''}{mantissa}e{exponent:+03d}"


def kind_of(value: Value) -> str:
    """Name a value's basic kind, as comparisons know it."""
    if isinstance(value, bool):
        return "bool"
    for of, name in ((int, "int"), (float, "float"), (str, "string")):
        if isinstance(value, of):
            return name
    return "other"


def equal(left: Value, right: Value) -> bool:
    """Compare for equality. Raises TemplateError for values of different kinds."""
    if left is None or right is None:
        return left is right
    kinds = kind_of(left), kind_of(right)
    if kinds[0] != kinds[1]:
        raise TemplateError("incompatible types for comparison")
    if kinds[0] == "other" and not isinstance(left, Moment):
        raise TemplateError("non-comparable type")
    return bool(left == right)


def less(left: Value, right: Value) -> bool:
    """Compare for order. Raises TemplateError for values that have none, or of different kinds."""
    kinds = kind_of(left), kind_of(right)
    if kinds[0] != kinds[1]:
        raise TemplateError("incompatible types for comparison")
    if kinds[0] in ("bool", "other"):
        raise TemplateError("invalid type for comparison")
    return bool(left < right)
