"""Forests in one NumPy file of plain arrays, checked before anything follows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from raysearch.detectors.flat_trees import Trees, joined
from raysearch.detectors.forest import Forest
from raysearch.errors import InputError
from raysearch.malformed import MALFORMED, reason
from raysearch.unpacking import stored_archive

_FILE = "trees.npz"
_KINDS = {
    f.name: np.float64 if f.name in ("threshold", "value") else np.int32 for f in fields(Trees)
}
# Far above every feature set; keeps a hostile file from asking for all of the memory.
_MOST_FEATURES = 100_000


class ForestFiles:
    """Writes and reads forests; see `ModelFiles`."""

    def write(self, models: Sequence[Forest], directory: Path) -> None:
        """Write all forests to one file."""
        whole = joined([tree for model in models for tree in model.trees])
        np.savez(
            directory / _FILE,
            trees_of_each=np.array([len(model.trees.leaves) for model in models], np.int32),
            n_features=np.int32(models[0].n_features),
            is_probability=np.bool_(models[0].is_probability),
            **{name: getattr(whole, name) for name in _KINDS},
        )

    def read(self, directory: Path) -> list[Forest]:
        """The forests, or InputError if the file is missing, damaged or no forest."""
        path = directory / _FILE
        try:
            with np.load(stored_archive(path), allow_pickle=False) as arrays:
                return _forests(arrays)
        except InputError:
            raise
        except MALFORMED as error:
            raise InputError(
                f"{directory} must hold {_FILE} of one saved detector, but reading it failed: "
                f"{reason(error)}. Save it again."
            ) from error


def _forests(arrays: NpzFile) -> list[Forest]:
    n_features = int(_array(arrays, "n_features", np.int32, 0))
    if not 0 < n_features <= _MOST_FEATURES:
        raise ValueError(f"features must be 1 to {_MOST_FEATURES}, but are {n_features}")
    trees = Trees(**{name: _array(arrays, name, kind, 1) for name, kind in _KINDS.items()})
    trees.check(n_features)
    of_each = _array(arrays, "trees_of_each", np.int32, 1)
    if min(of_each, default=0) < 0 or of_each.sum(dtype=np.int64) != len(trees.leaves):
        raise ValueError("the trees of all members must be all trees")
    every, ends = list(trees), np.cumsum(of_each)
    parts = [joined(every[end - n : end]) for n, end in zip(of_each, ends, strict=True)]
    is_probability = bool(_array(arrays, "is_probability", np.bool_, 0))
    return [Forest(part, n_features, is_probability) for part in parts]


def _array(arrays: NpzFile, name: str, kind: type, ndim: int) -> Any:
    array = arrays[name]
    if array.dtype != kind or array.ndim != ndim:
        raise ValueError(f"{name} must be {kind.__name__} of {ndim} dimensions")
    return array


FOREST_FILES = ForestFiles()
