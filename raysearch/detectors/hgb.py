"""Histogram gradient boosting.

References:
    Back to the roots: tree-based algorithms for weakly supervised anomaly detection
    (Finke et al., 2023), arXiv:2309.13111; search ranges of arXiv:2511.14832.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier

from raysearch.detectors import trees
from raysearch.detectors.base import Member, Parameters
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
_TRUSTED = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)


def _fit_one(rows: Rows, member: Member, parameters: Parameters) -> Any:
    features, is_data, weights = trees.training_rows(rows, member)
    held = rows.is_data[member.validation]
    settings = {**parameters, "max_depth": parameters["max_depth"] or None}
    model = HistGradientBoostingClassifier(
        early_stopping=True, random_state=member.seed % 2**32, **settings
    )
    return model.fit(
        features,
        is_data,
        sample_weight=weights,
        X_val=rows.features[member.validation],
        y_val=held,
        sample_weight_val=trees.balanced_weights(held),
    )


# The published final ensemble has 50 members, for five times the cost.
HGB = trees.TreeDetector("hgb", _DEFAULTS, _fit_one, _TRUSTED)
"""scikit-learn's histogram gradient boosting, stopped early on the validation rows."""
