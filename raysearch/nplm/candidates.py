"""Settings among which the power of the test chooses, and how a user spells them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from raysearch.errors import InputError, unknown_name
from raysearch.nplm.arrays import Floats
from raysearch.nplm.points import Points
from raysearch.nplm.pool import Sampler


class Candidate(NamedTuple):
    """A setting to be judged; what it leaves open stays as the test has it.

    Attributes:
        columns: compared; empty for all that were read.
        sigmas: kernel widths; empty for those of the test.
        centres: M; None for that of the test.
    """

    columns: tuple[str, ...] = ()
    sigmas: tuple[float, ...] = ()
    centres: int | None = None

    def in_tuples(self) -> Candidate:
        """The same with tuples where other sequences were given; settings must be hashable."""
        return Candidate(tuple(self.columns), tuple(map(float, self.sigmas)), self.centres)

    def as_json(self) -> dict[str, Any]:
        """Plain values, as files hold them."""
        lists = {"columns": list(self.columns), "sigmas": list(self.sigmas)}
        return {**lists, "centres": self.centres}


@dataclass(frozen=True)
class SomeColumns:
    """A sampler of some of the columns of another.

    Attributes:
        sampler: gives all columns.
        places: of those that are kept.
    """

    sampler: Sampler
    places: tuple[int, ...]

    def __call__(self, rng: np.random.Generator, n: int) -> Floats:
        """(n, k) points of the columns that are kept."""
        return self.sampler(rng, n)[:, self.places]


def only(points: Points, columns: Sequence[str]) -> Points:
    """The same rows with these columns, or with all if none are named.

    Raises:
        InputError: if a column is unknown.
    """
    if not columns:
        return points
    places = _places(points, columns)
    return replace(points, values=points.values[:, places], columns=tuple(columns))


def only_of(sampler: Sampler | None, points: Points, columns: Sequence[str]) -> Sampler | None:
    """The sampler of these columns of points; see `only`."""
    if sampler is None or not columns:
        return sampler
    return SomeColumns(sampler, tuple(_places(points, columns)))


def candidate_from_words(text: str) -> Candidate:
    """The candidate that a command line spells.

    Args:
        text: words ``sigma=a,b``, ``centres=n`` and ``columns=a,b``, each at most once.

    Raises:
        InputError: if a word is none of these or its value no number.

    Example:
        >>> candidate_from_words("sigma=0.7,1.4 columns=mj1,delta_mj")
        Candidate(columns=('mj1', 'delta_mj'), sigmas=(0.7, 1.4), centres=None)
    """
    found: dict[str, Any] = {}
    for word in text.split():
        key, _, value = word.partition("=")
        if key not in _SPELLED:
            raise unknown_name("setting of a candidate", key, _SPELLED)
        name, parse = _SPELLED[key]
        try:
            found[name] = parse(value)
        except ValueError:
            raise InputError(
                f"--select must be words like sigma=0.7,1.4 centres=500 columns=a,b, but got "
                f"{word!r}."
            ) from None
    return Candidate(**found)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _floats(text: str) -> tuple[float, ...]:
    return tuple(float(word) for word in text.split(","))


_SPELLED: Mapping[str, tuple[str, Callable[[str], Any]]] = MappingProxyType(
    {"sigma": ("sigmas", _floats), "centres": ("centres", int), "columns": ("columns", _names)}
)


def _places(points: Points, columns: Sequence[str]) -> list[int]:
    if any(name not in points.columns for name in columns):
        raise InputError(
            f"columns must be among {', '.join(points.columns)}, but got {', '.join(columns)!r}."
        )
    return [points.columns.index(name) for name in columns]
