"""A fitted HGB with its bins, and its file: skops' format, which is data and not code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors.binning import MAX_BINS, Bins
from raysearch.detectors.skops_files import open_skops
from raysearch.detectors.threads import one_thread
from raysearch.errors import InputError
from raysearch.malformed import MALFORMED, reason

_FILE = "trees.skops"
_MODEL = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier"
# What skops' own list leaves out of a fitted HGB.
_TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


@dataclass(frozen=True, eq=False)
class BinnedHGB:
    """A scikit-learn HGB that was trained on codes, and the bins that make them.

    Attributes:
        bins: from features to codes.
        model: a fitted HistGradientBoostingClassifier.
    """

    bins: Bins
    model: Any

    def decision_function(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n,) log odds of (n, d) features."""
        codes = self.bins.codes(features)
        with one_thread():
            return np.asarray(self.model.decision_function(codes), dtype=np.float64)


class HGBFiles:
    """Writes and reads fitted HGBs; see `ModelFiles`."""

    def write(self, models: Sequence[BinnedHGB], directory: Path) -> None:
        """Write bins and models to one file."""
        import skops.io  # lists all of scikit-learn when imported, which takes seconds

        contents = [{"edges": list(m.bins.edges), "model": m.model} for m in models]
        skops.io.dump(contents, directory / _FILE)

    def read(self, directory: Path) -> list[BinnedHGB]:
        """The models, or InputError if the file is missing, damaged or holds other types."""
        import skops.io

        path = directory / _FILE
        try:
            contents = open_skops(path)
            unknown = set(skops.io.get_untrusted_types(file=contents)) - set(_TRUSTED)
        except InputError:
            raise
        except MALFORMED as error:
            raise _unreadable(directory, error) from error
        if unknown:
            raise InputError(
                f"{path} may hold only scikit-learn trees, but got the types "
                f"{json.dumps(sorted(unknown))}; the file was not loaded."
            )
        try:
            return [_model(item) for item in skops.io.load(contents, trusted=_TRUSTED)]
        except MALFORMED as error:
            raise _unreadable(directory, error) from error


def _model(item: Any) -> BinnedHGB:
    edges = tuple(item["edges"])
    kind = f"{type(item['model']).__module__}.{type(item['model']).__qualname__}"
    if kind != _MODEL:
        raise ValueError(f"it holds a {kind}")
    if any(e.dtype != np.float32 or e.ndim != 1 or len(e) >= MAX_BINS for e in edges):
        raise ValueError("its bins are damaged")
    _check_model(item["model"], len(edges))
    return BinnedHGB(Bins(edges), item["model"])


def _check_model(model: Any, n_features: int) -> None:
    """Refuse trees that lead out of themselves: scikit-learn's code in C follows them blindly.

    Raises:
        ValueError: if a walk from a root could end anywhere but in a leaf of the tree, or events
            would be changed before it.
    """
    if (model.n_features_in_, model.n_trees_per_iteration_) != (n_features, 1):
        raise ValueError("its trees are of other features")
    if model.is_categorical_ is not None or model._preprocessor is not None:
        raise ValueError("its trees are of categories")
    for of_iteration in model._predictors:
        for tree in of_iteration:
            if not _is_tree(tree.nodes, n_features):
                raise ValueError("its trees are damaged")


def _is_tree(nodes: Any, n_features: int) -> bool:
    """Whether every split asks for a feature there is and leads to nodes behind it."""
    if nodes.ndim != 1 or not len(nodes) or nodes["is_categorical"].any():
        return False
    place = np.flatnonzero(nodes["is_leaf"] == 0)
    column = nodes["feature_idx"][place]
    children = np.stack([nodes["left"][place], nodes["right"][place]]).astype(np.int64)
    inside = (children > place) & (children < len(nodes))
    return bool(inside.all() and ((column >= 0) & (column < n_features)).all())


def _unreadable(directory: Path, error: Exception) -> InputError:
    return InputError(
        f"{directory} must hold {_FILE} of one saved detector, but reading it failed: "
        f"{reason(error)}. Save it again."
    )
