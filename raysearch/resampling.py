"""Whether one score finds more excess than another, by resampling the events.

References:
    An Introduction to the Bootstrap (Efron, Tibshirani, 1993): pairs are drawn as one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from raysearch.excess import cross_sic
from raysearch.seeds import generator

RESAMPLES = 100

# (n,) scores of data and (m,) of template events, by members that never trained on them.
DataAndTemplate = tuple[NDArray[np.floating], NDArray[np.floating]]


def difference(
    one: DataAndTemplate, other: DataAndTemplate, shares_template: bool, seed: int
) -> tuple[float, float]:
    """How much more cross-fitted SIC one has, and the standard error of that.

    The error is that of the events: both are asked again and again about data drawn from the same
    data with replacement, and about templates drawn alike where they share the template. What
    another training would give is not in it.

    Args:
        one: scores of a detector.
        other: those of another one, of the same data in the same order.
        shares_template: whether the template events are the same in the same order, too.
        seed: of the draws.

    Raises:
        ValueError: if they have different numbers of events that should be the same; else as
            `excess.cross_sic`.
    """
    sizes = [(len(of[0]), len(of[1]) if shares_template else 0) for of in (one, other)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"the events must be the same, but their numbers are {sizes}")
    rng = generator(seed, "difference")
    draws = [_drawn(one, other, shares_template, rng) for _ in range(RESAMPLES)]
    return _cross_sic(*one) - _cross_sic(*other), float(np.std(draws, ddof=1))


def _drawn(
    one: DataAndTemplate, other: DataAndTemplate, shares_template: bool, rng: np.random.Generator
) -> float:
    data, first = (rng.integers(len(of), size=len(of)) for of in one)
    second = first if shares_template else rng.integers(len(other[1]), size=len(other[1]))
    of_one = _cross_sic(one[0][data], one[1][first])
    return of_one - _cross_sic(other[0][data], other[1][second])


def _cross_sic(data: NDArray[np.floating], template: NDArray[np.floating]) -> float:
    is_data = np.arange(len(data) + len(template)) < len(data)
    return cross_sic(is_data, np.concatenate([data, template]))
