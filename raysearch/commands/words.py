"""What the words of options mean: numbers and edges in one word."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from raysearch.errors import InputError

_Number = TypeVar("_Number", int, float)


def numbers(option: str, text: str, kind: Callable[[str], _Number]) -> list[_Number]:
    """The numbers in a word.

    Raises:
        InputError: if one is none, naming the option.

    Example:
        >>> numbers("--hidden", "5,3", int)
        [5, 3]
    """
    try:
        return [kind(word) for word in text.split(",")]
    except ValueError:
        raise InputError(f"{option} must be numbers, a,b,..., but got {text!r}.") from None


def edges(text: str) -> tuple[float, float]:
    """The edges of the signal region in TeV.

    Raises:
        InputError: if the word does not hold two numbers.

    Example:
        >>> edges("3.3,3.7")
        (3.3, 3.7)
    """
    try:
        low, high = (float(edge) for edge in text.split(","))
    except ValueError:
        raise InputError(
            f"--signal-region must be two numbers in TeV, low,high, but got {text!r}."
        ) from None
    return low, high


def edges_word(signal_region_tev: tuple[float, float]) -> str:
    """The word that `edges` reads.

    Example:
        >>> edges_word((3.3, 3.7))
        '3.3,3.7'
    """
    return "{},{}".format(*signal_region_tev)
