"""ADC2021: 19 objects x (pT, eta, phi, class) of each event.

References:
    Anomaly detection data challenge 2021 (Govorkova et al., 2021), arXiv:2107.02157; Zenodo 5046389
"""

from __future__ import annotations

import h5py

from raysearch.errors import InputError
from raysearch.events.hdf5 import check_numeric, read_rows, where
from raysearch.events.table import EventFormat, ParticleTable

_SHAPE = (19, 4)


def _recognises(file: h5py.File) -> bool:
    return isinstance(file.get("Particles"), h5py.Dataset) and "Particles_Names" in file


def _open(file: h5py.File) -> ParticleTable:
    dataset = file["Particles"]
    check_numeric(dataset, ndim=3)
    if dataset.shape[1:] != _SHAPE:
        raise InputError(
            f"{where(dataset)} must have shape (N, 19, 4), but has {dataset.shape}; download it "
            "again."
        )
    return ParticleTable(
        where(dataset),
        _SHAPE,
        dataset.shape[0],
        dataset.chunks[0] if dataset.chunks else 1,
        dataset.dtype.itemsize * 19 * 4,
        False,
        lambda start, stop: {"particles": read_rows(dataset, start, stop)},
    )


ADC2021 = EventFormat("ADC2021", _recognises, _open)
