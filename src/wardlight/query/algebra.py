"""Arithmetic of two numbers, as Loki does it: division and modulo by zero give NaN."""

from __future__ import annotations

import math
from collections.abc import Callable


def _power(left: float, right: float) -> float:
    """IEEE 754's pow; Python's raises where that gives infinity or NaN."""
    try:
        return math.pow(left, right)
    except OverflowError:
        return -math.inf if left < 0 and right % 2 == 1 else math.inf
    except ValueError:
        if left == 0:
            return -math.inf if math.copysign(1, left) < 0 and right % 2 == 1 else math.inf
        return math.nan


def _modulo(left: float, right: float) -> float:
    return math.nan if right == 0 or math.isinf(left) else math.fmod(left, right)


_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right if right else math.nan,
    "%": _modulo,
    "^": _power,
    "==": lambda left, right: float(left == right),
    "!=": lambda left, right: float(left != right),
    ">": lambda left, right: float(left > right),
    ">=": lambda left, right: float(left >= right),
    "<": lambda left, right: float(left < right),
    "<=": lambda left, right: float(left <= right),
}


def fold(op: str, left: float, right: float) -> float:
    """Calculate with two literals; a comparison gives 0 or 1.

    >>> fold("^", 2, 10), fold("/", 1, 0), fold(">", 2, 1)
    (1024.0, nan, 1.0)
    """
    return _OPERATIONS[op](left, right)
