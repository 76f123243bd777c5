"""How well a classifier tells generated events from real ones: the quality of a template.

References:
    Classifying Anomalies THrough Outer Density Estimation (Hallin et al., 2021), arXiv:2109.00546
    Comparing the areas under two or more correlated ROC curves (DeLong, DeLong & Clarke-Pearson,
    1988), Biometrics 44, 837: the variance of an AUC.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors import Member, detector
from raysearch.events import Events, concatenate
from raysearch.regions import choose, folds
from raysearch.samples import Rows
from raysearch.seeds import generator, number

DETECTOR = "hgb"
# Of the half that trains, the share that decides when training stops.
_STOPPING_SHARE = 0.2


class Auc(NamedTuple):
    """An area under the ROC curve.

    Attributes:
        value: 0.5 where the classes cannot be told apart, 1 where they are separate.
        error: its standard error.
    """

    value: float
    error: float


def separability(real: Events, generated: Events, seed: int) -> Auc:
    """How well default boosted trees tell real from generated events by features and mass.

    Every event is scored by trees that it neither trained nor stopped.

    Args:
        real: at least some hundred events.
        generated: events with the same columns, about as many and at about the same masses.
        seed: of the halves and of the trees.
    """
    both = concatenate([real.without_labels(), generated.without_labels()])
    features = np.column_stack([both.mjj_tev, both.features])
    rows = Rows(features, np.arange(len(both)) < len(real))
    halves = list(folds(rows.is_data, 2, generator(seed, "separability")))
    seeds = (number(seed, "separability", k) for k in range(2))
    members = [_member(train, own) for (train, _), own in zip(halves, seeds, strict=True)]
    fitted = next(detector(DETECTOR).fit(rows, members, [{}, {}], epochs=None))
    first, second = (
        auc_with_error(rows.is_data[held], fitted.take([k]).scores(features[held])[0])
        for k, (_, held) in enumerate(halves)
    )
    return Auc((first.value + second.value) / 2, math.hypot(first.error, second.error) / 2)


def _member(train: NDArray[np.intp], seed: int) -> Member:
    stopping, fitting = choose(
        len(train), round(_STOPPING_SHARE * len(train)), generator(seed, "stopping")
    )
    return Member(train[fitting], train[stopping], seed)


def auc_with_error(is_positive: NDArray[np.bool_], scores: NDArray[np.floating]) -> Auc:
    """Area under the ROC curve, ties counted half, with its error.

    Args:
        is_positive: (n,) True for the class that should have the larger scores; at least two of
            each class.
        scores: (n,) finite scores.

    Example:
        >>> auc_with_error(np.array([True, True, False, False]), np.array([3.0, 1.0, 2.0, 0.0]))
        Auc(value=0.75, error=0.3535533905932738)
    """
    from scipy.stats import rankdata  # takes half a second; only a generated template asks

    ranks = rankdata(scores)
    positive = ranks[is_positive] - rankdata(scores[is_positive])
    negative = ranks[~is_positive] - rankdata(scores[~is_positive])
    # The share of the other class that lies below each event; the AUC is their mean.
    below_positive = positive / len(negative)
    below_negative = negative / len(positive)
    variance = np.var(below_positive, ddof=1) / len(positive) + np.var(
        below_negative, ddof=1
    ) / len(negative)
    return Auc(float(np.mean(below_positive)), float(np.sqrt(variance)))
