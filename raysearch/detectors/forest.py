"""A sum over decision trees; LightGBM scores it, from text that is made of checked arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from raysearch.detectors.flat_trees import Trees
from raysearch.detectors.forest_text import model_text

if TYPE_CHECKING:
    from lightgbm import Booster

# A probability of 0 or 1 from few rows has no log odds.
_SMALLEST_PROBABILITY = 1e-6


@dataclass(frozen=True, eq=False)
class Forest:
    """A scored sum over trees.

    Attributes:
        trees: the trees.
        n_features: columns of the rows it was trained on.
        is_probability: whether the leaves sum up to the probability of data; log odds if not.
    """

    trees: Trees
    n_features: int
    is_probability: bool = False

    def decision_function(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """(n,) log odds of (n, d) features."""
        total = self._sum(features)
        if not self.is_probability:
            return total
        inside = np.clip(total, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
        return np.asarray(logit(inside), dtype=np.float64)

    def __reduce__(self) -> tuple[type[Forest], tuple[Trees, int, bool]]:
        """Travel without LightGBM's copy of the trees."""
        return Forest, (self.trees, self.n_features, self.is_probability)

    def _sum(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        if features.shape[1] != self.n_features:
            raise ValueError(
                f"events must have the {self.n_features} features the trees were trained on, but "
                f"got {features.shape[1]}."
            )
        if not len(self.trees.leaves):
            return np.zeros(len(features))
        found = self._booster.predict(features, raw_score=True, num_threads=1)
        return np.asarray(found, dtype=np.float64)

    @cached_property
    def _booster(self) -> Booster:
        from lightgbm import Booster  # takes seconds, as it imports scikit-learn

        return Booster(model_str=model_text(self.trees, self.n_features))
