"""The columns layout: one 1-d data set per column, what raysearch itself writes.

All columns lie in one group of any name. `mjj` is needed and must state its unit, because a mass in
GeV taken for TeV would leave every mass window empty; `label` is optional; a feature without a unit
counts as dimensionless. Masses in GeV or MeV become TeV.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from raysearch.errors import InputError
from raysearch.events.base import Events
from raysearch.events.hdf5 import check_numeric, datasets_of, missing_column, read_rows, where
from raysearch.events.table import EventFormat, Loaded, Table
from raysearch.files import replacing

_MASS = "mjj"
_LABEL = "label"
_TEV: Mapping[str, float] = {"TeV": 1.0, "GeV": 1e-3, "MeV": 1e-6}
_CHUNK_ROWS = 65536


def write_columns(path: Path | str, events: Events) -> None:
    """Write events as a columns file, whole or not at all.

    Args:
        path: file to write or replace.
        events: at least one event.

    Raises:
        InputError: if there are no events, or a feature has a name the layout cannot hold.
    """
    path = Path(path)
    _check_writable(path, events)
    with replacing(path) as temporary:
        _write(temporary, events)


def _check_writable(path: Path, events: Events) -> None:
    if len(events) == 0:
        raise InputError(f"at least one event is needed to write {path}, but got none.")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder must exist, but does not; create it.")
    for name in events.columns:
        if name in (_MASS, _LABEL, "", ".", "..") or "/" in name:
            raise InputError(
                f"a feature must not be called {_MASS!r}, {_LABEL!r}, '.' or contain '/', but got "
                f"{name!r}; rename it."
            )


def _write(path: Path, events: Events) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("events", track_order=True)
        _write_column(group, _MASS, events.mjj_tev, "TeV")
        for name, unit in zip(events.columns, events.units, strict=True):
            _write_column(group, name, events.column(name), unit)
        if events.labels is not None:
            _write_column(group, _LABEL, events.labels.astype(np.int8), "1")


def _write_column(group: h5py.Group, name: str, values: NDArray[Any], unit: str) -> None:
    chunks = (min(len(values), _CHUNK_ROWS),)
    dataset = group.create_dataset(
        name, data=values, chunks=chunks, compression="gzip", compression_opts=4, shuffle=True
    )
    dataset.attrs["unit"] = unit


def _recognises(file: h5py.File) -> bool:
    datasets = datasets_of(file)
    groups = {name.rpartition("/")[0] for name in datasets}
    return len(groups) == 1 and any(d.ndim == 1 and not d.dtype.names for d in datasets.values())


def _open(file: h5py.File) -> Table:
    group = next(iter(datasets_of(file).values())).parent
    found: dict[str, h5py.Dataset] = {n: d for n, d in group.items() if isinstance(d, h5py.Dataset)}
    if _MASS not in found:
        raise missing_column(where(group), _MASS, found)
    for dataset in found.values():
        _check_column(dataset, len(found[_MASS]))
    units = {name: _unit(dataset) for name, dataset in found.items() if name != _LABEL}
    names = tuple(name for name in units if name != _MASS)
    return Table(
        where(group),
        names,
        tuple("TeV" if units[name] in _TEV else units[name] for name in names),
        len(found[_MASS]),
        _chunk_rows(found[_MASS]),
        sum(dataset.dtype.itemsize for dataset in found.values()),
        _LABEL in found,
        lambda start, stop, columns: _load(found, start, stop, columns),
        lambda loaded, columns: _in_tev(loaded, columns, units),
    )


def _load(
    found: Mapping[str, h5py.Dataset], start: int, stop: int, columns: Sequence[str]
) -> Loaded:
    names = (_MASS, *columns, *((_LABEL,) if _LABEL in found else ()))
    return {name: read_rows(found[name], start, stop) for name in names}


def _in_tev(
    loaded: Loaded, columns: Sequence[str], units: Mapping[str, str]
) -> Iterator[NDArray[np.float64]]:
    for name in (_MASS, *columns):
        yield loaded[name].astype(np.float64) * _TEV.get(units[name], 1.0)


def _check_column(dataset: h5py.Dataset, n_rows: int) -> None:
    check_numeric(dataset, ndim=1)
    if len(dataset) != n_rows:
        raise InputError(
            f"{where(dataset)} must have {n_rows} rows as {_MASS!r} has, but has {len(dataset)}; "
            "write all columns of the same events."
        )


def _unit(dataset: h5py.Dataset) -> str:
    is_mass = dataset.name.rpartition("/")[2] == _MASS
    unit = dataset.attrs.get("unit", "" if is_mass else "1")
    unit = unit.decode() if isinstance(unit, bytes) else str(unit)
    if is_mass and unit not in _TEV:
        raise InputError(
            f"{where(dataset)} must have a `unit` attribute of {', '.join(_TEV)}, but has "
            f"{unit or None!r}; set it, e.g. `dataset.attrs['unit'] = 'TeV'`."
        )
    return unit


def _chunk_rows(dataset: h5py.Dataset) -> int:
    return int(dataset.chunks[0]) if dataset.chunks else 1


COLUMNS = EventFormat("columns", _recognises, _open)
