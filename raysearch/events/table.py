"""What a format makes of an open file: a table whose rows can be loaded in slices."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from raysearch.errors import InputError

Loaded = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Table:
    """Events of an open file as named columns.

    Reading and deriving are two steps, so that one slice is read while another is derived.

    Attributes:
        place: file and data set, the first words of an error message.
        columns: names of the features to read.
        units: their units.
        n_rows: number of events.
        chunk_rows: rows of one HDF5 chunk.
        row_bytes: size of one loaded row, bytes.
        has_labels: whether `load` gives a column "label".
        load: the file's own columns in rows start to stop that these features need, or more.
        derive: from loaded columns to mjj (TeV) and then each of these features, (n,) float64.
    """

    place: str
    columns: tuple[str, ...]
    units: tuple[str, ...]
    n_rows: int
    chunk_rows: int
    row_bytes: int
    has_labels: bool
    load: Callable[[int, int, Sequence[str]], Loaded]
    derive: Callable[[Loaded, Sequence[str]], Iterator[NDArray[np.float64]]]

    def only(self, columns: Sequence[str] | None) -> Table:
        """The same events with these features in this order; None keeps all.

        Raises:
            InputError: if a name repeats or is none of the features.
        """
        if columns is None:
            return self
        if missing := [name for name in columns if name not in self.columns]:
            raise _missing_features(self, missing)
        if len(set(columns)) != len(columns):
            raise InputError(f"the columns to read must differ, but got {list(columns)}.")
        units = tuple(self.units[self.columns.index(name)] for name in columns)
        return replace(self, columns=tuple(columns), units=units)

    def rows(self, start: int, stop: int) -> Loaded:
        """The file's own columns in rows start to stop, as `fill` needs them."""
        return self.load(start, stop, self.columns)


@dataclass(frozen=True)
class ParticleTable:
    """Events of an open file as particles.

    Attributes:
        place: file and data set, the first words of an error message.
        shape: shape of one event's particles, e.g. (2100,) for 700 x (pT, eta, phi).
        n_rows: number of events.
        chunk_rows: rows of one HDF5 chunk.
        row_bytes: size of one loaded row, bytes.
        has_labels: whether `load` gives labels.
        load: "particles" (n, *shape) and perhaps "label" (n,) in rows start to stop.
    """

    place: str
    shape: tuple[int, ...]
    n_rows: int
    chunk_rows: int
    row_bytes: int
    has_labels: bool
    load: Callable[[int, int], Loaded]


@dataclass(frozen=True)
class EventFormat:
    """One layout of event files.

    Attributes:
        name: what the layout is called.
        recognises: whether an open file has this layout, by its content.
        open: the table of a recognised file; InputError if it breaks the layout's rules.
    """

    name: str
    recognises: Callable[[h5py.File], bool]
    open: Callable[[h5py.File], Table | ParticleTable]


class Block(NamedTuple):
    """Arrays for the events of some rows: features (n, d), mjj_tev (n,), labels (n,) or None."""

    features: NDArray[np.float32]
    mjj_tev: NDArray[np.float32]
    labels: NDArray[np.bool_] | None

    def rows(self, start: int, stop: int) -> Block:
        """Views of rows start to stop."""
        labels = None if self.labels is None else self.labels[start:stop]
        return Block(self.features[start:stop], self.mjj_tev[start:stop], labels)


def empty_block(table: Table, n_rows: int) -> Block:
    """Uninitialised arrays for `n_rows` events of a table."""
    return Block(
        np.empty((n_rows, len(table.columns)), np.float32),
        np.empty(n_rows, np.float32),
        np.empty(n_rows, np.bool_) if table.has_labels else None,
    )


def fill(block: Block, table: Table, loaded: Loaded, start: int) -> None:
    """Derive the columns of loaded rows into a block of the same length.

    Args:
        block: views of where the result belongs.
        table: what the rows were loaded from.
        loaded: the file's columns.
        start: row of the file where the slice begins, for error messages.

    Raises:
        InputError: if a value is not finite or a label is neither 0 nor 1.
    """
    # One column after the other is fast to compute, one event after the other fast to learn from.
    staged = np.empty((1 + len(table.columns), len(block.mjj_tev)), np.float32)
    with np.errstate(all="ignore"):
        for row, values in zip(staged, table.derive(loaded, table.columns), strict=True):
            row[:] = values
    if not np.isfinite(staged).all():
        raise _not_finite(table, loaded, staged, start)
    block.mjj_tev[:] = staged[0]
    block.features[:] = staged[1:].T
    if block.labels is not None:
        block.labels[:] = checked_labels(table.place, loaded["label"], start)


def checked_labels(place: str, labels: NDArray[Any], start: int) -> NDArray[np.bool_]:
    """Labels as booleans; a value other than 0 and 1 raises InputError."""
    labels = np.ascontiguousarray(labels)
    signal: NDArray[np.bool_] = labels == 1
    allowed = signal | (labels == 0)
    if not allowed.all():
        bad = np.flatnonzero(~allowed)
        raise InputError(
            f"{place}: column 'label' must be 0 or 1, but row {start + bad[0]} has "
            f"{labels[bad[0]]}; map background to 0 and signal to 1."
        )
    return signal


def _not_finite(
    table: Table, loaded: Loaded, staged: NDArray[np.float32], start: int
) -> InputError:
    """Name the file's column if it is to blame, else the derived one."""
    column, row = np.argwhere(~np.isfinite(staged))[0]
    for name, values in loaded.items():
        if not np.isfinite(values[row]):
            return not_finite(f"{table.place}: column {name!r}", start + int(row))
    name = ("mjj", *table.columns)[column]
    return not_finite(f"{table.place}: the derived column {name!r}", start + int(row))


def _missing_features(table: Table, missing: Sequence[str]) -> InputError:
    near = {n for name in missing for n in difflib.get_close_matches(name, table.columns, n=1)}
    hint = f" (the nearest: {', '.join(sorted(near))})" if near else ""
    return InputError(
        f"{table.place} must offer the columns {', '.join(missing)}, but does not{hint}; choose "
        "among those it offers, a feature set of them, or a file with more N-subjettinesses. "
        f"Offered: {', '.join(table.columns) or 'none besides mjj'}."
    )


def not_finite(place: str, row: int) -> InputError:
    """The error for a NaN or infinite value in a row of the file."""
    return InputError(
        f"{place} must be finite, but is NaN or infinite in row {row}; remove such events."
    )
