"""What every detector is: fit members of an ensemble, yield snapshots, score events."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

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


S_co = TypeVar("S_co", bound=Snapshot, covariant=True)


class Fit(Protocol[S_co]):
    """Members in training: each step trains one more epoch and gives a snapshot."""

    def __iter__(self) -> Iterator[S_co]:
        """Itself."""
        ...

    def __next__(self) -> S_co:
        """All members that are kept, after one more epoch."""
        ...

    def keep(self, members: Sequence[int]) -> None:
        """Train these members alone from now on, in this order."""
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

    def pack_key(self, parameters: Parameters) -> Hashable | None:
        """What has to be equal for two setups to be fitted by one call of `fit`.

        Returns:
            None if fitting them together is of no use.

        Raises:
            InputError: if a hyperparameter is unknown or out of range.
        """
        ...

    def fit(
        self,
        rows: Rows,
        members: Sequence[Member],
        parameters: Sequence[Parameters],
        *,
        epochs: int | None,
    ) -> Fit[Snapshot]:
        """Train the members, yielding a snapshot after every epoch.

        Trees yield once. A caller that has seen enough stops iterating.

        Args:
            rows: all rows the members choose theirs from.
            members: K fits.
            parameters: hyperparameters of each; those left out take their default.
            epochs: how many at most; None for the detector's own number.

        Raises:
            InputError: if a hyperparameter is unknown, or the pack keys differ.
        """
        ...

    def merge(self, snapshots: Sequence[Any]) -> Snapshot:
        """One snapshot of all members of all snapshots of this detector."""
        ...

    def load(self, directory: Path) -> Snapshot:
        """The snapshot that `Snapshot.save` wrote; runs no code from the directory."""
        ...


class OneEpoch(Generic[S_co]):
    """The fit of a detector without epochs: all members at once, when the caller asks for them."""

    def __init__(self, fit: Callable[[Sequence[int]], S_co], members: int) -> None:
        """Fit by `fit`, called with the places of the members that are kept."""
        self._fit, self._members = fit, list(range(members))
        self._done = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> S_co:
        """The fitted members, once."""
        if self._done:
            raise StopIteration
        self._done = True
        return self._fit(self._members)

    def keep(self, members: Sequence[int]) -> None:
        """Fit these members alone."""
        self._members = [self._members[k] for k in members]


def with_defaults(detector: str, defaults: Parameters, parameters: Parameters) -> Parameters:
    """The parameters completed by the defaults.

    Raises:
        InputError: if a parameter is none of the detector's, with the nearest one it has.
    """
    for name in parameters:
        if name not in defaults:
            raise unknown_name(f"{detector} parameter", name, defaults)
    return {**defaults, **parameters}
