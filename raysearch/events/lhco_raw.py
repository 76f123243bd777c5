"""LHC Olympics raw events: 700 particles x (pT, eta, phi), zero-padded, and perhaps a label.

References:
    The LHC Olympics 2020 (Kasieczka et al., 2021), arXiv:2101.08320; Zenodo 4536377
"""

from __future__ import annotations

from typing import Any

import h5py
from numpy.typing import NDArray

from raysearch.events.fixed_store import FrameBlock, axis_kind, find_frame, open_frame
from raysearch.events.hdf5 import missing_column, read_rows
from raysearch.events.table import EventFormat, ParticleTable

_N_VALUES = 3 * 700
_LABEL = str(_N_VALUES)


def _recognises(file: h5py.File) -> bool:
    group = find_frame(file)
    if group is None or axis_kind(group) not in "iu":
        return False
    return group["axis0"].shape in ((_N_VALUES,), (_N_VALUES + 1,))


def _open(file: h5py.File) -> ParticleTable:
    frame = open_frame(file)
    widest = max(frame.blocks, key=lambda block: len(block.names))
    for position, name in enumerate(map(str, range(_N_VALUES))):
        if widest.names[position : position + 1] != (name,):
            raise missing_column(frame.place, name, widest.names)
    labels = next((block for block in frame.blocks if _LABEL in block.names), None)
    return ParticleTable(
        frame.place,
        (_N_VALUES,),
        frame.n_rows,
        frame.chunk_rows,
        frame.row_bytes,
        labels is not None,
        lambda start, stop: _load(widest, labels, start, stop),
    )


def _load(
    particles: FrameBlock, labels: FrameBlock | None, start: int, stop: int
) -> dict[str, NDArray[Any]]:
    rows = read_rows(particles.values, start, stop)
    loaded = {"particles": rows[:, :_N_VALUES]}
    if labels is not None:
        own = labels is particles
        label_rows = rows if own else read_rows(labels.values, start, stop)
        loaded["label"] = label_rows[:, labels.names.index(_LABEL)]
    return loaded


LHCO_RAW = EventFormat("LHCO raw", _recognises, _open)
