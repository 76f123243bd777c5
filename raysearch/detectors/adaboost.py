"""AdaBoost on decision trees.

References:
    A decision-theoretic generalization of on-line learning and an application to boosting
    (Freund, Schapire, 1997); search ranges of arXiv:2511.14832.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from raysearch.detectors import trees
from raysearch.detectors.base import Member, Parameters
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
_OF_THE_BOOSTING = ("learning_rate", "n_estimators")
_TRUSTED = ("sklearn.tree._tree.Tree",)


def _fit_one(rows: Rows, member: Member, parameters: Parameters) -> Any:
    features, is_data, weights = trees.training_rows(rows, member)
    of_tree = {k: v for k, v in parameters.items() if k not in _OF_THE_BOOSTING}
    tree = DecisionTreeClassifier(**{**of_tree, "max_depth": of_tree["max_depth"] or None})
    model = AdaBoostClassifier(
        tree,
        n_estimators=parameters["n_estimators"],
        learning_rate=parameters["learning_rate"],
        random_state=member.seed % 2**32,
    )
    return model.fit(features, is_data, sample_weight=weights)


ADABOOST = trees.TreeDetector("adaboost", _DEFAULTS, _fit_one, _TRUSTED)
"""scikit-learn's AdaBoost (SAMME) of decision trees."""
