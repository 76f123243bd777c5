"""Values from files of a study as short texts and finite numbers, whatever stands there.

A study directory may come from somebody else, and a page is no place for an error about it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

MOST_TEXT = 300
_MOST_VALUES = 10_000
_DIGITS = 6


def text(value: Any, most: int = MOST_TEXT) -> str:
    """The value as text of at most `most` characters, the cut marked.

    Example:
        >>> text("abcdef", 4)
        'abc…'
    """
    try:
        whole = str(value)
    except (ValueError, RecursionError):  # a number of very many digits, lists within lists
        whole = "not shown"
    # Half a surrogate pair, which JSON may hold, cannot be sent.
    whole = whole.encode(errors="replace").decode()
    return whole if len(whole) <= most else whole[: most - 1] + "…"


def number(value: Any) -> float | None:
    """The value if it is a finite number, rounded to six digits; None for anything else.

    Example:
        >>> number(1 / 3), number(float("nan")), number("7"), number(True)
        (0.333333, None, None, None)
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return float(f"{found:.{_DIGITS}g}") if math.isfinite(found) else None


def mean_and_spread(values: Any) -> tuple[float | None, float | None]:
    """Mean and standard deviation of a list of numbers; None where any is none.

    Example:
        >>> mean_and_spread([1.0, 3.0]), mean_and_spread([1.0, None]), mean_and_spread("x")
        ((2.0, 1.0), (None, None), (None, None))
    """
    if not isinstance(values, Sequence) or not 0 < len(values) <= _MOST_VALUES:
        return None, None
    found = [number(value) for value in values]
    known = [value for value in found if value is not None]
    if len(known) < len(found):
        return None, None
    mean = sum(known) / len(known)
    # Of a crafted file: squares of large numbers would be an error here.
    spread = math.hypot(*(value - mean for value in known)) / math.sqrt(len(known))
    return number(mean), number(spread)
