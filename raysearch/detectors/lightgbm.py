"""Gradient boosting by LightGBM: HGB's hyperparameters and quality for less time.

References:
    LightGBM: a highly efficient gradient boosting decision tree (Ke et al., 2017); search ranges
    of HGB in arXiv:2511.14832.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors import trees
from raysearch.detectors.base import Member, Parameters
from raysearch.detectors.binning import binned
from raysearch.detectors.forest import Forest
from raysearch.detectors.forest_files import FOREST_FILES
from raysearch.detectors.growing import Floats, Grower, Singles, tree_settings
from raysearch.samples import Rows

_DEFAULTS: Parameters = MappingProxyType(
    {
        "learning_rate": 0.1,
        "max_iter": 200,
        "max_leaf_nodes": 31,
        "max_depth": 0,  # 0: no limit
        "l2_regularization": 0.0,
        "max_bins": 255,
    }
)
# As scikit-learn's HGB has it: rounds without a validation loss that is better by a tolerance.
_PATIENCE = 10
_TOLERANCE = 1e-7


def _fit_one(rows: Rows, member: Member, parameters: Mapping[str, float]) -> Forest:
    coded = binned(rows, member, int(parameters["max_bins"]))
    settings = {
        **tree_settings(parameters),
        "learning_rate": parameters["learning_rate"],
        "lambda_l2": parameters["l2_regularization"],
        "min_data_in_leaf": 20,
    }
    grower = Grower(coded, settings, validate=True)
    _boost(grower, rows, member, int(parameters["max_iter"]))
    return Forest(grower.trees(), rows.features.shape[1])


def _boost(grower: Grower, rows: Rows, member: Member, rounds: int) -> None:
    """Add trees until the validation loss has not improved for a while."""
    train, held = (_Loss(rows.is_data[part]) for part in (member.train, member.validation))
    losses = [held.value(np.zeros(len(member.validation)))]
    log_odds = np.zeros(len(member.train))
    for _ in range(rounds):
        if not grower.grow(*train.derivatives(log_odds)):
            break
        losses.append(held.value(grower.validation_sum()))
        if _has_stalled(losses):
            break
        log_odds = grower.train_sum()


def _has_stalled(losses: list[float]) -> bool:
    """HGB's rule: none of the last rounds is better than the one before them.

    The trees since then stay, as HGB's do. The loss is mostly the noise of the background, so that
    its minimum would often leave one tree alone where more of them find the signal.
    """
    recent = losses[-_PATIENCE:]
    return len(losses) > _PATIENCE and min(recent) >= losses[-_PATIENCE - 1] - _TOLERANCE


class _Loss:
    """Balanced cross entropy of rows of known class, as a function of their log odds.

    In single precision, which is twice to five times faster: LightGBM rounds the derivatives to it
    anyway, and in the mean over the rows the rounding stays far below the tolerance.
    """

    def __init__(self, is_data: NDArray[np.bool_]) -> None:
        self._weights = trees.balanced_weights(is_data).astype(np.float32)
        self._sign = np.where(is_data, np.float32(-1), np.float32(1))
        self._is_data = is_data

    def value(self, log_odds: Floats) -> float:
        # ln(1 + e^z) without overflow; the logarithm of the sum is many times faster than log1p.
        wrong = self._sign * log_odds.astype(np.float32)
        losses = np.log(1 + np.exp(-np.abs(wrong))) + np.maximum(wrong, 0)
        return float((losses * self._weights).mean(dtype=np.float64))

    def derivatives(self, log_odds: Floats) -> tuple[Singles, Singles]:
        # Beyond 30, the probability is one and the exponential will not overflow.
        bounded = np.clip(log_odds, -30, 30).astype(np.float32)
        probability: Singles = np.reciprocal(1 + np.exp(-bounded))
        gradient = self._weights * (probability - self._is_data.astype(np.float32))
        return gradient, self._weights * (probability - probability**2)


LIGHTGBM = trees.TreeDetector("lightgbm", _DEFAULTS, _fit_one, FOREST_FILES)
"""LightGBM's trees on the bins all tree families share, stopped early on the validation rows."""
