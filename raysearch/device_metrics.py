"""The metrics of many members at once, in torch on the device that holds their scores.

One sort a member, no copy of a score to the host. On a CPU `metrics` is several times faster,
since it sorts only where the maximum can lie; tests hold one against the other.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from raysearch.metrics import smallest_background_efficiency


class Rates(NamedTuple):
    """Shares of both classes passing each threshold, the tightest first.

    Attributes:
        positive: (K, n) share of the positives.
        negative: (K, n) share of the negatives.
        is_threshold: (K, n) False where an equal score follows, which passes with this one.
    """

    positive: Tensor
    negative: Tensor
    is_threshold: Tensor


def rates(is_positive: Tensor, scores: Tensor) -> Rates:
    """Efficiencies of every member at each of its scores.

    Args:
        is_positive: (K, n) bool.
        scores: (K, n) finite.
    """
    ordered, order = scores.sort(dim=1, descending=True)
    positives = is_positive.gather(1, order).cumsum(1, dtype=torch.float64)
    passed = torch.arange(1, scores.shape[1] + 1, device=scores.device)
    negatives = passed - positives
    is_threshold = torch.ones_like(ordered, dtype=torch.bool)
    torch.ne(ordered[:, 1:], ordered[:, :-1], out=is_threshold[:, :-1])
    return Rates(positives / positives[:, -1:], negatives / negatives[:, -1:], is_threshold)


def val_sic(is_data: Tensor, scores: Tensor) -> Tensor:
    """(K,) `metrics.val_sic` of (K, n) classes and scores; NaN where a score is not finite."""
    tpr, fpr, is_threshold = rates(is_data, scores)
    root = fpr.sqrt()
    return _finite(_largest(tpr / root - root, is_threshold & (fpr > 0)), scores)


def max_sic(is_signal: Tensor, scores: Tensor) -> Tensor:
    """(K,) `metrics.max_sic` of (K, n) labels and scores; NaN where a score is not finite."""
    eps_s, eps_b, is_threshold = rates(is_signal, scores)
    n_background = int((~is_signal[0]).sum())
    known = is_threshold & (eps_b > smallest_background_efficiency(n_background))
    return _finite(_largest(eps_s / eps_b.sqrt(), known), scores)


def val_loss(is_data: Tensor, log_odds: Tensor) -> Tensor:
    """(K,) `metrics.val_loss` of (K, n) classes and log odds; NaN where one is not finite."""
    values = log_odds.double()
    losses = softplus(torch.where(is_data, -values, values))
    data = is_data.double()
    of_data = (losses * data).sum(1) / data.sum(1)
    of_template = (losses * (1 - data)).sum(1) / (1 - data).sum(1)
    return _finite((of_data + of_template) / 2, log_odds)


def _largest(values: Tensor, allowed: Tensor) -> Tensor:
    return torch.where(allowed, values, -torch.inf).amax(1)


def _finite(values: Tensor, scores: Tensor) -> Tensor:
    return torch.where(scores.isfinite().all(1), values, torch.nan)
