"""HDF5 files of some kB that read as many GB: refused before memory is asked for.

A data set has the shape that its file declares, whatever was written of it: chunks that are not
there read as a constant, many names may stand for one data set, one chunk may be larger than all of
its rows, and a filter makes a thousand bytes of one, two of them a million. A chunk moreover
unpacks to what it holds, whatever its data set declares.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py

from raysearch import unpacking
from raysearch.errors import InputError

# Gzip makes at most so many bytes of one. It makes larger what it cannot make smaller, by little.
_GZIP_TIMES, _SLACK = 1032, 1024
_INPUT_BYTES, _OUTPUT_BYTES = 2**14, 2**20
_GZIP, _BLOSC = int(h5py.h5z.FILTER_DEFLATE), 32001
# They make nothing larger.
_SHUFFLE, _CHECKSUM = int(h5py.h5z.FILTER_SHUFFLE), int(h5py.h5z.FILTER_FLETCHER32)
# Bytes of what is packed, of a block, and of the packed chunk, after four of versions and flags.
_BLOSC_HEADER = struct.Struct("<4xIII")


class Packing(NamedTuple):
    """How the chunks of a data set are packed.

    Attributes:
        code: of the filter.
        place: in the pipeline.
    """

    code: int
    place: int


def refuse_swollen(file: h5py.File) -> None:
    """Refuse a file that tells of far more memory than disk, or packs in other ways than we know.

    Raises:
        InputError: if its data sets are many times its size, or a filter is another than gzip,
            Blosc, shuffle and fletcher32.
    """
    size, declared = Path(file.filename).stat().st_size, 0
    # Each name counts: a column may have many.
    for item in _datasets(file):
        values = max(math.prod(item.shape or ()), math.prod(item.chunks or ()))
        declared += values * item.dtype.itemsize
        _packing(item)
    if declared > unpacking.most_in_memory(size):
        raise InputError(
            f"{file.filename} must hold the events that it tells of, but has {size} bytes, and "
            f"tells of {declared} bytes of data; if they are events all the same, write them "
            "without compression, e.g. `h5repack -f NONE in.h5 out.h5`."
        )


def refuse_swollen_chunks(file: h5py.File) -> None:
    """Refuse a file of which a chunk holds more than it is said to; this reads most of the file.

    Raises:
        InputError: if there is such a chunk.
    """
    size = Path(file.filename).stat().st_size
    each = {h5py.h5o.get_info(item.id).addr: item for item in _datasets(file)}
    for dataset in each.values():
        packing = _packing(dataset)
        if packing is not None and (packing.code != _GZIP or _is_large(size)):
            _check_chunks(dataset, packing)


def _datasets(file: h5py.File) -> list[h5py.Dataset]:
    """The data sets by all of their names."""
    found: list[h5py.Dataset] = []

    def add(name: str | bytes, link: object) -> None:
        item = file[name] if isinstance(link, h5py.HardLink) else None
        if isinstance(item, h5py.Dataset):
            found.append(item)

    file.visititems_links(add)
    return found


def _packing(dataset: h5py.Dataset) -> Packing | None:
    """The one filter that makes chunks smaller, or None; InputError if there are others."""
    plist = dataset.id.get_create_plist()
    codes = [int(plist.get_filter(place)[0]) for place in range(plist.get_nfilters())]
    packings = [Packing(c, k) for k, c in enumerate(codes) if c not in (_SHUFFLE, _CHECKSUM)]
    unknown = [each.code for each in packings if each.code not in (_GZIP, _BLOSC)]
    # What is shuffled after it was packed could not be looked at.
    is_mixed = len(packings) > 1 or (packings and _SHUFFLE in codes[packings[0].place :])
    if unknown or is_mixed:
        which = f"filter {unknown[0]}" if unknown else f"the filters {codes}, one after another"
        raise InputError(
            f"{dataset.file.filename}: {dataset.name!r} must be compressed with gzip, Blosc or not "
            f"at all, but has HDF5 {which}; rewrite it, e.g. `h5repack -f GZIP=4 in.h5 out.h5`."
        )
    return packings[0] if packings else None


def _check_chunks(dataset: h5py.Dataset, packing: Packing) -> None:
    whole = math.prod(dataset.chunks) * dataset.dtype.itemsize
    most = whole + whole // 64 + _SLACK

    def check(chunk: h5py.h5d.StoreInfo) -> None:
        # A filter that was of no use was left out.
        is_packed = not chunk.filter_mask >> packing.place & 1
        if chunk.size > most or (is_packed and _unpacked(dataset, packing, chunk, most) > most):
            raise InputError(
                f"{dataset.file.filename}: {dataset.name!r} must have chunks of {whole} bytes, but "
                f"that at {chunk.chunk_offset} holds more; the file is damaged or not to be "
                "trusted: copy or download it again."
            )

    dataset.id.chunk_iter(check)


def _is_large(packed: int) -> bool:
    """Whether so many bytes of gzip may unpack to more than what is always fine."""
    return packed * _GZIP_TIMES > unpacking.ALWAYS_FINE


def _unpacked(dataset: h5py.Dataset, packing: Packing, chunk: h5py.h5d.StoreInfo, most: int) -> int:
    """Bytes of a chunk when unpacked, or of as much of it as tells that they are too many."""
    if packing.code == _GZIP and not _is_large(chunk.size):
        return 0
    _, packed = dataset.id.read_direct_chunk(chunk.chunk_offset)
    if packing.code == _BLOSC:
        return _blosc_bytes(packed)
    total = 0
    for part in _gzip_parts(packed):
        total += part
        if total > most:
            break
    return total


def _blosc_bytes(packed: bytes) -> int:
    """Bytes of memory that Blosc asks for, as its header tells."""
    if len(packed) < _BLOSC_HEADER.size:
        return 0  # reading it says more
    whole, block, _ = _BLOSC_HEADER.unpack_from(packed)
    return int(max(whole, block))


def _gzip_parts(packed: bytes) -> Iterator[int]:
    """Bytes that were unpacked, a part after another, none of which is kept."""
    stream = zlib.decompressobj()
    try:
        for start in range(0, len(packed), _INPUT_BYTES):
            rest = packed[start : start + _INPUT_BYTES]
            while rest and not stream.eof:
                yield len(stream.decompress(rest, _OUTPUT_BYTES))
                rest = stream.unconsumed_tail
    except zlib.error:
        return  # reading it says more
