"""Random forest: trees on bootstrapped rows and random features, averaged.

References:
    Random forests (Breiman, 2001)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors import trees
from raysearch.detectors.base import Member, Parameters
from raysearch.detectors.binning import MAX_BINS, binned
from raysearch.detectors.flat_trees import Trees
from raysearch.detectors.forest import Forest
from raysearch.detectors.forest_files import FOREST_FILES
from raysearch.detectors.growing import Grower, mean_derivatives, mean_settings
from raysearch.samples import Rows

_DEFAULTS: Parameters = MappingProxyType(
    {
        "n_estimators": 100,
        "max_leaf_nodes": 99,
        "max_depth": 0,  # 0: no limit
        "min_samples_leaf": 20,
        "max_features": 0.5,  # share of the features that each split may choose from
    }
)


def _fit_one(rows: Rows, member: Member, parameters: Mapping[str, float]) -> Forest:
    settings = {
        **mean_settings(parameters),
        "feature_fraction_bynode": parameters["max_features"],
        "seed": member.seed % 2**31,
    }
    grower = Grower(binned(rows, member, MAX_BINS), settings, validate=False)
    rng = np.random.default_rng(member.seed)
    _grow(grower, rows.is_data[member.train], int(parameters["n_estimators"]), rng)
    return Forest(_mean(grower.trees()), rows.features.shape[1], is_probability=True)


def _grow(grower: Grower, is_data: NDArray[np.bool_], count: int, rng: np.random.Generator) -> None:
    """Grow trees on rows drawn with replacement."""
    balanced, target = trees.balanced_weights(is_data), is_data.astype(np.float64)
    for _ in range(count):
        drawn = rng.integers(len(is_data), size=len(is_data))
        weights = balanced * np.bincount(drawn, minlength=len(is_data))
        if not grower.grow(*mean_derivatives(target, weights)):
            break


def _mean(grown: Trees) -> Trees:
    """The trees with leaves that add up to the mean over the trees."""
    return replace(grown, value=grown.value / max(1, len(grown.leaves)))


RANDOM_FOREST = trees.TreeDetector("random_forest", _DEFAULTS, _fit_one, FOREST_FILES)
"""A random forest of probability trees, on the bins all tree families share."""
