"""What a test compares: columns of events, files or arrays, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raysearch.errors import InputError, unknown_name
from raysearch.events import Events, read_events
from raysearch.nplm.arrays import Floats
from raysearch.nplm.overlap import check_disjoint
from raysearch.progress import Say

Source = Events | Path | str | NDArray[Any]

_MASS = "mjj"
# Of a correlation from 1: single precision gives equal columns about 1e-14.
_LEAST_DIFFERENCE = 1e-10


@dataclass(frozen=True, eq=False)
class Points:
    """Rows of named columns.

    Attributes:
        values: (n, d) the columns in use.
        columns: d names.
        identity: (n, k) everything known of each event, by which it is recognised.
        known: k names of what is known.
        weights: (n,) or None.
        weight_column: name of the column that held the weights.
    """

    values: Floats
    columns: tuple[str, ...]
    identity: Floats
    known: tuple[str, ...]
    weights: Floats | None = None
    weight_column: str | None = None

    def known_by(self, names: Sequence[str]) -> Floats:
        """(n, j) what is known of each event under these names."""
        return self.identity[:, [self.known.index(name) for name in names]]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.values)


def read_class(
    source: Source,
    name: str,
    is_signal: bool,
    columns: Sequence[str] | None = None,
    weights: str | None = None,
    say: Say = print,
) -> Points:
    """The chosen columns of the events of one class, where the source tells classes apart.

    Args:
        source: what to read.
        name: of the sample, for what is said.
        is_signal: which class; a source without labels is taken as a whole.
        columns: see `read_points`.
        weights: see `read_points`.
        say: is told how many rows are left out.

    Raises:
        InputError: if no event is of the class; else as `read_points`.
    """
    events = _events(source, columns, weights)
    if isinstance(events, Events) and events.labels is not None:
        rows = np.flatnonzero(events.labels == is_signal)
        if not len(rows):
            raise InputError(
                f"the {name} must hold events with label {int(is_signal)}, but all "
                f"{len(events)} have the other; give another file."
            )
        if len(rows) < len(events):
            kind = "signal" if is_signal else "background"
            say(f"{name}: the {len(rows)} {kind} events among {len(events)}, by their labels")
            events = events.take(rows)
    return read_points(events, columns, weights)


def read_points(
    source: Source, columns: Sequence[str] | None = None, weights: str | None = None
) -> Points:
    """The chosen columns of events, of an event file or of an array.

    Args:
        source: what to read; the columns of an array are called x0, x1, ...
        columns: which, ``mjj`` among them if wanted; all features by default.
        weights: name of the column that holds the weight of each event.

    Raises:
        InputError: if the file cannot be read, a column is missing or a value is not finite.
    """
    if isinstance(source, np.ndarray):
        return _of_table(_checked(source), columns, weights)
    events = _events(source, columns, weights)
    table = {_MASS: events.mjj_tev} | dict(zip(events.columns, events.features.T, strict=True))
    names = columns or [name for name in events.columns if name != weights]
    return _chosen({n: v.astype(np.float64) for n, v in table.items()}, names, weights)


def check_pair(data: Points, reference: Points) -> None:
    """Check that the two samples can be compared.

    Raises:
        InputError: if columns differ, are constant or copies, the reference is smaller than the
            data or shares events with them, or a weight is negative.
    """
    if data.columns != reference.columns:
        raise InputError(
            f"data and reference must have the same columns, but got {', '.join(data.columns)} and "
            f"{', '.join(reference.columns)}; choose common ones with --columns."
        )
    if len(data) == 0:
        raise InputError("the data must hold events, but have none.")
    if len(reference) < len(data):
        raise InputError(
            f"the reference must not be smaller than the data, but has {len(reference)} events "
            f"beside {len(data)}; give a larger one, several times the data at best."
        )
    _check_weights(reference.weights)
    _check_columns(reference)
    common = [name for name in data.known if name in reference.known]
    check_disjoint(*(points.known_by(common) for points in (data, reference)))


def _events(source: Source, columns: Sequence[str] | None, weights: str | None) -> Any:
    if not isinstance(source, Path | str):
        return source
    wanted = None if columns is None else [*columns, *([weights] if weights else [])]
    return read_events(source, None if wanted is None else [c for c in wanted if c != _MASS])


def _checked(points: NDArray[Any]) -> Floats:
    if points.ndim not in (1, 2) or points.dtype.kind not in "fiub":
        raise InputError(
            f"an array of points must be numeric with shape (n, d), but got {points.dtype} of "
            f"shape {points.shape}."
        )
    values = points.astype(np.float64)
    values = values[:, None] if values.ndim == 1 else values
    bad = int((~np.isfinite(values)).any(axis=1).sum())
    if bad:
        raise InputError(
            f"every value must be finite, but {bad} rows hold NaN or infinite values; remove them."
        )
    return values


def _of_table(values: Floats, columns: Sequence[str] | None, weights: str | None) -> Points:
    table = {f"x{k}": column for k, column in enumerate(values.T)}
    return _chosen(table, columns or [name for name in table if name != weights], weights)


def _chosen(table: dict[str, Floats], columns: Sequence[str], weights: str | None) -> Points:
    for name in (*columns, *([weights] if weights else [])):
        if name not in table:
            raise unknown_name("column", name, table)
    if len(set(columns)) != len(columns) or not columns:
        raise InputError(f"columns must be given and differ, but got {', '.join(columns)!r}.")
    known = tuple(name for name in table if name != weights)
    identity = np.column_stack([table[name] for name in known])
    values = np.column_stack([table[name] for name in columns])
    of_events = table[weights] if weights else None
    return Points(values, tuple(columns), identity, known, of_events, weights)


def _check_weights(weights: Floats | None) -> None:
    if weights is None:
        return
    if weights.min() < 0:
        raise InputError(
            f"weights of the reference must not be negative, but {int((weights < 0).sum())} are, "
            f"the smallest {weights.min():g}; a signed sample has no toys: use positive weights."
        )
    if weights.sum() == 0:
        raise InputError("weights of the reference must not all be 0.")


def _check_columns(reference: Points) -> None:
    rows = reference.values
    if reference.weights is not None:
        # Events of weight 0 are not there: nothing is standardised by them.
        rows = rows[reference.weights > 0]
    for name, values in zip(reference.columns, rows.T, strict=True):
        if values.min() == values.max():
            raise InputError(
                f"a column must vary, but {name!r} is {values[0]:g} in every event of the "
                "reference, and its kernels would have sigma = 0; leave it out of --columns."
            )
    correlation = np.atleast_2d(np.corrcoef(rows.T))
    for k, name in enumerate(reference.columns):
        for j in range(k):
            if abs(correlation[j, k]) > 1 - _LEAST_DIFFERENCE:
                raise InputError(
                    f"columns must differ, but {reference.columns[j]!r} and {name!r} hold the same "
                    f"values up to scale and shift (correlation {correlation[j, k]:.12g}); leave "
                    "one out of --columns."
                )
