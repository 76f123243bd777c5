"""Several kernel widths, one p-value: combined and calibrated on the same toys.

References:
    Multiple testing for signal-agnostic searches of new physics with machine learning
    (Grosso & Letizia, 2024), arXiv:2408.12296
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from scipy import special

from raysearch.errors import unknown_name
from raysearch.nplm.arrays import Floats
from raysearch.nplm.pvalues import chi2_of_moments

_DIGITS = 10

Aggregate = Callable[[Floats], Floats]


def _min_p(log_p: Floats) -> Floats:
    return np.asarray(-log_p.min(axis=1))


def _product(log_p: Floats) -> Floats:
    return np.asarray(-log_p.sum(axis=1))


def _average(log_p: Floats) -> Floats:
    return np.asarray(np.log(log_p.shape[1]) - special.logsumexp(log_p, axis=1))


def _smooth_max(log_p: Floats) -> Floats:
    return np.asarray(special.logsumexp(-log_p, axis=1) - np.log(log_p.shape[1]))


AGGREGATES: Mapping[str, Aggregate] = MappingProxyType(
    {"min-p": _min_p, "prod-p": _product, "average-p": _average, "smooth-max": _smooth_max}
)
"""From (n, k) log p of n tests at k widths to (n,) statistics, larger where less likely."""


class Combined(NamedTuple):
    """One statistic from all kernel widths, from p-values that are counted.

    Attributes:
        observed: of the data.
        toys: (n,) of the toys.
        n_larger: toys at least as extreme as the data.
    """

    observed: float
    toys: Floats
    n_larger: int


class Fitted(NamedTuple):
    """One statistic from all kernel widths, from p-values by fits to the toys.

    Attributes:
        tests: (m,) of other tests.
        toys: (n,) of the toys; the tests have no part in it.
    """

    tests: Floats
    toys: Floats


def aggregate(name: str) -> Aggregate:
    """The aggregate called `name`; an unknown one raises InputError with the nearest known."""
    if name not in AGGREGATES:
        raise unknown_name("aggregate", name, AGGREGATES)
    return AGGREGATES[name]


def leave_one_out(t: Floats) -> Floats:
    """(n, k) share of the n tests with a t at least as large as each one's, itself included.

    This is ``(k + 1) / (n' + 1)`` against the n' = n - 1 others, which treats data and toys alike:
    a statistic of these values calibrated on the same toys is exact.

    Example:
        >>> leave_one_out(np.array([[1.0], [3.0], [2.0], [2.0]]))[:, 0].tolist()
        [1.0, 0.25, 0.75, 0.75]
    """
    order = np.sort(t, axis=0)
    below = [np.searchsorted(order[:, k], t[:, k], side="left") for k in range(t.shape[1])]
    return 1 - np.stack(below, axis=1) / len(t)


def combine_counted(toys: Floats, observed: Floats, name: str) -> Combined:
    """Combine the p-values counted among data and toys; t itself for a single width.

    Counted p-values end at 1 / n: where the data exceed all toys at one width, some toy does so at
    each of the others, and all of them tie. Fitted p-values tell them apart, each test's by a fit
    to all others, so that data and toys are still treated alike and the order stays exact.

    Args:
        toys: (n, k) t of the toys.
        observed: (k,) t of the data.
        name: of the aggregate.
    """
    if len(observed) == 1:
        t = toys[:, 0]
        return Combined(float(observed[0]), t, int((t >= observed[0]).sum()))
    both = np.vstack([observed, toys])
    combine = aggregate(name)
    # Sums in another order differ by rounding, and are ties nevertheless.
    counted = np.round(combine(np.log(leave_one_out(both))), _DIGITS)
    fitted = combine(leave_one_out_fit(both))
    larger = (counted > counted[0]) | ((counted == counted[0]) & (fitted >= fitted[0]))
    return Combined(float(counted[0]), counted[1:], int(larger[1:].sum()))


def combine_fitted(toys: Floats, tests: Floats, name: str) -> Fitted:
    """Combine the p-values of the chi2 fitted at each width, which resolve what toys cannot.

    No test has a part in a fit that judges it: toys are judged by fits to the other toys, all else
    by fits to all of them. The distribution of the toys, of which degrees of freedom are told, does
    then not depend on the data.

    Args:
        toys: (n, k) t of the toys.
        tests: (m, k) t of other tests, such as that of the data.
        name: of the aggregate.
    """
    if toys.shape[1] == 1:
        return Fitted(tests[:, 0], toys[:, 0])
    combine, fit = aggregate(name), chi2_of_moments(toys.mean(axis=0), toys.var(axis=0))
    return Fitted(combine(fit.log_p(tests)), combine(leave_one_out_fit(toys)))


def leave_one_out_fit(t: Floats) -> Floats:
    """(n, k) log p of each of n tests by the scaled chi2 fitted to the n - 1 others."""
    centre, others = t.mean(axis=0), len(t) - 1
    apart = t - centre
    shift = (apart.sum(axis=0) - apart) / others
    variance = ((apart**2).sum(axis=0) - apart**2) / others - shift**2
    return chi2_of_moments(centre + shift, variance).log_p(t)
