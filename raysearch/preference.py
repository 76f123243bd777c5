"""Is any detector's excess more than the luck of having tried many? Asked before one is preferred.

Classes are permuted among all events while the out-of-fold scores stay. The largest significance
over detectors and thresholds is compared with that of the permutations, which accounts for trying
many. Under the null a permutation is as likely as what was observed only where no score depends on
the class of its own event. That holds for the training of a member, but not for what the study
chose by the same events: its best trials, and the epochs at which its ensembles stop. p is too
small by that much; tests/benchmarks/bench_preference.py measures the rate of false preferences.

References:
    Resampling-based multiple testing (Westfall, Young, 1993): the maximum over tests, permuted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from raysearch.excess import MIN_TEMPLATE, likelihood_ratio
from raysearch.seeds import generator

N_PERMUTATIONS = 400
# Chance of a preference where there is nothing, but for what the same events chose.
ALARM_RATE = 0.05
# Beyond this share of all events a cut selects nothing in particular.
_LOOSEST = 0.2


class Preference(NamedTuple):
    """Whether one detector may be preferred to none.

    Attributes:
        significance: largest of all detectors and thresholds, without the trials factor.
        p_value: ``(k + 1) / (n + 1)`` from the permutations, hence with it.
        permutations: how many.
    """

    significance: float
    p_value: float
    permutations: int

    @property
    def is_clear(self) -> bool:
        """Whether the excess is unlikely enough without a signal."""
        return self.p_value <= ALARM_RATE


def preference(
    is_data: NDArray[np.bool_],
    scores: NDArray[np.floating],
    seed: int,
    permutations: int = N_PERMUTATIONS,
) -> Preference:
    """Compare the largest excess with that of permuted classes.

    Args:
        is_data: (n,) True for signal-region data, False for template events.
        scores: (S, n) out-of-fold scores of S detectors, larger is more anomalous.
        seed: of the permutations.
        permutations: how many.

    Returns:
        Significance 0 and p = 1 where fewer than 20 template events are in the most anomalous
        fifth: too few to prefer anything.
    """
    tails = [_tail(own) for own in scores]
    sizes = int(is_data.sum()), int((~is_data).sum())
    observed = _largest(is_data, tails, sizes)
    rng = generator(seed, "preference")
    shuffled = is_data.copy()
    larger = 0
    for _ in range(permutations):
        rng.shuffle(shuffled)
        larger += _largest(shuffled, tails, sizes) >= observed
    return Preference(observed, (larger + 1) / (permutations + 1), permutations)


class _Tail(NamedTuple):
    """The most anomalous events of one detector.

    Attributes:
        order: (k,) their rows, the most anomalous first.
        ends: (m,) places in that order after which a threshold may stand.
    """

    order: NDArray[np.intp]
    ends: NDArray[np.intp]


def _tail(scores: NDArray[np.floating]) -> _Tail:
    size = max(2 * MIN_TEMPLATE, round(_LOOSEST * len(scores)))
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    # A tie across the end of the tail keeps the tail whole.
    ends = ends[: np.searchsorted(ends, size) + 1]
    return _Tail(order[: ends[-1] + 1], ends)


def _largest(is_data: NDArray[np.bool_], tails: list[_Tail], sizes: tuple[int, int]) -> float:
    return max(_largest_of_one(is_data, tail, sizes) for tail in tails)


def _largest_of_one(is_data: NDArray[np.bool_], tail: _Tail, sizes: tuple[int, int]) -> float:
    """Largest significance of the excess at a threshold within the tail."""
    on = np.cumsum(is_data[tail.order], dtype=np.int64)[tail.ends]
    off = tail.ends + 1 - on
    known = off >= MIN_TEMPLATE
    if not known.any():
        return 0.0  # too few template events to say anything of an excess
    return float(np.max(likelihood_ratio(on[known], off[known], *sizes)))
