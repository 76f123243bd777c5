"""Histogram gradient boosting.

References:
    Back to the roots: tree-based algorithms for weakly supervised anomaly detection
    (Finke et al., 2023), arXiv:2309.13111; search ranges of arXiv:2511.14832.
"""

from __future__ import annotations

from types import MappingProxyType

from raysearch.detectors import trees
from raysearch.detectors.base import Member, Parameters
from raysearch.detectors.binning import MAX_BINS, binned
from raysearch.detectors.hgb_files import BinnedHGB, HGBFiles
from raysearch.detectors.threads import one_thread
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


def _fit_one(rows: Rows, member: Member, parameters: Parameters) -> BinnedHGB:
    from sklearn.ensemble import HistGradientBoostingClassifier  # takes seconds

    coded = binned(rows, member, int(parameters["max_bins"]))
    train, held = rows.is_data[member.train], rows.is_data[member.validation]
    # One bin for each code: what takes most of scikit-learn's time, weighted percentiles of
    # features, has been done.
    settings = {
        **parameters,
        "max_depth": parameters["max_depth"] or None,
        "max_bins": MAX_BINS,
    }
    model = HistGradientBoostingClassifier(
        early_stopping=True, random_state=member.seed % 2**32, **settings
    )
    with one_thread():
        model.fit(
            coded.train,
            train,
            sample_weight=trees.balanced_weights(train),
            X_val=coded.validation,
            y_val=held,
            sample_weight_val=trees.balanced_weights(held),
        )
    return BinnedHGB(coded.bins, model)


# The published final ensemble has 50 members, for five times the cost.
HGB = trees.TreeDetector("hgb", _DEFAULTS, _fit_one, HGBFiles())
"""scikit-learn's histogram gradient boosting, stopped early on the validation rows."""
