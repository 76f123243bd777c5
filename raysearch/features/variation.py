"""Variants of a feature set: inputs rotated at random, uninformative inputs appended.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raysearch.errors import InputError
from raysearch.events import Events
from raysearch.features.sets import feature_set, select_columns
from raysearch.seeds import generator

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Variation:
    """What turns the columns of a feature set into a detector's inputs, in any sample alike.

    Attributes:
        features: name of the feature set.
        mean: (d,) mean of each column where it was fitted.
        width: (d,) standard deviation, 1 where a column never varies.
        rotation: (d, d) orthogonal matrix of determinant 1.
        seed: of the uninformative inputs.
    """

    features: str
    mean: Floats
    width: Floats
    rotation: Floats
    seed: int

    def apply(self, events: Events, place: str) -> Events:
        """The events with a detector's inputs instead of their columns.

        Args:
            events: with at least the columns of the feature set.
            place: what the events are, e.g. "data". Uninformative inputs follow from the seed, the
                place and the number of the row alone: equal files get equal ones.

        Raises:
            InputError: if the events lack columns of the feature set.
        """
        chosen, wanted = select_columns(events, self.features), feature_set(self.features)
        if not wanted.varied:
            return chosen
        first = self._rotated(chosen.features) if wanted.rotated else chosen.features
        units = ("1",) * len(wanted.columns) if wanted.rotated else chosen.units
        rng = generator(self.seed, "uninformative inputs", place)
        noise = rng.standard_normal((len(events), wanted.n_noise), dtype=np.float32)
        return Events(
            np.concatenate([first, noise], axis=1),
            wanted.inputs,
            units + ("1",) * wanted.n_noise,
            events.mjj_tev,
            events.labels,
        )

    def _rotated(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        standardised = (features.astype(np.float64) - self.mean) / self.width
        return np.asarray(standardised @ self.rotation.T, dtype=np.float32)

    def as_json(self) -> dict[str, Any]:
        """Plain values, as a saved detector holds them."""
        return {
            "features": self.features,
            "mean": self.mean.tolist(),
            "width": self.width.tolist(),
            "rotation": self.rotation.tolist(),
            "seed": self.seed,
        }


def fit_variation(features: str, events: Events, seed: int) -> Variation:
    """The variation of a study.

    Args:
        features: name of the feature set.
        events: whose mean and width standardise the columns; neither their labels nor which of
            them are data play a part.
        seed: of the study; decides the rotation and the uninformative inputs.

    Raises:
        InputError: if the events lack columns of the feature set.
    """
    columns = select_columns(events, features).features.astype(np.float64)
    width, d = columns.std(axis=0), columns.shape[1]
    rotation = _rotation(d, seed) if feature_set(features).rotated else np.eye(d)
    return Variation(features, columns.mean(axis=0), np.where(width > 0, width, 1), rotation, seed)


def _rotation(d: int, seed: int) -> Floats:
    from scipy.stats import special_ortho_group  # takes half a second; few feature sets are rotated

    rotation: Floats = special_ortho_group.rvs(d, random_state=generator(seed, "rotation"))
    return rotation


def variation_from_json(values: Mapping[str, Any]) -> Variation:
    """The variation that `Variation.as_json` gave.

    Raises:
        InputError: if a part is missing or of another shape.
    """
    try:
        mean, width, rotation = (
            np.asarray(values[name], dtype=np.float64) for name in ("mean", "width", "rotation")
        )
        found = Variation(values["features"], mean, width, rotation, values["seed"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"a saved variation must be whole, but reading it failed: {error}."
        ) from error
    d = len(feature_set(found.features).columns)
    if mean.shape != (d,) or width.shape != (d,) or rotation.shape != (d, d):
        raise InputError(
            f"a saved variation of {found.features!r} must be of {d} columns, but got shapes "
            f"{mean.shape}, {width.shape} and {rotation.shape}; save the detector again."
        )
    return found
