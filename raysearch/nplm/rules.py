"""How the settings of the kernel test are chosen, each with its reason.

They look at the reference alone, never at the data, so that the test stays calibrated.

References:
    Learning new physics efficiently with nonparametric methods (Letizia et al., 2022),
    arXiv:2204.02317
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import pdist

from raysearch.errors import InputError
from raysearch.nplm.arrays import Floats
from raysearch.nplm.kernel import effective_dof
from raysearch.nplm.tensors import tensor

PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
_PAIRED_ROWS = 2000
_QUANTILE = 0.9
# Rows on which degrees of freedom are judged; the most centres need a few each.
_JUDGED_ROWS, _JUDGED_ROWS_PER_CENTRE = 8000, 4
_STABLE = 0.05
# More than the larger only where sqrt(N) is.
_FEWEST_CENTRES, _MOST_CENTRES = 200, 2000
# Below so many data per degree of freedom t is far from a chi2.
_DATA_PER_DOF = 10


class Choice(NamedTuple):
    """A setting and why it is what it is.

    Attributes:
        value: of the setting.
        why: one sentence.
    """

    value: float
    why: str


def kernel_width(points: Floats, weights: Floats) -> Choice:
    """sigma: the 90th percentile of the distances between pairs of reference events, not rounded.

    Args:
        points: (n, d) standardised reference in random order.
        weights: (n,) of its events; a pair counts as often as the product of its weights says.

    Raises:
        InputError: if it is 0, so that nearly all events are the same.
    """
    distances, of_rows = pdist(points[:_PAIRED_ROWS]), weights[:_PAIRED_ROWS]
    first, second = np.triu_indices(len(of_rows), 1)
    of_pairs = of_rows[first] * of_rows[second]
    value = _quantile(distances, of_pairs)
    if value == 0:
        raise InputError(
            "the kernel width is the 90th percentile of the distances in the reference and must "
            "be positive, but got sigma = 0: nearly all events are the same; choose other columns."
        )
    return Choice(value, f"90th percentile of the distances of {len(points[:_PAIRED_ROWS])} events")


def centre_count(
    points: Floats, weights: Floats, sigma: float, penalty: float, total: int, n_data: float
) -> Choice:
    """M: at least sqrt(N), doubled until the degrees of freedom, hence the mean of t, are stable.

    Args:
        points: (n, d) standardised reference in random order.
        weights: (n,) of its events.
        sigma: kernel width.
        penalty: lambda.
        total: events of reference and data together.
        n_data: expected number of data.
    """
    least = max(math.ceil(math.sqrt(total)), _FEWEST_CENTRES)
    most = min(len(points), max(_MOST_CENTRES, least))
    count = min(least, most)
    dof = _dof(points, weights, count, sigma, penalty, total, n_data)
    while count < most:
        more = min(2 * count, most)
        better = _dof(points, weights, more, sigma, penalty, total, n_data)
        if better - dof < _STABLE * better:
            why = (
                f"at least sqrt({total}); {more} centres would change {dof:.1f} dof to {better:.1f}"
            )
            return Choice(count, why)
        count, dof = more, better
    return Choice(count, f"the most this rule allows; {dof:.1f} dof may still grow with it")


def penalty(points: Floats, weights: Floats, sigma: float, total: int, n_data: float) -> Choice:
    """lambda: 1e-6, the smallest that is stable, unless it leaves too many degrees of freedom.

    Double precision would bear less, but t then only gains noise. It is raised tenfold until there
    are ten data per degree of freedom, for t to be near a chi2.

    Arguments as for `centre_count`.
    """
    count = min(max(math.ceil(math.sqrt(total)), _FEWEST_CENTRES), len(points))
    for value in PENALTIES:
        dof = _dof(points, weights, count, sigma, value, total, n_data)
        if dof * _DATA_PER_DOF <= n_data:
            break
    return Choice(value, f"leaves {dof:.1f} degrees of freedom to {n_data:.0f} data")


def _quantile(values: Floats, weights: Floats) -> float:
    if (weights == weights[0]).all():
        return float(np.quantile(values, _QUANTILE))
    return float(np.quantile(values, _QUANTILE, weights=weights, method="inverted_cdf"))


def _dof(
    points: Floats,
    weights: Floats,
    count: int,
    sigma: float,
    penalty: float,
    total: int,
    n_data: float,
) -> float:
    rows = slice(max(_JUDGED_ROWS, _JUDGED_ROWS_PER_CENTRE * count))
    judged, of_rows = tensor(points[rows]), tensor(weights[rows])
    expected = of_rows * (n_data / of_rows.sum())
    return effective_dof(judged, expected, judged[:count], sigma, penalty, total)
