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
from typing import BinaryIO, NamedTuple

import pyarrow.parquet as pq

# Of a page header: which of its numbers.
_UNPACKED, _PACKED = 2, 3
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_MOST_DEPTH, _VARINT_BYTES = 16, 10
# Arrow reads no longer header either.
_MOST_BYTES = 2**24


def unpacked_size(path: Path, about: pq.FileMetaData) -> int:
    """Bytes that all pages of a file make room for when they are unpacked.

    Args:
        path: of the file.
        about: its footer, which tells where the pages lie.

    Raises:
        ValueError: if a header is none, pages share their bytes, or a column has more of them than
            values.
        OSError: if the file cannot be read.
    """
    chunks, size = list(_chunks(about)), path.stat().st_size
    # Else few bytes could be gone through again and again.
    if sum(max(0, chunk.end - chunk.start) for chunk in chunks) > size:
        raise ValueError("its columns have more bytes than it has")
    with path.open("rb") as file:
        return sum(_unpacked(file, size, chunk) for chunk in chunks)


class _Chunk(NamedTuple):
    """Where the pages of a column begin and end, and how many there are at most."""

    start: int
    end: int
    most: int


def _unpacked(file: BinaryIO, size: int, chunk: _Chunk) -> int:
    """Bytes that the pages of one column of a file of this size make room for."""
    total, pages = 0, 0
    file.seek(chunk.start)
    while (here := file.tell()) < chunk.end:
        # Pages without values have few bytes, and there could be as many as the file has room for.
        if (pages := pages + 1) > chunk.most:
            raise ValueError("a column has more pages than values")
        unpacked, packed = _sizes(_Header(file, min(_MOST_BYTES, size - here)))
        total += unpacked
        file.seek(packed, 1)
    return total


def _chunks(about: pq.FileMetaData) -> Iterator[_Chunk]:
    """The pages of each column, as Arrow takes it from a footer."""
    for group in range(about.num_row_groups):
        for place in range(about.num_columns):
            column = about.row_group(group).column(place)
            first, start = column.dictionary_page_offset, column.data_page_offset
            start = first if first is not None and 0 < first < start else start
            # Of a column without values no page is read, and its place may be told as any.
            if column.num_values > 0:
                # The first one may be a dictionary.
                yield _Chunk(start, start + column.total_compressed_size, column.num_values + 1)


class _Header:
    """The bytes of a page header, one after the other.

    Attributes:
        left: how many there can still be.
    """

    def __init__(self, file: BinaryIO, most: int) -> None:
        """Begin where the file stands."""
        self._file, self.left = file, most

    def read(self, size: int) -> bytes:
        """So many of them."""
        if size > self.left or len(read := self._file.read(size)) < size:
            raise ValueError("a page header ends amid a value, or not within 16 MiB")
        self.left -= size
        return read


def _sizes(file: _Header) -> tuple[int, int]:
    """Bytes of the page whose header stands here, unpacked and as it lies in the file."""
    told = _numbers(file)
    unpacked, packed = told.get(_UNPACKED, -1), told.get(_PACKED, -1)
    if unpacked < 0 or packed < 0:
        raise ValueError("a page has no size")
    return unpacked, packed


def _numbers(file: _Header, depth: int = 0) -> dict[int, int]:
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


def _pass(file: _Header, kind: int, depth: int) -> None:
    """Read on behind a value."""
    if depth > _MOST_DEPTH:
        raise ValueError("a page header has structures within structures")
    if kind in (_TRUE, _FALSE, _BYTE):
        _byte(file)
    elif kind in (_I16, _I32, _I64):
        _varint(file)
    elif kind in (_DOUBLE, _BINARY):
        file.read(8 if kind == _DOUBLE else _varint(file) & 0xFFFFFFFF)
    elif kind in (_LIST, _SET):
        head = _byte(file)
        count = head >> 4 if head >> 4 < 15 else _varint(file)
        if count > file.left:  # none has less than a byte
            raise ValueError("a page header has a list of more values than bytes")
        for _ in range(count):
            _pass(file, head & 15, depth + 1)
    elif kind == _STRUCT:
        _numbers(file, depth)
    else:  # no header has a map
        raise ValueError("a page header has a value of no kind")


def _byte(file: _Header) -> int:
    return file.read(1)[0]


def _varint(file: _Header) -> int:
    found = 0
    for k in range(_VARINT_BYTES):
        byte = _byte(file)
        found |= (byte & 127) << 7 * k
        if byte < 128:
            return found
    raise ValueError("a page header has a number of too many bytes")


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)
