"""Parquet tables from strangers, read only if they take not much more memory than disk.

A column of one value costs some bytes however many rows it has, and a text that is written once may
stand in all of them. So texts are read as Parquet keeps them, each once, and put into rows when it
is known how much that makes.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from raysearch.errors import InputError
from raysearch.unpacking import most_in_memory

# Of a number, or of where a text begins.
_VALUE_BYTES = 8


def read_parquet(path: Path) -> pa.Table:
    """The table in a file.

    Raises:
        InputError: if it would take far more memory than disk.
        ValueError: if a column holds more than one value a row.
        OSError: if it cannot be read.
        ArrowException: if it is no whole table.
    """
    most = most_in_memory(path.stat().st_size)
    schema = pq.read_schema(path)
    if nested := [field.name for field in schema if pa.types.is_nested(field.type)]:
        raise ValueError(f"column {nested[0]!r} holds more than one value a row")
    texts = [field.name for field in schema if _is_text(field.type)]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        about = file.metadata
        groups = (about.row_group(k) for k in range(about.num_row_groups))
        packed = sum(group.total_byte_size for group in groups)
        row_bytes = sum(_width(field.type) for field in schema)
        _check(path, max(packed, about.num_rows * row_bytes), most)
        table = file.read()
    for place, field in enumerate(schema):
        column = table.column(place)
        if field.type != column.type and pa.types.is_dictionary(column.type):
            _check(path, _size(column), most)
            table = table.set_column(place, field, column.cast(field.type))
    return table


def _is_text(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_string, pa.types.is_large_string)
    return any(is_one(kind) for is_one in (*kinds, pa.types.is_binary, pa.types.is_large_binary))


def _width(kind: pa.DataType) -> int:
    """Bytes of a value, or of the place where one begins."""
    with suppress(ValueError):  # what has no width
        return max(_VALUE_BYTES, int(kind.bit_width) // 8)
    return _VALUE_BYTES


def _size(column: pa.ChunkedArray) -> int:
    """Bytes of the texts of a column, once they stand in rows."""
    lengths = [pc.binary_length(chunk.dictionary).take(chunk.indices) for chunk in column.chunks]
    return sum(pc.sum(each).as_py() or 0 for each in lengths)


def _check(path: Path, needed: int, most: int) -> None:
    if needed > most:
        raise InputError(
            f"{path} must take no more than {most} bytes of memory for its size, but tells of "
            f"{needed}; put back the one that raysearch wrote, and if you have it from somebody "
            "else, do not trust them."
        )
