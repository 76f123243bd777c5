"""What the pages of a Parquet file unpack to, by the header that stands before each.

A footer tells sizes that nobody checks. Who reads a page makes room for what its own header says
and refuses what unpacks to anything else, so that these sizes hold.

References:
    Thrift compact protocol encoding, https://github.com/apache/thrift/tree/master/doc/specs
    Apache Parquet format, https://parquet.apache.org/docs/file-format
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq

# Of a page header: which of its numbers.
_UNPACKED, _PACKED = 2, 3
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_MOST_DEPTH, _VARINT_BYTES = 16, 10


def unpacked_size(path: Path, about: pq.FileMetaData) -> int:
    """Bytes that all pages of a file make room for when they are unpacked.

    Args:
        path: of the file.
        about: its footer, which tells where the pages lie.

    Raises:
        ValueError: if a header is none, or pages share their bytes.
        OSError: if the file cannot be read.
    """
    total, chunks = 0, list(_chunks(about))
    # Else few bytes could be gone through again and again.
    if sum(max(0, end - start) for start, end in chunks) > path.stat().st_size:
        raise ValueError("its columns have more bytes than it has")
    with path.open("rb") as file:
        for start, end in chunks:
            file.seek(start)
            while file.tell() < end:
                unpacked, packed = _sizes(file)
                total += unpacked
                file.seek(packed, 1)
    return total


def _chunks(about: pq.FileMetaData) -> Iterator[tuple[int, int]]:
    """Where the pages of each column begin and end, as Arrow takes it from a footer."""
    for group in range(about.num_row_groups):
        for place in range(about.num_columns):
            column = about.row_group(group).column(place)
            first, start = column.dictionary_page_offset, column.data_page_offset
            start = first if first is not None and 0 < first < start else start
            # Of a column without values no page is read, and its place may be told as any.
            if column.num_values > 0:
                yield start, start + column.total_compressed_size


def _sizes(file: BinaryIO) -> tuple[int, int]:
    """Bytes of the page whose header stands here, unpacked and as it lies in the file."""
    told = _numbers(file)
    unpacked, packed = told.get(_UNPACKED, -1), told.get(_PACKED, -1)
    if unpacked < 0 or packed < 0:
        raise ValueError("a page has no size")
    return unpacked, packed


def _numbers(file: BinaryIO, depth: int = 0) -> dict[int, int]:
    """The 32-bit numbers of a structure, by the place of each in it; what else it has is passed."""
    found, place = dict[int, int](), 0
    while head := _byte(file):
        # Far places are written out.
        place = place + (head >> 4) if head >> 4 else _signed(_varint(file))
        if (kind := head & 15) == _I32:
            found[place] = _signed(_varint(file) & 0xFFFFFFFF)
        elif kind not in (_TRUE, _FALSE):  # a truth of a structure is its kind
            _pass(file, kind, depth + 1)
    return found


def _pass(file: BinaryIO, kind: int, depth: int) -> None:
    """Read on behind a value."""
    if depth > _MOST_DEPTH:
        raise ValueError("a page header has structures within structures")
    if kind in (_TRUE, _FALSE, _BYTE):
        _byte(file)
    elif kind in (_I16, _I32, _I64):
        _varint(file)
    elif kind in (_DOUBLE, _BINARY):
        file.seek(8 if kind == _DOUBLE else _varint(file) & 0xFFFFFFFF, 1)
    elif kind in (_LIST, _SET):
        head = _byte(file)
        for _ in range(head >> 4 if head >> 4 < 15 else _varint(file)):
            _pass(file, head & 15, depth + 1)
    elif kind == _STRUCT:
        _numbers(file, depth)
    else:  # no header has a map
        raise ValueError("a page header has a value of no kind")


def _byte(file: BinaryIO) -> int:
    if not (read := file.read(1)):
        raise ValueError("a page header ends amid a value")
    return read[0]


def _varint(file: BinaryIO) -> int:
    found = 0
    for k in range(_VARINT_BYTES):
        byte = _byte(file)
        found |= (byte & 127) << 7 * k
        if byte < 128:
            return found
    raise ValueError("a page header has a number of too many bytes")


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)
