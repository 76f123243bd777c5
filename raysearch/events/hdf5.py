"""HDF5 files from strangers: opened read-only, and only what lies inside the file itself.

A data set with external storage, a virtual data set or a link may hand out the bytes of any file
the user can read; none of them has a place in an event file. `hdf5plugin` has the Blosc
filter of the official LHC Olympics files.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from raysearch.errors import InputError
from raysearch.events.swollen import refuse_swollen, refuse_swollen_chunks
from raysearch.malformed import refusing

_LISTED = 12

# Importing it would do; said aloud, since nothing else here names it.
hdf5plugin.register("blosc", force=False)


@contextmanager
def open_hdf5(path: Path | str, *, is_known: bool = False) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading and refuse data that lie outside of it.

    Args:
        path: of the file.
        is_known: it was opened before, so its chunks are not looked at, which takes long.

    Raises:
        InputError: if the file is missing, truncated, not HDF5, refers to other files, would take
            far more memory than disk, or is compressed in other ways than with gzip or Blosc.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"an event file must exist, but {str(path)!r} is no file; check the path.")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(
            f"{path}: not an HDF5 file, or truncated ({error}); copy or download it again."
        ) from error
    rule = "an event file must be whole HDF5 of a known layout"
    with refusing(path, rule, "copy or download it again"), file:
        _refuse_foreign(file)
        refuse_swollen(file)
        if not is_known:
            refuse_swollen_chunks(file)
        yield file


def datasets_of(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Every data set of the file by its full name."""
    found: dict[str, h5py.Dataset] = {}

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found["/" + name] = item

    file.visititems(keep)
    return found


def layout_of(file: h5py.File) -> str:
    """What a file holds, for an error message: names and shapes of its data sets."""
    found = [f"{name} {dataset.shape}" for name, dataset in datasets_of(file).items()]
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return (", ".join(found[:_LISTED]) or "no data sets") + more


def where(item: h5py.Dataset | h5py.Group) -> str:
    """File and name of a data set or group, the first words of an error message."""
    return f"{item.file.filename}: {item.name!r}"


def check_numeric(dataset: h5py.Dataset, ndim: int) -> None:
    """Check that a data set can be read as numbers, before any of it is.

    Raises:
        InputError: if it has another dimension, no rows, is not numeric (pickled objects are never
            unpickled).
    """
    if dataset.dtype.kind not in "fiub":
        raise InputError(
            f"{where(dataset)} must be numeric, but has dtype {dataset.dtype} (objects are never "
            "unpickled); write it as numbers."
        )
    if dataset.ndim != ndim:
        raise InputError(
            f"{where(dataset)} must have {ndim} dimension(s), but has shape {dataset.shape}; "
            "rewrite the file in one of the known layouts."
        )
    if dataset.shape[0] == 0 or dataset.id.get_storage_size() == 0:
        raise InputError(
            f"{where(dataset)} must hold events, but has none (shape {dataset.shape}); check how "
            "the file was written."
        )


def read_rows(dataset: h5py.Dataset, start: int, stop: int) -> NDArray[Any]:
    """Rows start to stop of a data set; damaged data raise InputError."""
    try:
        return np.asarray(dataset[start:stop])
    except OSError as error:
        raise InputError(
            f"{where(dataset)} cannot be read in rows {start} to {stop} ({error}); the file is "
            "damaged: copy or download it again."
        ) from error


def missing_column(place: str, name: str, found: Iterable[str]) -> InputError:
    """The error for a column that a layout needs and the file does not have."""
    names = list(found)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    hint = f"the nearest is {near[0]!r}" if near else "it has no columns"
    return InputError(
        f"{place} must have a column {name!r}, but {hint}; rename or add it. "
        f"Found: {', '.join(names[:40])}."
    )


def _refuse_foreign(file: h5py.File) -> None:
    """Refuse links other than hard ones, external storage and virtual data sets."""
    foreign: list[str] = []

    def keep(name: str | bytes, link: object) -> None:
        if not isinstance(link, h5py.HardLink):
            foreign.append(f"{name!r} is a {type(link).__name__}")

    file.visititems_links(keep)
    for name, dataset in datasets_of(file).items():
        if dataset.external:
            foreign.append(f"{name!r} has external storage")
        if dataset.is_virtual:
            foreign.append(f"{name!r} is a virtual data set")
    if foreign:
        raise InputError(
            f"{file.filename}: an event file must hold its own data, but {'; '.join(foreign)}; "
            "copy the data into the file."
        )
