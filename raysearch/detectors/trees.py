"""What all tree families share: fit one model per member, score with each, save without pickle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors.base import Member, OneEpoch, Parameters, with_defaults
from raysearch.samples import Rows


class TreeModel(Protocol):
    """A fitted classifier of data against template."""

    def decision_function(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n,) log odds."""
        ...


class ModelFiles(Protocol):
    """How the models of one family are saved, without pickle."""

    def write(self, models: Sequence[Any], directory: Path) -> None:
        """Write all models to an existing directory."""
        ...

    def read(self, directory: Path) -> Sequence[TreeModel]:
        """The models, running no code of the directory.

        Raises:
            InputError: if a file is missing, damaged or holds anything else.
        """
        ...


@dataclass(frozen=True, eq=False)
class TreeSnapshot:
    """K fitted tree ensembles.

    Attributes:
        models: one per member.
        files: how they are saved.
    """

    models: tuple[TreeModel, ...]
    files: ModelFiles

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(K, n) log odds; see `Snapshot.scores`."""
        blocks = [features] * len(self.models) if features.ndim == 2 else features
        scores = [m.decision_function(x) for m, x in zip(self.models, blocks, strict=True)]
        return np.stack(scores).astype(np.float32)

    def take(self, members: Sequence[int]) -> TreeSnapshot:
        """These members alone."""
        return TreeSnapshot(tuple(self.models[k] for k in members), self.files)

    def save(self, directory: Path) -> None:
        """Write the models; see `Snapshot.save`."""
        self.files.write(self.models, directory)


@dataclass(frozen=True)
class TreeDetector:
    """A family of tree ensembles, fitted member by member; it has no epochs.

    Attributes:
        name: how the user calls it.
        defaults: every hyperparameter with its default value.
        fit_one: fits the model of one member, given all hyperparameters; in one thread.
        files: how the models are saved.
        search_epochs: 1, since there are no epochs.
        ensemble_size: members of the final ensemble.
        final_epochs: None, since there are no epochs.
    """

    name: str
    defaults: Parameters
    fit_one: Callable[[Rows, Member, Any], TreeModel]
    files: ModelFiles
    search_epochs: int = 1
    ensemble_size: int = 10
    final_epochs: int | None = None

    def fit(
        self,
        rows: Rows,
        members: Sequence[Member],
        parameters: Sequence[Parameters],
        *,
        epochs: int | None = None,
    ) -> OneEpoch[TreeSnapshot]:
        """Fit every member and yield once; see `Detector.fit`."""
        chosen = [with_defaults(self.name, self.defaults, own) for own in parameters]

        def fit(kept: Sequence[int]) -> TreeSnapshot:
            models = tuple(self.fit_one(rows, members[k], chosen[k]) for k in kept)
            return TreeSnapshot(models, self.files)

        return OneEpoch(fit, len(members))

    def pack_key(self, parameters: Parameters) -> None:
        """None: trees are fitted one by one; see `Detector.pack_key`."""
        with_defaults(self.name, self.defaults, parameters)

    def merge(self, snapshots: Sequence[TreeSnapshot]) -> TreeSnapshot:
        """All members of all snapshots as one."""
        return TreeSnapshot(tuple(model for s in snapshots for model in s.models), self.files)

    def load(self, directory: Path) -> TreeSnapshot:
        """The saved models; see `Detector.load`."""
        return TreeSnapshot(tuple(self.files.read(directory)), self.files)


def balanced_weights(is_data: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) weights n / (2 n_class), so that both classes count the same."""
    n = len(is_data)
    n_data = np.count_nonzero(is_data)
    return np.where(is_data, n / (2 * n_data), n / (2 * (n - n_data)))
