"""What HGB and AdaBoost share: fit one model per member, score with each, save without pickle."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors.base import Member, OneEpoch, Parameters, with_defaults
from raysearch.errors import InputError
from raysearch.samples import Rows

_MODELS = "trees.skops"


class TreeModel(Protocol):
    """A fitted scikit-learn classifier of data against template."""

    def decision_function(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """(n,) log odds."""
        ...


@dataclass(frozen=True, eq=False)
class TreeSnapshot:
    """K fitted tree ensembles."""

    models: tuple[TreeModel, ...]

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(K, n) log odds; see `Snapshot.scores`."""
        blocks = [features] * len(self.models) if features.ndim == 2 else features
        scores = [m.decision_function(x) for m, x in zip(self.models, blocks, strict=True)]
        return np.stack(scores).astype(np.float32)

    def take(self, members: Sequence[int]) -> TreeSnapshot:
        """These members alone."""
        return TreeSnapshot(tuple(self.models[k] for k in members))

    def save(self, directory: Path) -> None:
        """Write the models in skops' format, which is data and not code."""
        import skops.io  # lists all of scikit-learn when imported, which takes seconds

        skops.io.dump(list(self.models), directory / _MODELS)


@dataclass(frozen=True)
class TreeDetector:
    """A family of tree ensembles, fitted member by member; it has no epochs.

    Attributes:
        name: how the user calls it.
        defaults: every hyperparameter with its default value.
        fit_one: fits the model of one member, given all hyperparameters.
        trusted: types a saved detector may hold beyond skops' own list.
        search_epochs: 1, since there are no epochs.
        ensemble_size: members of the final ensemble.
        final_epochs: None, since there are no epochs.
    """

    name: str
    defaults: Parameters
    fit_one: Callable[[Rows, Member, Parameters], TreeModel]
    trusted: tuple[str, ...]
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
            return TreeSnapshot(tuple(self.fit_one(rows, members[k], chosen[k]) for k in kept))

        return OneEpoch(fit, len(members))

    def pack_key(self, parameters: Parameters) -> None:
        """None: trees are fitted one by one; see `Detector.pack_key`."""
        with_defaults(self.name, self.defaults, parameters)

    def merge(self, snapshots: Sequence[TreeSnapshot]) -> TreeSnapshot:
        """All members of all snapshots as one."""
        return TreeSnapshot(tuple(model for s in snapshots for model in s.models))

    def load(self, directory: Path) -> TreeSnapshot:
        """The saved models; see `Detector.load`.

        Raises:
            InputError: if the file is missing, damaged or holds a type that is not allowed.
        """
        import skops.io

        path = directory / _MODELS
        try:
            unknown = set(skops.io.get_untrusted_types(file=path)) - set(self.trusted)
        except (OSError, BadZipFile, KeyError, ValueError) as error:
            raise InputError(
                f"{directory} must hold {_MODELS} of one saved detector, but reading it failed: "
                f"{error}. Save it again."
            ) from error
        if unknown:
            raise InputError(
                f"{path} may hold only scikit-learn trees, but got the types "
                f"{json.dumps(sorted(unknown))}; the file was not loaded."
            )
        models: Any = skops.io.load(path, trusted=list(self.trusted))
        return TreeSnapshot(tuple(models))


def balanced_weights(is_data: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) weights n / (2 n_class), so that both classes count the same."""
    n = len(is_data)
    n_data = np.count_nonzero(is_data)
    return np.where(is_data, n / (2 * n_data), n / (2 * (n - n_data)))


def training_rows(
    rows: Rows, member: Member
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
    """Features, classes and balanced weights that train this member."""
    is_data = rows.is_data[member.train]
    return rows.features[member.train], is_data, balanced_weights(is_data)
