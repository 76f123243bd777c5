"""What every detector is: fit members of an ensemble, yield snapshots, score events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from raysearch.errors import unknown_name
from raysearch.samples import Rows

Scalar = int | float | str | bool
Parameters = Mapping[str, Scalar]


@dataclass(frozen=True, eq=False)
class Member:
    """One of the K independent fits of an ensemble.

    Attributes:
        train: rows that train this member.
        validation: rows that it never trains on; it may stop early on them.
        seed: everything random in this member follows from it.
    """

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    seed: int


class Snapshot(Protocol):
    """K fitted members at one moment of their training."""

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log odds of data against template, larger is more anomalous.

        Args:
            features: (n, d) the same events for all members, or (K, n, d), a block for each.

        Returns:
            (K, n) scores, all finite.
        """
        ...

    def take(self, members: Sequence[int]) -> Self:
        """The snapshot of these members alone, in this order."""
        ...

    def save(self, directory: Path) -> None:
        """Write the members to an existing directory, without pickle."""
        ...


class Detector(Protocol):
    """A family of anomaly detectors with its hyperparameters.

    Attributes:
        name: how the user calls it.
        defaults: every hyperparameter with its default value.
        search_epochs: epochs of a trial; 1 for detectors that have none.
        ensemble_size: members of the final ensemble.
        final_epochs: epochs of the final ensemble's training; None where there are none.
    """

    @property
    def name(self) -> str:
        """How the user calls it."""
        ...

    @property
    def defaults(self) -> Parameters:
        """Every hyperparameter with its default value."""
        ...

    @property
    def search_epochs(self) -> int:
        """Epochs of a trial; 1 for detectors that have none."""
        ...

    @property
    def ensemble_size(self) -> int:
        """Members of the final ensemble."""
        ...

    @property
    def final_epochs(self) -> int | None:
        """Epochs of the final ensemble's training; None where there are none."""
        ...

    def fit(
        self, rows: Rows, members: Sequence[Member], parameters: Parameters, *, epochs: int | None
    ) -> Iterator[Snapshot]:
        """Train the members, yielding a snapshot after every epoch.

        Trees yield once. A caller that has seen enough stops iterating.

        Args:
            rows: all rows the members choose theirs from.
            members: K fits.
            parameters: hyperparameters; those left out take their default.
            epochs: how many at most; None for the detector's own number.

        Raises:
            InputError: if a hyperparameter is unknown.
        """
        ...

    def merge(self, snapshots: Sequence[Any]) -> Snapshot:
        """One snapshot of all members of all snapshots of this detector."""
        ...

    def load(self, directory: Path) -> Snapshot:
        """The snapshot that `Snapshot.save` wrote; runs no code from the directory."""
        ...


def with_defaults(detector: str, defaults: Parameters, parameters: Parameters) -> Parameters:
    """The parameters completed by the defaults.

    Raises:
        InputError: if a parameter is none of the detector's, with the nearest one it has.
    """
    for name in parameters:
        if name not in defaults:
            raise unknown_name(f"{detector} parameter", name, defaults)
    return {**defaults, **parameters}
