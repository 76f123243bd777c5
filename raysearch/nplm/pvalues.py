"""p-values of an observed statistic from toys: counted, and read off a fitted chi2.

References:
    Permutation p-values should never be zero (Phipson & Smyth, 2010)
    The use of confidence or fiducial limits illustrated in the case of the binomial
    (Clopper & Pearson, 1934)
    On the Kolmogorov-Smirnov test for normality with mean and variance unknown (Lilliefors, 1967)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from raysearch.nplm.arrays import Floats

# Central 68.27%, one standard deviation.
ONE_SIGMA = 0.6826894921370859
# Of the fit, for its intervals and KS test; the fewer of a result that is not the last.
RESAMPLES, FEW_RESAMPLES = 400, 40
# Smaller ones are told as this one: a double holds no less to full precision.
SMALLEST_P = float(np.finfo(np.float64).tiny)
_LEAST_MEAN = 1e-12
# Tests in which an early stop excludes what it should not.
WRONG_STOPS = 0.01
_TAIL_OF_SERIES, _FRACTION_TERMS = 1e-290, 60


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
    """The distribution of ``scale`` times a chi2 variable; arrays stand for as many of them.

    Attributes:
        dof: degrees of freedom.
        scale: factor, 1 for a plain chi2.
    """

    dof: Floats | float
    scale: Floats | float

    def log_p(self, t: Floats | float) -> Floats:
        """Logarithm of the probability of at least t, also where that itself is below 1e-308."""
        return log_tail(np.asarray(self.dof) / 2, np.maximum(t, 0) / (2 * np.asarray(self.scale)))

    def p(self, t: Floats | float) -> Floats:
        """Probability of at least t; `SMALLEST_P` where it is less."""
        return np.maximum(np.exp(self.log_p(t)), SMALLEST_P)


class Asymptotic(NamedTuple):
    """What a chi2 fitted to the toys says.

    Attributes:
        p: of the observed statistic; `SMALLEST_P` is a limit.
        z: its significance, from the logarithm of p, which has no limit.
        dof: fitted degrees of freedom.
        scale: fitted factor; 1 for a plain chi2.
        ks_p: of the toys' Kolmogorov-Smirnov distance to the fit; small if it does not describe
            them.
    """

    p: Estimate
    z: Estimate
    dof: Estimate
    scale: Estimate
    ks_p: float


def log_tail(shape: Floats, x: Floats) -> Floats:
    """Logarithm of the regularised upper incomplete gamma function.

    Where the function itself is too small for a double, by its continued fraction (Legendre).

    Example:
        >>> [float(np.round(log_tail(np.array(1.0), np.array(x)), 6)) for x in (2.0, 5000.0)]
        [-2.0, -5000.0]
    """
    shape, x = np.broadcast_arrays(shape, x)
    tail = np.asarray(special.gammaincc(shape, x))
    far = tail < _TAIL_OF_SERIES
    log = np.asarray(np.log(np.where(far, 1.0, tail)))
    # Nearly all values are near, and the fraction costs many times the function.
    if far.any():
        log[far] = _by_fraction(shape[far], x[far])
    return log


def _by_fraction(shape: Floats, x: Floats) -> Floats:
    fraction = np.zeros_like(x)
    for k in range(_FRACTION_TERMS, 0, -1):
        fraction = k * (k - shape) / (x + 2 * k + 1 - shape - fraction)
    outer = shape * np.log(x) - x - special.gammaln(shape)
    return np.asarray(outer - np.log(x + 1 - shape - fraction))


def empirical_p(n_larger: int, n_toys: int, coverage: float = ONE_SIGMA) -> Estimate:
    """p-value from toys, ``(k + 1) / (n + 1)``, with the Clopper-Pearson interval of k in n.

    Never zero: with k = 0 the value is the smallest that so many toys can show, and the interval
    begins at 0 and is an upper limit at 84%. It holds for a number of toys fixed beforehand.

    Example:
        >>> [round(x, 4) for x in empirical_p(0, 999)]
        [0.001, 0.0, 0.0018]
    """
    tail = (1 - coverage) / 2
    low = float(special.betaincinv(n_larger, n_toys - n_larger + 1, tail)) if n_larger else 0.0
    full = n_larger == n_toys
    high = 1.0 if full else float(special.betaincinv(n_larger + 1, n_toys - n_larger, 1 - tail))
    return Estimate((n_larger + 1) / (n_toys + 1), low, high)


def excludes(n_larger: int, n_toys: int, p: float, wrong_rate: float = WRONG_STOPS) -> bool:
    """Whether the toys exclude that a toy is at least as extreme as the data with probability p.

    However often it is asked while toys are added, a true p is ever excluded at most at the given
    rate: the likelihood averaged over all probabilities, over that of p, is a martingale under p,
    and exceeds 1 / rate at most that often (Ville's inequality). For one kernel width toys are
    independent and this is exact; for several it holds as far as the combined counts are.

    Args:
        n_larger: toys at least as extreme as the data.
        n_toys: toys so far.
        p: probability in question.
        wrong_rate: the rate.

    References:
        Statistical methods related to the law of the iterated logarithm (Robbins, 1970)

    Example:
        >>> excludes(0, 100, 0.05), excludes(0, 300, 0.05)
        (False, True)
    """
    averaged = special.betaln(n_larger + 1, n_toys - n_larger + 1)
    likelihood = special.xlogy(n_larger, p) + special.xlog1py(n_toys - n_larger, -p)
    return bool(averaged - likelihood > -math.log(wrong_rate))


def z_of_p(p: Estimate) -> Estimate:
    """The one-sided significance of a p-value; its upper end is infinite where p may be 0.

    Example:
        >>> round(z_of_p(Estimate(0.15866, 0.1, 0.2)).value, 3)
        1.0
    """
    value, high, low = (float(-special.ndtri(x)) for x in p)
    return Estimate(value, low, high)


def z_of_log_p(log_p: Estimate) -> Estimate:
    """The same from the logarithm of p.

    Example:
        >>> round(z_of_log_p(Estimate(-5000.0, -5010.0, -4990.0)).value, 2)
        99.94
    """
    value, high, low = (float(-special.ndtri_exp(x)) for x in log_p)
    return Estimate(value, low, high)


def fit_chi2(toys: Floats, plain: bool = False) -> Chi2:
    """The scaled (or plain) chi2 with mean and variance (or mean) of the toys.

    Published nulls have a variance near 1.8 times the mean where a plain chi2 has 2.

    Example:
        >>> fit_chi2(np.array([2.0, 6.0]), plain=True)
        Chi2(dof=4.0, scale=1.0)
    """
    mean, variance = float(np.mean(toys)), float(np.var(toys))
    return Chi2(max(mean, _LEAST_MEAN), 1.0) if plain else chi2_of_moments(mean, variance)


def chi2_of_moments(mean: Floats | float, variance: Floats | float) -> Chi2:
    """The scaled chi2 with this mean and variance, element by element."""
    # A penalty that leaves no freedom gives toys that hardly vary or are negative.
    mean, variance = np.maximum(mean, _LEAST_MEAN), np.maximum(variance, _LEAST_MEAN**2)
    return Chi2(2 * mean**2 / variance, variance / (2 * mean))


def asymptotic(
    toys: Floats, observed: float, seed: int, plain: bool = False, resamples: int = RESAMPLES
) -> Asymptotic:
    """p-value by a chi2 fitted to the toys; intervals and KS test by resampling the fit.

    The KS test of a fitted distribution against the same toys is too kind; its distances are
    compared with those of samples drawn from the fit and fitted themselves.

    Args:
        toys: (n,) statistics under the null.
        observed: statistic of the data.
        seed: of the resampling.
        plain: fit a plain chi2.
        resamples: samples drawn from the fit.
    """
    fit = fit_chi2(toys, plain)
    rng = np.random.default_rng(seed)
    distance, refits, distances = _distance(toys, fit), [], []
    for _ in range(resamples):
        sample = fit.scale * rng.chisquare(fit.dof, len(toys))
        refits.append(fit_chi2(sample, plain))
        distances.append(_distance(sample, refits[-1]))
    log_p = _interval(fit.log_p(observed), [refit.log_p(observed) for refit in refits])
    return Asymptotic(
        Estimate(*(max(math.exp(end), SMALLEST_P) for end in log_p)),
        z_of_log_p(log_p),
        _interval(fit.dof, [refit.dof for refit in refits]),
        _interval(fit.scale, [refit.scale for refit in refits]),
        (1 + sum(d >= distance for d in distances)) / (1 + resamples),
    )


def uniformity(p: Floats) -> float:
    """KS p-value of the hypothesis that these p-values are uniform in (0, 1)."""
    from scipy import stats  # takes half a second, and only figures ask

    return float(stats.kstest(p, "uniform").pvalue)


def _distance(toys: Floats, fit: Chi2) -> float:
    below = np.sort(1 - fit.p(toys))
    steps = np.arange(len(toys) + 1) / len(toys)
    return float(max((steps[1:] - below).max(), (below - steps[:-1]).max()))


def _interval(value: Floats | float, resampled: Sequence[Any]) -> Estimate:
    tail = (1 - ONE_SIGMA) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))
