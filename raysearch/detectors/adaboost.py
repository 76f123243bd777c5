"""AdaBoost on decision trees.

The trees are grown on the bins of the features, best split first; for weighted squares, which is
what the Gini index of two classes comes to. `min_samples_leaf` counts rows by their weight: of n
rows, a leaf holds at least that many n-ths of the whole weight. Where signal is rare the weights
stay nearly equal, and so does the number of rows.

References:
    A decision-theoretic generalization of on-line learning and an application to boosting
    (Freund, Schapire, 1997); multi-class AdaBoost (Zhu et al., 2009), which for two classes is
    the same; search ranges of arXiv:2511.14832.
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
from raysearch.detectors.flat_trees import Trees, joined
from raysearch.detectors.forest import Forest
from raysearch.detectors.forest_files import FOREST_FILES
from raysearch.detectors.growing import Floats, Grower, mean_derivatives, mean_settings
from raysearch.samples import Rows

_DEFAULTS: Parameters = MappingProxyType(
    {
        "learning_rate": 1.0,
        "n_estimators": 50,
        "max_leaf_nodes": 31,
        "max_depth": 0,  # 0: no limit
        "min_samples_leaf": 20,
    }
)


def _fit_one(rows: Rows, member: Member, parameters: Mapping[str, float]) -> Forest:
    grower = Grower(binned(rows, member, MAX_BINS), mean_settings(parameters), validate=False)
    is_data = rows.is_data[member.train]
    votes = _boost(grower, is_data, parameters["learning_rate"], int(parameters["n_estimators"]))
    return Forest(_voting(grower.trees(), np.array(votes)), rows.features.shape[1])


def _boost(
    grower: Grower, is_data: NDArray[np.bool_], learning_rate: float, rounds: int
) -> list[float]:
    """Grow trees, each on the rows that its forerunners misjudge; the weight of each one's vote."""
    target = np.where(is_data, 1.0, -1.0)
    weights = trees.balanced_weights(is_data)
    before, votes = np.zeros(len(is_data)), list[float]()
    while len(votes) < rounds and grower.grow(*mean_derivatives(target, weights)):
        total = grower.train_sum()
        is_wrong = (total > before) != is_data
        error = float(weights[is_wrong].sum() / weights.sum())
        if error >= 0.5:  # no better than chance, and never will be
            break
        votes.append(learning_rate * np.log((1 - error) / error) if error > 0 else 1.0)
        if error == 0:
            break
        weights = weights * np.exp(votes[-1] * is_wrong)
        weights *= len(weights) / weights.sum()
        before = total
    return votes


def _voting(grown: Trees, votes: Floats) -> Trees:
    """The trees that have a vote, with leaves that cast it; the factor 2 makes them log odds."""
    kept = joined(list(grown)[: len(votes)])
    weight = np.repeat(2 * votes / votes.sum(), kept.leaves)
    return replace(kept, value=np.where(kept.value > 0, weight, -weight))


ADABOOST = trees.TreeDetector("adaboost", _DEFAULTS, _fit_one, FOREST_FILES)
"""AdaBoost (SAMME) of decision trees."""
