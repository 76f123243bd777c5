"""How much more data than template pass a cut on the score, seen through the noise.

`metrics.val_sic` is a maximum over thresholds of a ratio with few events behind it. The figures
here ask the same of calibrated out-of-fold scores, where every event counts once, and allow for the
statistics of the counts.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832
    Analysis methods for results in gamma-ray astronomy (Li, Ma, 1983), ApJ 272, 317
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from raysearch.metrics import Efficiencies, efficiencies

# Fewer template events behind a threshold leave its ratio to chance.
MIN_TEMPLATE = 20
# The area ends where a selection is too loose to be one.
_LOOSEST = 0.05
_GRID = 64

Classes = NDArray[np.bool_]
Scores = NDArray[np.floating]
Counts = NDArray[np.floating] | NDArray[np.integer]


def template_rank(scores: Scores, template: Scores) -> NDArray[np.float32]:
    """Scores as ``-log10`` of the share of template events that are at least as anomalous.

    Scores of different fits, which have scales of their own, can then be pooled and averaged. The
    logarithm keeps the tail, which a mean of shares would leave to the worst fit.

    Args:
        scores: (n,) of any events.
        template: (m,) scores the same fit gives to template events it never saw.

    Returns:
        (n,) at most ``log10(2 m)``, half an event beyond the template's largest.

    Example:
        >>> [round(float(r), 2) for r in template_rank(np.array([0.5, 9.0]), np.arange(10) / 10.0)]
        [0.26, 1.3]
    """
    ordered = np.sort(template)
    passing = len(ordered) - np.searchsorted(ordered, scores, side="left")
    return -np.log10((passing + 0.5) / len(ordered)).astype(np.float32)


def cross_sic(is_data: Classes, scores: Scores) -> float:
    """`metrics.val_sic` at thresholds with at least 20 template events behind them.

    Args:
        is_data: (n,) True for signal-region data, False for template events.
        scores: (n,) out-of-fold, larger is more anomalous.

    Raises:
        ValueError: if a class is absent, a score is not finite or the template has fewer events.

    Example:
        >>> is_data = np.arange(200) < 100
        >>> cross_sic(is_data, np.zeros(200))
        0.0
    """
    tpr, fpr = _shares(efficiencies(is_data, scores), MIN_TEMPLATE)
    return float(np.max((tpr - fpr) / np.sqrt(fpr)))


def sic_bound(is_data: Classes, scores: Scores) -> float:
    """The largest, over thresholds, lower end of the 68% interval of `metrics.val_sic`.

    At one threshold the truth lies above it with 84%. The error of ``tpr / sqrt(fpr) - sqrt(fpr)``
    is propagated from both binomial shares: the template's stands in the denominator, too, so that
    a threshold with a few template events behind it cannot promise much. Arguments and errors as
    for `cross_sic`.

    Example:
        >>> is_data = np.arange(2000) < 1000
        >>> few = np.isin(np.arange(2000), [*range(8), 1999])  # 8 data, 1 template event pass
        >>> round(sic_bound(is_data, few.astype(float)), 3)  # val_sic is 0.221
        0.054
    """
    curve = efficiencies(is_data, scores)
    tpr, fpr = _shares(curve, 1)
    of_tpr = tpr * (1 - tpr) / curve.n_positive
    of_fpr = ((tpr + fpr) / (2 * fpr)) ** 2 * fpr * (1 - fpr) / curve.n_negative
    return float(np.max((tpr - fpr - np.sqrt(of_tpr + of_fpr)) / np.sqrt(fpr)))


def sic_area(is_data: Classes, scores: Scores) -> float:
    """Mean of `metrics.val_sic` over log(fpr) from 20 template events to 5% of them.

    Smooth where a maximum jumps. Arguments and errors as for `cross_sic`.
    """
    curve = efficiencies(is_data, scores)
    tightest = MIN_TEMPLATE / curve.n_negative
    _shares(curve, MIN_TEMPLATE)
    grid = np.geomspace(tightest, max(_LOOSEST, 2 * tightest), _GRID)
    tpr = np.interp(grid, curve.negative, curve.positive)
    return float(np.mean((tpr - grid) / np.sqrt(grid)))


def excess_significance(is_data: Classes, scores: Scores) -> float:
    """Largest significance of the excess of data over template at a threshold, by likelihood ratio.

    Equation 17 of Li and Ma: the counts of data and template that pass, exposures in the ratio of
    the sample sizes. A maximum over thresholds is no p-value; see `raysearch.preference`. Arguments
    and errors as for `cross_sic`.

    Example:
        >>> is_data = np.repeat([True, False], [150, 1000])
        >>> scores = np.where(np.arange(1150) < 50, 1.0, 0.0)  # 50 data and no template pass
        >>> excess_significance(is_data, scores)
        0.0
    """
    curve = efficiencies(is_data, scores)
    tpr, fpr = _shares(curve, MIN_TEMPLATE)
    on, off = tpr * curve.n_positive, fpr * curve.n_negative
    return float(np.max(likelihood_ratio(on, off, curve.n_positive, curve.n_negative)))


def likelihood_ratio(on: Counts, off: Counts, n_data: int, n_template: int) -> NDArray[np.float64]:
    """Significance of each pair of counts, negative for a deficit: equation 17 of Li and Ma.

    Args:
        on: (m,) data that pass.
        off: (m,) template events that pass, at least one.
        n_data: all data.
        n_template: all template events.

    Example:
        >>> likelihood_ratio(np.array([140.0]), np.array([100.0]), 1000, 1000).round(2).tolist()
        [2.59]
    """
    total, share = on + off, n_data / (n_data + n_template)
    # xlogy makes 0 ln 0 into 0.
    twice = 2 * (xlogy(on, on / (total * share)) + xlogy(off, off / (total * (1 - share))))
    return np.asarray(np.sign(on - total * share) * np.sqrt(np.maximum(twice, 0.0)))


def _shares(curve: Efficiencies, least: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of data and template at thresholds that at least so many template events pass."""
    if curve.n_negative < least:
        raise ValueError(
            f"at least {least} template events are needed behind a threshold, but there are only "
            f"{curve.n_negative}."
        )
    # Counts are whole numbers; half an event of margin is for the rounding of the shares.
    known = curve.negative * curve.n_negative > least - 0.5
    return curve.positive[known], curve.negative[known]
