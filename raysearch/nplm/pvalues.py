"""p-values of an observed statistic from toys: counted, and read off a fitted chi2.

References:
    Permutation p-values should never be zero (Phipson & Smyth, 2010)
    The use of confidence or fiducial limits illustrated in the case of the binomial
    (Clopper & Pearson, 1934)
    On the Kolmogorov-Smirnov test for normality with mean and variance unknown (Lilliefors, 1967)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special, stats

from raysearch.nplm.tensors import Floats

# Central 68.27%, one standard deviation.
ONE_SIGMA = 0.6826894921370859
_RESAMPLES = 400


class Estimate(NamedTuple):
    """A number with its interval.

    Attributes:
        value: best value.
        low: lower end, one standard deviation unless said otherwise.
        high: upper end.
    """

    value: float
    low: float
    high: float


class Chi2(NamedTuple):
    """The distribution of ``scale`` times a chi2 variable.

    Attributes:
        dof: degrees of freedom.
        scale: factor, 1 for a plain chi2.
    """

    dof: float
    scale: float

    def p(self, t: Floats | float) -> Floats:
        """Probability of at least t."""
        return np.asarray(special.gammaincc(self.dof / 2, np.maximum(t, 0) / (2 * self.scale)))


class Asymptotic(NamedTuple):
    """What a chi2 fitted to the toys says.

    Attributes:
        p: of the observed statistic.
        dof: fitted degrees of freedom.
        scale: fitted factor; 1 for a plain chi2.
        ks_p: of the toys' Kolmogorov-Smirnov distance to the fit; small if it does not describe
            them.
    """

    p: Estimate
    dof: Estimate
    scale: Estimate
    ks_p: float


def empirical_p(n_larger: int, n_toys: int, coverage: float = ONE_SIGMA) -> Estimate:
    """p-value from toys, ``(k + 1) / (n + 1)``, with the Clopper-Pearson interval of k in n.

    Never zero: with k = 0 the value is the smallest that so many toys can show, and the interval
    begins at 0.

    Example:
        >>> [round(x, 4) for x in empirical_p(0, 999)]
        [0.001, 0.0, 0.0018]
    """
    tail = (1 - coverage) / 2
    low = float(special.betaincinv(n_larger, n_toys - n_larger + 1, tail)) if n_larger else 0.0
    full = n_larger == n_toys
    high = 1.0 if full else float(special.betaincinv(n_larger + 1, n_toys - n_larger, 1 - tail))
    return Estimate((n_larger + 1) / (n_toys + 1), low, high)


def z_of_p(p: Estimate) -> Estimate:
    """The one-sided significance of a p-value; its upper end is infinite where p may be 0.

    Example:
        >>> round(z_of_p(Estimate(0.15866, 0.1, 0.2)).value, 3)
        1.0
    """
    value, high, low = (float(-special.ndtri(x)) for x in p)
    return Estimate(value, low, high)


def fit_chi2(toys: Floats, plain: bool = False) -> Chi2:
    """The scaled (or plain) chi2 with mean and variance (or mean) of the toys.

    Published nulls have a variance near 1.8 times the mean where a plain chi2 has 2.

    Example:
        >>> fit_chi2(np.array([2.0, 6.0]), plain=True)
        Chi2(dof=4.0, scale=1.0)
    """
    mean, variance = float(np.mean(toys)), float(np.var(toys))
    # A penalty that leaves no freedom gives toys that hardly vary or are negative.
    mean, variance = max(mean, 1e-12), max(variance, 1e-24)
    return Chi2(mean, 1.0) if plain else Chi2(2 * mean**2 / variance, variance / (2 * mean))


def asymptotic(toys: Floats, observed: float, seed: int, plain: bool = False) -> Asymptotic:
    """p-value by a chi2 fitted to the toys; intervals and KS test by resampling the fit.

    The KS test of a fitted distribution against the same toys is too kind; its distances are
    compared with those of samples drawn from the fit and fitted themselves.

    Args:
        toys: (n,) statistics under the null.
        observed: statistic of the data.
        seed: of the resampling.
        plain: fit a plain chi2.
    """
    fit = fit_chi2(toys, plain)
    rng = np.random.default_rng(seed)
    distance, refits, distances = _distance(toys, fit), [], []
    for _ in range(_RESAMPLES):
        sample = fit.scale * rng.chisquare(fit.dof, len(toys))
        refits.append(fit_chi2(sample, plain))
        distances.append(_distance(sample, refits[-1]))
    of_p = [float(refit.p(observed)) for refit in refits]
    return Asymptotic(
        _interval(float(fit.p(observed)), of_p),
        _interval(fit.dof, [refit.dof for refit in refits]),
        _interval(fit.scale, [refit.scale for refit in refits]),
        (1 + sum(d >= distance for d in distances)) / (1 + _RESAMPLES),
    )


def uniformity(p: Floats) -> float:
    """KS p-value of the hypothesis that these p-values are uniform in (0, 1)."""
    return float(stats.kstest(p, "uniform").pvalue)


def _distance(toys: Floats, fit: Chi2) -> float:
    below = np.sort(1 - fit.p(toys))
    steps = np.arange(len(toys) + 1) / len(toys)
    return float(max((steps[1:] - below).max(), (below - steps[:-1]).max()))


def _interval(value: float, resampled: list[float]) -> Estimate:
    tail = (1 - ONE_SIGMA) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))
