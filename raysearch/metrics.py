"""Metrics: arrays in, numbers out; the same functions judge every detector.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832
    Classifying anomalies through outer density estimation (Hallin et al., 2021), arXiv:2109.00546
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# A background efficiency counts in the supervised SIC only if its relative statistical error,
# 1/sqrt(eps_B * N_B), is below this; the published choice.
MAX_RELATIVE_ERROR = 0.2
# Hence more than so many background events must pass; 1 / 0.2**2 alone is 24.999999999999996.
MIN_BACKGROUND = round(1 / MAX_RELATIVE_ERROR**2)

# Bins of `largest`: fewer leave more to sort, more take longer to sum.
N_BINS = 1 << 13

Shares = NDArray[np.float64]


class Efficiencies(NamedTuple):
    """Efficiencies at every distinct threshold, loosest last; the empty selection is left out.

    Attributes:
        positive: (m,) share of the positives passing (eps_S, or tpr).
        negative: (m,) share of the negatives passing (eps_B, or fpr).
        n_positive: number of positives.
        n_negative: number of negatives.
    """

    positive: NDArray[np.float64]
    negative: NDArray[np.float64]
    n_positive: int
    n_negative: int


def efficiencies(is_positive: NDArray[np.bool_], scores: NDArray[np.floating]) -> Efficiencies:
    """Share of positives and negatives with a score of at least each distinct score.

    Args:
        is_positive: (n,) True for the class that should have the larger scores.
        scores: (n,) any finite scores, compared as float32.

    Raises:
        ValueError: if shapes differ, a class is absent or a score is not finite.
    """
    _check(is_positive, scores)
    keys = _descending_keys(is_positive, scores)
    keys.sort()
    positives = np.cumsum(keys & np.uint64(1), dtype=np.int64)
    n_positive, n_negative = int(positives[-1]), len(scores) - int(positives[-1])
    ordered = keys >> np.uint64(1)
    last_of_tie = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    passed = positives[last_of_tie]
    return Efficiencies(
        passed / n_positive, (last_of_tie + 1 - passed) / n_negative, n_positive, n_negative
    )


def _check_shapes(is_positive: NDArray[np.bool_], scores: NDArray[np.floating]) -> None:
    if is_positive.shape != scores.shape or scores.ndim != 1:
        raise ValueError(
            f"classes and scores must be one-dimensional and equally long, but got shapes "
            f"{is_positive.shape} and {scores.shape}."
        )


def _check(is_positive: NDArray[np.bool_], scores: NDArray[np.floating]) -> None:
    _check_shapes(is_positive, scores)
    finite = int(np.count_nonzero(np.isfinite(np.asarray(scores, dtype=np.float32))))
    if finite < len(scores):
        bad = len(scores) - finite
        raise ValueError(f"scores must be finite, but {bad} of {len(scores)} are not.")
    n_positive = int(np.count_nonzero(is_positive))
    if not 0 < n_positive < len(scores):
        raise ValueError(
            f"both classes must be present, but got {n_positive} positives and "
            f"{len(scores) - n_positive} negatives."
        )


def _descending_keys(
    is_positive: NDArray[np.bool_], scores: NDArray[np.floating]
) -> NDArray[np.uint64]:
    """(n,) integers that sort as the falling scores do and carry the class in their last bit.

    One sort of plain integers is several times faster than an argsort and two gathers.
    """
    as_float = np.asarray(scores, dtype=np.float32) + np.float32(0.0)  # makes -0.0 into 0.0
    bits = as_float.view(np.uint32)
    negative = bits >> np.uint32(31) == 1
    rising = np.where(negative, ~bits, bits | np.uint32(1 << 31))
    return ((~rising).astype(np.uint64) << np.uint64(1)) | is_positive.astype(np.uint64)


def sic_curve(curve: Efficiencies) -> NDArray[np.float64]:
    """(m,) significance improvement eps_S/sqrt(eps_B); NaN where no negative passes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        sic = curve.positive / np.sqrt(curve.negative)
    return np.where(curve.negative > 0, sic, np.nan)


def largest(
    is_positive: NDArray[np.bool_],
    scores: NDArray[np.floating],
    value: Callable[[Shares, Shares], Shares],
    floor: float,
) -> float:
    """Maximum of `value(tpr, fpr)` over all thresholds with fpr above the floor, exactly.

    Most of the time of a metric is its sort. Here scores are counted in narrow bins; the value at
    the edges of the bins bounds what any threshold within can reach, and only the few bins that
    may hold the maximum are sorted.

    Args:
        is_positive: (n,) True for the class that should have the larger scores.
        scores: (n,) any finite scores, compared as float32.
        value: element-wise, rises with tpr and falls with fpr.
        floor: positive and below 1.

    Raises:
        ValueError: as `efficiencies` does.
    """
    _check(is_positive, scores)
    as_float = np.asarray(scores, dtype=np.float32)
    bins = _falling_bins(as_float)
    # (bins, 2) negatives and positives; each row of `last` counts those down to its bin's end.
    counts = np.bincount(2 * bins + is_positive, minlength=2 * N_BINS).reshape(-1, 2)
    last = counts.cumsum(axis=0)
    share = last / last[-1]
    before = share - counts / last[-1]
    allowed = share[:, 0] > floor
    best = float(np.max(value(share[allowed, 1], share[allowed, 0])))
    # A bin's most favourable corner; the margin covers the rounding of the bound itself.
    bound = value(share[:, 1], np.maximum(before[:, 0], floor)) + 1e-9
    open_bins = allowed & (bound > best) & (counts.sum(axis=1) > 1)
    if not open_bins.any():
        return best
    return max(best, _largest_within(is_positive, as_float, bins, open_bins, last, value, floor))


def _largest_within(
    is_positive: NDArray[np.bool_],
    scores: NDArray[np.float32],
    bins: NDArray[np.intp],
    open_bins: NDArray[np.bool_],
    last: NDArray[np.intp],
    value: Callable[[Shares, Shares], Shares],
    floor: float,
) -> float:
    """Maximum over the thresholds at the scores of the open bins, -inf if none is allowed."""
    chosen = np.flatnonzero(open_bins[bins])
    keys = _descending_keys(is_positive[chosen], scores[chosen])
    keys.sort()
    positives = np.cumsum(keys & np.uint64(1), dtype=np.int64)
    passed = np.stack([np.arange(1, len(keys) + 1) - positives, positives], axis=1)
    # Whole bins that were not sorted lie above some of these events and pass with them.
    sizes = np.diff(last, axis=0, prepend=0)
    skipped = np.where(open_bins[:, None], 0, sizes).cumsum(axis=0)[open_bins]
    passed += np.repeat(skipped, sizes[open_bins].sum(axis=1), axis=0)
    ordered = keys >> np.uint64(1)
    last_of_tie = np.append(ordered[1:] != ordered[:-1], True)
    fpr, tpr = (passed[last_of_tie] / last[-1]).T
    allowed = fpr > floor
    return float(np.max(value(tpr[allowed], fpr[allowed]), initial=-np.inf))


def _falling_bins(scores: NDArray[np.float32]) -> NDArray[np.intp]:
    """(n,) number of each score's bin, 0 for the largest; equal scores share a bin."""
    top, width = float(scores.max()), float(scores.max()) - float(scores.min())
    scale = (N_BINS - 1) / width if width > 0 else 0.0
    return ((top - scores.astype(np.float64)) * scale).astype(np.intp)


def val_sic(is_data: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Significance improvement of SR data over the background template, above random selection.

    Args:
        is_data: (n,) True for signal-region data, False for template events.
        scores: (n,) anomaly scores, larger is more anomalous.

    Returns:
        Maximum over thresholds of ``tpr / sqrt(fpr) - sqrt(fpr)``, dimensionless.

    Raises:
        ValueError: if either class is absent or a score is not finite.

    References:
        How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832

    Example:
        >>> round(val_sic(np.array([True, True, False, False]), np.array([0.9, 0.2, 0.8, 0.1])), 3)
        0.707
    """
    # A threshold that no template event passes has an infinite ratio and no meaning.
    one_event = 1 / max(1, int(np.count_nonzero(~is_data)))
    return largest(is_data, scores, _above_random, one_event / 2)


def _above_random(tpr: Shares, fpr: Shares) -> Shares:
    return tpr / np.sqrt(fpr) - np.sqrt(fpr)


def _ratio(tpr: Shares, fpr: Shares) -> Shares:
    return tpr / np.sqrt(fpr)


def val_loss(is_data: NDArray[np.bool_], log_odds: NDArray[np.floating]) -> float:
    """Balanced binary cross entropy: the mean of the two classes' mean losses.

    Args:
        is_data: (n,) True for signal-region data, False for template events.
        log_odds: (n,) log of p(data)/p(template).

    Returns:
        The loss in nats; ln 2 = 0.6931 for a classifier that knows nothing.

    Raises:
        ValueError: if shapes differ, a class is absent or a value is not finite.

    Example:
        >>> round(val_loss(np.array([True, False, False]), np.zeros(3)), 4)
        0.6931
    """
    values = np.asarray(log_odds, dtype=np.float64)
    _check_shapes(is_data, values)
    n_data = int(np.count_nonzero(is_data))
    if not 0 < n_data < len(values):
        raise ValueError(
            f"both classes must be present, but got {n_data} data of {len(values)} events."
        )
    if not np.isfinite(values).all():
        raise ValueError("log odds must be finite, but some are not.")
    # ln(1 + e^-z) for data, ln(1 + e^z) for template; only e^-|z| is taken, which cannot overflow.
    wrong = np.where(is_data, -values, values)
    losses = np.log1p(np.exp(-np.abs(values))) + np.maximum(wrong, 0.0)
    of_data = float(losses @ is_data.astype(np.float64))
    return float((of_data / n_data + (losses.sum() - of_data) / (len(values) - n_data)) / 2)


def smallest_background_efficiency(n_background: int) -> float:
    """The eps_B below which the supervised SIC is statistically meaningless.

    From 1/sqrt(eps_B N_B) < 0.2, hence it follows from the test set and not from a constant.

    Example:
        >>> round(smallest_background_efficiency(10_000), 6)
        0.0025
    """
    return MIN_BACKGROUND / n_background


def max_sic(is_signal: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Supervised maximum of eps_S/sqrt(eps_B) where eps_B is known to better than 20%.

    Args:
        is_signal: (n,) true labels of the test events.
        scores: (n,) anomaly scores, larger is more anomalous.

    Returns:
        The maximum significance improvement, dimensionless; 1 for a blind score.

    Raises:
        ValueError: if a class is absent, a score is not finite, or the test set holds too few
            background events (25 or fewer) for any threshold to count.

    Example:
        >>> truth = np.repeat([True, False], 1000)
        >>> round(max_sic(truth, truth.astype(float)), 2)  # one threshold, all background passes
        1.0
    """
    n_background = int(np.count_nonzero(~is_signal))
    _check(is_signal, scores)
    floor = smallest_background_efficiency(n_background)
    if floor >= 1:
        raise _too_few(n_background)
    return largest(is_signal, scores, _ratio, floor)


def max_sic_of(curve: Efficiencies) -> float:
    """`max_sic` of efficiencies that are already known."""
    known = curve.negative > smallest_background_efficiency(curve.n_negative)
    if not known.any():
        raise _too_few(curve.n_negative)
    return float(np.max(curve.positive[known] / np.sqrt(curve.negative[known])))


def _too_few(n_background: int) -> ValueError:
    return ValueError(
        f"the test set must hold more than {MIN_BACKGROUND} background events "
        f"for a supervised SIC, but got {n_background}; give a larger test file."
    )


def auc(curve: Efficiencies) -> float:
    """Area under the ROC curve, ties counted half (the trapezium rule).

    Example:
        >>> auc(efficiencies(np.array([True, False, False]), np.array([0.5, 0.5, 0.1])))
        0.75
    """
    negative = np.concatenate([[0.0], curve.negative])
    positive = np.concatenate([[0.0], curve.positive])
    return float(np.trapezoid(positive, negative))


def rejection_at(curve: Efficiencies, signal_efficiency: float) -> float:
    """Background rejection 1/eps_B at the tightest threshold reaching this eps_S.

    Returns:
        1/eps_B, or infinity where no background passes.
    """
    background = curve.negative[np.searchsorted(curve.positive, signal_efficiency)]
    return float(1 / background) if background > 0 else float("inf")


def sic_at(curve: Efficiencies, background_efficiency: float) -> float:
    """SIC at the loosest threshold that keeps at most this eps_B; NaN where none passes any."""
    index = int(np.searchsorted(curve.negative, background_efficiency, side="right")) - 1
    return float("nan") if index < 0 else float(sic_curve(curve)[index])


def supervised_summary(
    is_signal: NDArray[np.bool_], scores: NDArray[np.floating]
) -> dict[str, float]:
    """All supervised figures of one score: max SIC, AUC, rejections and SIC at fixed eps_B."""
    curve = efficiencies(is_signal, scores)
    return {
        "max_sic": max_sic_of(curve),
        "auc": auc(curve),
        "rejection_at_eps_s_0.2": rejection_at(curve, 0.2),
        "rejection_at_eps_s_0.5": rejection_at(curve, 0.5),
        "sic_at_eps_b_1e-2": sic_at(curve, 1e-2),
        "sic_at_eps_b_1e-3": sic_at(curve, 1e-3),
    }
