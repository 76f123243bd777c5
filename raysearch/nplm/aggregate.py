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
from raysearch.nplm.pvalues import fit_chi2
from raysearch.nplm.tensors import Floats

Aggregate = Callable[[Floats], Floats]


def _min_p(p: Floats) -> Floats:
    return np.asarray(-np.log(p.min(axis=1)))


def _product(p: Floats) -> Floats:
    return np.asarray(-np.log(p).sum(axis=1))


def _average(p: Floats) -> Floats:
    return np.asarray(-np.log(p.mean(axis=1)))


def _smooth_max(p: Floats) -> Floats:
    return np.asarray(special.logsumexp(-np.log(p), axis=1) - np.log(p.shape[1]))


AGGREGATES: Mapping[str, Aggregate] = MappingProxyType(
    {"min-p": _min_p, "prod-p": _product, "average-p": _average, "smooth-max": _smooth_max}
)
"""From (n, k) p-values of n tests at k widths to (n,) statistics, larger where less likely."""


class Combined(NamedTuple):
    """One statistic from all kernel widths.

    Attributes:
        observed: of the data.
        toys: (n,) of the toys.
    """

    observed: float
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

    Args:
        toys: (n, k) t of the toys.
        observed: (k,) t of the data.
        name: of the aggregate.
    """
    if len(observed) == 1:
        return Combined(float(observed[0]), toys[:, 0])
    return _split(aggregate(name)(leave_one_out(np.vstack([observed, toys]))))


def combine_fitted(toys: Floats, observed: Floats, name: str) -> Combined:
    """Combine the p-values of the chi2 fitted at each width, which resolve what toys cannot.

    Arguments as for `combine_counted`.
    """
    if len(observed) == 1:
        return Combined(float(observed[0]), toys[:, 0])
    fits = [fit_chi2(column) for column in toys.T]
    both = np.vstack([observed, toys])
    p = np.stack([fit.p(column) for fit, column in zip(fits, both.T, strict=True)], axis=1)
    return _split(aggregate(name)(np.maximum(p, np.finfo(np.float64).tiny)))


def _split(statistics: Floats) -> Combined:
    return Combined(float(statistics[0]), statistics[1:])
