"""A fitted HGB with its bins, and its file: skops' format, which is data and not code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors.binning import MAX_BINS, Bins
from raysearch.detectors.threads import one_thread
from raysearch.errors import InputError

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
            unknown = set(skops.io.get_untrusted_types(file=path)) - set(_TRUSTED)
        except (OSError, BadZipFile, KeyError, ValueError) as error:
            raise _unreadable(directory, error) from error
        if unknown:
            raise InputError(
                f"{path} may hold only scikit-learn trees, but got the types "
                f"{json.dumps(sorted(unknown))}; the file was not loaded."
            )
        try:
            return [_model(item) for item in skops.io.load(path, trusted=_TRUSTED)]
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(directory, error) from error


def _model(item: Any) -> BinnedHGB:
    edges = tuple(item["edges"])
    kind = f"{type(item['model']).__module__}.{type(item['model']).__qualname__}"
    if kind != _MODEL:
        raise ValueError(f"it holds a {kind}")
    if any(e.dtype != np.float32 or e.ndim != 1 or len(e) >= MAX_BINS for e in edges):
        raise ValueError("its bins are damaged")
    return BinnedHGB(Bins(edges), item["model"])


def _unreadable(directory: Path, error: Exception) -> InputError:
    return InputError(
        f"{directory} must hold {_FILE} of one saved detector, but reading it failed: {error}. "
        "Save it again."
    )
