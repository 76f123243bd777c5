"""LHC Olympics features: two leading jets with momenta, masses and tau1 to tau3.

References:
    The LHC Olympics 2020 (Kasieczka et al., 2021), arXiv:2101.08320; Zenodo 4536377 and 5759087
"""

from __future__ import annotations

import h5py

from raysearch.events.dijets import (
    Subjettiness,
    dijet_columns,
    dijet_units,
    dijets,
    needed_columns,
)
from raysearch.events.fixed_store import axis_kind, find_frame, open_frame
from raysearch.events.table import EventFormat, Table

TAUS = Subjettiness(n_taus=3)


def open_dijets(file: h5py.File, taus: Subjettiness) -> Table:
    """The canonical dijet table of a frame with these N-subjettinesses."""
    frame = open_frame(file)
    has_labels = "label" in frame.columns
    frame = frame.only((*needed_columns(taus), *(("label",) if has_labels else ())))
    return Table(
        frame.place,
        dijet_columns(taus),
        dijet_units(taus),
        frame.n_rows,
        frame.chunk_rows,
        frame.row_bytes,
        has_labels,
        lambda start, stop, _: frame.load(start, stop),
        lambda loaded, columns: dijets(loaded, columns, taus),
    )


def names_of(file: h5py.File) -> frozenset[str]:
    """Column names of the frame in a file, if it has one with names."""
    group = find_frame(file)
    if group is None or axis_kind(group) != "S":
        return frozenset()
    return frozenset(name.decode() for name in group["axis0"][()].tolist())


def _recognises(file: h5py.File) -> bool:
    # One column may be missing: that is an error to explain, not another layout.
    return len(names_of(file).intersection(needed_columns(TAUS))) > 1


LHCO_FEATURES = EventFormat("LHCO features", _recognises, lambda file: open_dijets(file, TAUS))
