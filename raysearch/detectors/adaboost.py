"""AdaBoost on decision trees.

References:
    A decision-theoretic generalization of on-line learning and an application to boosting
    (Freund, Schapire, 1997); search ranges of arXiv:2511.14832.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from raysearch.detectors import trees
from raysearch.detectors.base import Member, Parameters, with_defaults
from raysearch.detectors.trees import TreeSnapshot
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


@dataclass(frozen=True)
class AdaBoost:
    """scikit-learn's AdaBoost (SAMME) of decision trees."""

    name: str = "adaboost"
    defaults: Parameters = field(default_factory=lambda: _DEFAULTS)
    search_epochs: int = 1
    ensemble_size: int = 10
    final_epochs: int | None = None

    def fit(
        self,
        rows: Rows,
        members: Sequence[Member],
        parameters: Parameters,
        *,
        epochs: int | None = None,
    ) -> Iterator[TreeSnapshot]:
        """Fit every member and yield once; see `Detector.fit`."""
        chosen = with_defaults(self.name, self.defaults, parameters)
        yield TreeSnapshot(tuple(_fit_one(rows, member, chosen) for member in members))

    def merge(self, snapshots: Sequence[TreeSnapshot]) -> TreeSnapshot:
        """All members of all snapshots as one."""
        return trees.merge(snapshots)

    def load(self, directory: Path) -> TreeSnapshot:
        """See `Detector.load`."""
        return trees.load(directory, _TRUSTED)


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
