"""Trees grown by LightGBM on codes, one at a time, from gradients that the caller computes.

References:
    LightGBM: a highly efficient gradient boosting decision tree (Ke et al., 2017)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors.binning import MAX_BINS, Binned, Codes
from raysearch.detectors.flat_trees import Trees
from raysearch.detectors.forest_text import trees_of

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

# Codes are bins already: LightGBM makes one of each.
_OF_THE_DATA: Mapping[str, Any] = {
    "max_bin": MAX_BINS,
    "min_data_in_bin": 1,
    "feature_pre_filter": False,
    "enable_bundle": False,
    "num_threads": 1,
    "verbosity": -1,
}
_OF_THE_GROWING: Mapping[str, Any] = {
    **_OF_THE_DATA,
    "objective": "none",
    "metric": "none",
    "deterministic": True,
    "force_col_wise": True,
}


def tree_settings(parameters: Mapping[str, float]) -> dict[str, float]:
    """LightGBM's names for the shape of a tree; a depth of 0 is no limit."""
    depth = int(parameters["max_depth"]) or -1
    return {"num_leaves": int(parameters["max_leaf_nodes"]), "max_depth": depth}


def mean_settings(parameters: Mapping[str, float]) -> dict[str, float]:
    """Settings of trees whose leaves are the weighted mean of a target; see `mean_derivatives`."""
    return {
        **tree_settings(parameters),
        "min_data_in_leaf": int(parameters["min_samples_leaf"]),
        "min_sum_hessian_in_leaf": 0.0,
        "lambda_l2": 0.0,
        "learning_rate": 1.0,
    }


def mean_derivatives(target: Floats, weights: Floats) -> tuple[Singles, Singles]:
    """Derivatives that make the leaves of a tree the weighted mean of the target.

    Splits are those that lower the weighted squared error most: for two classes the Gini index.
    """
    return (-weights * target).astype(np.float32), weights.astype(np.float32)


class Grower:
    """Adds tree after tree to a sum that starts at zero.

    Every leaf is worth minus its sum of gradients over its sum of hessians plus `lambda_l2`, times
    the learning rate. LightGBM counts the rows of a leaf by their hessians, as if the hessian were
    the same in all rows: its smallest leaf is a share of the whole hessian.
    """

    def __init__(self, rows: Binned, settings: Mapping[str, Any], *, validate: bool) -> None:
        """Hand the rows over to LightGBM.

        Args:
            rows: of one member.
            settings: LightGBM's, beside those that never change.
            validate: keep the sum over the validation rows as well.
        """
        from lightgbm import Booster  # takes seconds, as it imports scikit-learn

        n_codes = 1 + max(len(edges) for edges in rows.bins.edges)
        data = _dataset(rows.train, n_codes)
        self._bins = rows.bins
        self._booster: Booster = Booster({**_OF_THE_GROWING, **settings}, data)
        if validate:
            self._booster.add_valid(_dataset(rows.validation, n_codes), "validation")

    def grow(self, gradient: Singles, hessian: Singles) -> bool:
        """Add the tree that fits these (n,) derivatives; False if it would not split once."""
        derivatives = gradient, hessian
        return not self._booster.update(fobj=lambda *_: derivatives)

    def train_sum(self) -> Floats:
        """(n,) sum over the trees so far for the training rows."""
        return _seen(self._booster.eval_train)

    def validation_sum(self) -> Floats:
        """(m,) the same for the validation rows."""
        return _seen(self._booster.eval_valid)

    def trees(self) -> Trees:
        """All trees so far."""
        return trees_of(self._booster.model_to_string(), self._bins)


def _seen(evaluate: Callable[..., object]) -> Floats:
    """What LightGBM shows to a metric: its sums."""
    seen: list[Floats] = []

    def keep(sums: Floats, _: Dataset) -> tuple[str, float, bool]:
        seen.append(sums.copy())  # LightGBM writes the next ones to the same place
        return "none", 0.0, True

    evaluate(keep)
    return seen[0]


def _dataset(codes: Codes, n_codes: int) -> Dataset:
    from lightgbm import Dataset

    # The reference saves LightGBM from looking for bins among the rows.
    reference = _one_row_per_code(codes.shape[1], max(n_codes, 2))
    return Dataset(codes, reference=reference, params=dict(_OF_THE_DATA)).construct()


@cache
def _one_row_per_code(n_features: int, n_codes: int) -> Dataset:
    from lightgbm import Dataset

    column = np.arange(n_codes, dtype=np.float32)[:, None]
    codes = np.repeat(column, n_features, axis=1)
    return Dataset(codes, np.zeros(n_codes), params=dict(_OF_THE_DATA)).construct()
