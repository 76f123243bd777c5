"""Events: what every reader returns and every later step starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from raysearch.errors import InputError, unknown_name

_CHECKED_ROWS = 65536


@dataclass(frozen=True, eq=False)
class Events:
    """Collision events as named columns.

    Its views of the arrays are read-only; the class never changes after construction.

    Attributes:
        features: (n, d) float32, one row per event.
        columns: d names of the features.
        units: d units, "TeV" for masses and "1" for ratios.
        mjj_tev: (n,) float32 invariant mass of the two leading jets, TeV.
        labels: (n,) True for signal, or None where the file has no labels.

    Raises:
        InputError: if types or shapes disagree, names repeat, or a value is not finite.
    """

    features: NDArray[np.float32]
    columns: tuple[str, ...]
    units: tuple[str, ...]
    mjj_tev: NDArray[np.float32]
    labels: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Check the rules of the class and freeze the arrays."""
        _check_types(self)
        _check_shapes(self)
        _check_finite(self)
        for name in _TYPES:
            if (array := getattr(self, name)) is not None:
                view = array.view()
                view.setflags(write=False)
                object.__setattr__(self, name, view)

    def __len__(self) -> int:
        """Number of events."""
        return len(self.mjj_tev)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Events:
        """The events of these rows (indices or mask), in that order."""
        labels = None if self.labels is None else self.labels[rows]
        return Events(self.features[rows], self.columns, self.units, self.mjj_tev[rows], labels)

    def column(self, name: str) -> NDArray[np.float32]:
        """The (n,) values of one feature; an unknown name raises InputError."""
        if name not in self.columns:
            raise unknown_name("column", name, self.columns)
        return self.features[:, self.columns.index(name)]

    def without_labels(self) -> Events:
        """The same events, their labels forgotten."""
        return Events(self.features, self.columns, self.units, self.mjj_tev)


def concatenate(parts: Sequence[Events]) -> Events:
    """All events of the parts in order; labels are kept only if every part has them.

    Raises:
        InputError: if there are no parts or their columns differ.
    """
    if not parts:
        raise InputError("at least one part is needed to concatenate events, but got none.")
    first = parts[0]
    for part in parts[1:]:
        if part.columns != first.columns:
            raise InputError(
                f"events must have the same columns, but got {first.columns} and {part.columns}."
            )
    labels = [part.labels for part in parts if part.labels is not None]
    return Events(
        np.concatenate([part.features for part in parts]),
        first.columns,
        first.units,
        np.concatenate([part.mjj_tev for part in parts]),
        np.concatenate(labels) if len(labels) == len(parts) else None,
    )


# Integer labels would index rows where booleans choose them.
_TYPES = {"features": np.float32, "mjj_tev": np.float32, "labels": np.bool_}


def _check_types(events: Events) -> None:
    for name, wanted in _TYPES.items():
        array = getattr(events, name)
        if array is not None and array.dtype != wanted:
            raise InputError(
                f"{name} must be of type {np.dtype(wanted)}, but got {array.dtype}; "
                f"use .astype({np.dtype(wanted).name!r})."
            )


def _check_shapes(events: Events) -> None:
    n_events, n_columns = events.features.shape
    if not len(events.columns) == len(events.units) == n_columns:
        raise InputError(
            f"features, columns and units must agree, but got {n_columns} features, "
            f"{len(events.columns)} columns and {len(events.units)} units."
        )
    if len(set(events.columns)) != n_columns:
        raise InputError(f"column names must differ, but got {events.columns}.")
    for name, array in (("mjj_tev", events.mjj_tev), ("labels", events.labels)):
        if array is not None and array.shape != (n_events,):
            raise InputError(f"{name} must have shape ({n_events},), but got {array.shape}.")


def _check_finite(events: Events) -> None:
    if _all_finite(events.features) and _all_finite(events.mjj_tev):
        return
    columns = zip(("mjj", *events.columns), (events.mjj_tev, *events.features.T), strict=True)
    for name, values in columns:
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise InputError(
                f"every value must be finite, but column {name!r} has {bad.size} NaN or infinite "
                f"values, the first in row {bad[0]}; remove those events."
            )


def _all_finite(values: NDArray[np.float32]) -> bool:
    # In slices, so that the mask stays small beside the events.
    slices = range(0, len(values), _CHECKED_ROWS)
    return all(bool(np.isfinite(values[i : i + _CHECKED_ROWS]).all()) for i in slices)
