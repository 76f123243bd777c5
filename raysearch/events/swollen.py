"""HDF5 files of some kB that read as many GB: refused before memory is asked for.

A data set has the shape that its file declares, whatever was written of it: chunks that are not
there read as a constant, many names may stand for one data set, and gzip makes a thousand bytes of
one. A chunk of gzip moreover unpacks to what it holds, whatever its data set declares.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import h5py

from raysearch import unpacking
from raysearch.errors import InputError

# Gzip makes at most so many bytes of one. It makes larger what it cannot make smaller, by little.
_GZIP_TIMES, _GZIP_SLACK = 1032, 1024


def refuse_swollen(file: h5py.File) -> None:
    """Refuse a file that would take far more memory than disk.

    Raises:
        InputError: if its data sets, or what a chunk of them holds, are many times its size.
    """
    size, declared, packed = Path(file.filename).stat().st_size, 0, list[h5py.Dataset]()

    def add(name: str | bytes, link: object) -> None:
        nonlocal declared
        item = file[name] if isinstance(link, h5py.HardLink) else None
        if isinstance(item, h5py.Dataset):
            declared += math.prod(item.shape or ()) * item.dtype.itemsize
            if item.compression == "gzip":
                packed.append(item)

    # Each name counts: a column may have many.
    file.visititems_links(add)
    if declared > unpacking.most_in_memory(size):
        raise InputError(
            f"{file.filename} must hold the events that it tells of, but has {size} bytes, and "
            f"tells of {declared} bytes of data; if they are events all the same, write them "
            "without compression, e.g. `h5repack -f NONE in.h5 out.h5`."
        )
    if size * _GZIP_TIMES > unpacking.ALWAYS_FINE:
        for dataset in packed:
            _check_chunks(dataset)


def _check_chunks(dataset: h5py.Dataset) -> None:
    whole = math.prod(dataset.chunks) * dataset.dtype.itemsize

    def check(chunk: h5py.h5d.StoreInfo) -> None:
        most = whole + whole // 64 + _GZIP_SLACK
        if chunk.size > most or (_is_large(chunk.size) and _unpacked(dataset, chunk, most) > most):
            raise InputError(
                f"{dataset.file.filename}: {dataset.name!r} must have chunks of {whole} bytes, but "
                f"that at {chunk.chunk_offset} holds more; the file is damaged or not to be "
                "trusted: copy or download it again."
            )

    dataset.id.chunk_iter(check)


def _is_large(packed: int) -> bool:
    """Whether so many bytes may unpack to more than what is always fine."""
    return packed * _GZIP_TIMES > unpacking.ALWAYS_FINE


def _unpacked(dataset: h5py.Dataset, chunk: h5py.h5d.StoreInfo, most: int) -> int:
    """Bytes of a chunk when unpacked; no more of them are made than tell that they are too many."""
    _, packed = dataset.id.read_direct_chunk(chunk.chunk_offset)
    try:
        return len(zlib.decompressobj().decompress(packed, most + 1))
    except zlib.error:
        return 0  # reading it says more
