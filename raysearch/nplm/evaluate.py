"""The numbers of a test from the t of data and toys."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy.special import ndtri_exp

from raysearch.nplm.aggregate import combine_counted, combine_fitted
from raysearch.nplm.arrays import Floats
from raysearch.nplm.pvalues import (
    RESAMPLES,
    Asymptotic,
    Estimate,
    asymptotic,
    empirical_p,
    fit_chi2,
    z_of_p,
)
from raysearch.nplm.result import Injection, NplmResult, Width
from raysearch.nplm.statistic import t_of

_LARGEST_T = 1e100


def evaluate(
    observed: Floats,
    seeds: Sequence[int],
    toys: Floats,
    injected: Mapping[int, Floats],
    about: Mapping[str, Any],
    spread: Sequence[float],
    resamples: int = RESAMPLES,
) -> NplmResult:
    """All numbers of a test from the t of data and toys.

    Args:
        observed: (k + 1,) tau of the data at each kernel width, and Delta.
        seeds: of the n toys.
        toys: (n, k + 1) the same of the toys.
        injected: by number of signal events, (m, k + 1) the same.
        about: settings of the test: `aggregate`, `seed`, `sigmas_used`, `n_data` are read.
        spread: of the mean t between pools, see `raysearch.nplm.pool.pool_spread`.
        resamples: of the fits, see `asymptotic`.
    """
    name, seed = about["aggregate"], about["seed"]
    # A function that overflows somewhere is larger than any other, but must not spoil the sums.
    delta, toy_delta = float(observed[-1]), toys[:, -1]
    observed, toys = (np.clip(t_of(x), -_LARGEST_T, _LARGEST_T) for x in (observed, toys))
    counted = combine_counted(toys, observed, name)
    fitted = combine_fitted(toys, observed[None], name)
    p, t_fitted = empirical_p(counted.n_larger, len(toys)), float(fitted.tests[0])
    fit = partial(asymptotic, seed=seed, resamples=resamples)
    widths = tuple(
        _width(sigma, float(t), column, fit(column, float(t)))
        for sigma, t, column in zip(about["sigmas_used"], observed, toys.T, strict=True)
    )
    scaled = widths[0].asymptotic if len(widths) == 1 else fit(fitted.toys, t_fitted)
    return NplmResult(
        t=counted.observed,
        t_fitted=t_fitted,
        p_empirical=p,
        p_asymptotic=scaled.p,
        z=z_of_p(p),
        z_asymptotic=scaled.z,
        toys=len(toys),
        dof=scaled.dof,
        scale=scaled.scale,
        ks_p=scaled.ks_p,
        plain=fit(fitted.toys, t_fitted, plain=True),
        widths=widths,
        injections=tuple(
            _injection(n, t_of(parts), toys, name, about["n_data"]) for n, parts in injected.items()
        ),
        pool_shift=_pool_shift(float(toys.mean(axis=0).max()), spread),
        settings=about,
        toy_seeds=tuple(seeds),
        toy_t=toys,
        delta=delta,
        toy_delta=toy_delta,
    )


def significances(values: Floats, toys: Floats, name: str) -> Floats:
    """(m,) asymptotic significance of each of m tests against the same null toys.

    Args:
        values: (m, k) t of the tests at each kernel width.
        toys: (n, k) t of the null toys.
        name: of the aggregate.
    """
    combined = combine_fitted(toys, values, name)
    log_p = fit_chi2(combined.toys).log_p(combined.tests)
    # A t below all toys is told as Z = -8, not as minus infinity.
    return np.asarray(-ndtri_exp(np.minimum(log_p, -1e-15)))


def median_error(z: Floats) -> float:
    """Standard error of the median of normal variables."""
    return float(np.sqrt(np.pi / 2) * z.std() / np.sqrt(len(z)))


def _width(sigma: float | None, t: float, toys: Floats, fit: Asymptotic) -> Width:
    return Width(sigma, t, empirical_p(int((toys >= t).sum()), len(toys)), fit)


def _injection(n: int, values: Floats, toys: Floats, name: str, n_data: int) -> Injection:
    z = significances(values, toys, name)
    low, median, high = np.quantile(z, [0.16, 0.5, 0.84])
    band = Estimate(float(median), float(low), float(high))
    return Injection(n, n / (n_data + n), band, median_error(z), len(z))


def _pool_shift(dof: float, spread: Sequence[float]) -> Estimate:
    dof = max(dof, 0.0)
    linear, square = spread
    error = math.hypot(linear * math.sqrt(dof), square * math.sqrt(2 * dof))
    return Estimate(0.0, -error, error)
