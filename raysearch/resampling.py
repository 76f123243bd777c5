"""Whether one score finds more excess than another, by resampling the events.

References:
    An Introduction to the Bootstrap (Efron, Tibshirani, 1993): pairs are drawn as one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from raysearch.excess import cross_sic
from raysearch.seeds import generator

RESAMPLES = 100


class ScoredRows(NamedTuple):
    """What a detector thinks of data and template events, which it never trained on.

    Attributes:
        data: (n,) scores of the data.
        template: (m,) scores of its template.
        template_name: two that are called alike are the same events in the same order.
    """

    data: NDArray[np.floating]
    template: NDArray[np.floating]
    template_name: str

    def cross_sic(self) -> float:
        """`excess.cross_sic` of these scores."""
        return _cross_sic(self.data, self.template)


def difference(one: ScoredRows, other: ScoredRows, seed: int) -> tuple[float, float]:
    """How much more cross-fitted SIC one has, and the standard error of that.

    The error is that of the events: both are asked again and again about data drawn from the same
    data with replacement, and about templates drawn alike where they share the template. What
    another training would give is not in it.

    Args:
        one: scores of a detector.
        other: those of another one, of the same data in the same order.
        seed: of the draws.

    Raises:
        ValueError: if they have different numbers of data events; else as `excess.cross_sic`.
    """
    if len(one.data) != len(other.data):
        raise ValueError(f"the data must be the same, but are {len(one.data)}, {len(other.data)}")
    rng = generator(seed, "difference")
    draws = [_drawn(one, other, rng) for _ in range(RESAMPLES)]
    return one.cross_sic() - other.cross_sic(), float(np.std(draws, ddof=1))


def _drawn(one: ScoredRows, other: ScoredRows, rng: np.random.Generator) -> float:
    data = rng.integers(len(one.data), size=len(one.data))
    first = rng.integers(len(one.template), size=len(one.template))
    is_shared = one.template_name == other.template_name
    second = first if is_shared else rng.integers(len(other.template), size=len(other.template))
    of_one = _cross_sic(one.data[data], one.template[first])
    return of_one - _cross_sic(other.data[data], other.template[second])


def _cross_sic(data: NDArray[np.floating], template: NDArray[np.floating]) -> float:
    is_data = np.arange(len(data) + len(template)) < len(data)
    return cross_sic(is_data, np.concatenate([data, template]))
