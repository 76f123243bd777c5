"""Parquet tables from strangers, read only if they take not much more memory than disk.

A column of one value costs some bytes however many rows it has, and a text that is written once may
stand in all of them. So texts are read as Parquet keeps them, each once, and put into rows when it
is known how much that makes. What a file tells of its sizes is looked at first, then what its pages
unpack to, and then what it has: rows are read some at a time, until they are too much.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from raysearch.errors import InputError
from raysearch.parquet_pages import unpacked_size
from raysearch.unpacking import most_in_memory

# Of a number, or of where a text begins.
_VALUE_BYTES = 8
_ROWS_AT_ONCE = 16_384


def read_parquet(path: Path) -> pa.Table:
    """The table in a file.

    Raises:
        InputError: if it would take far more memory than disk.
        ValueError: if a column holds anything but a number, a truth or a text a row.
        OSError: if it cannot be read.
        ArrowException: if it is no whole table.
    """
    most = most_in_memory(path.stat().st_size)
    schema = pq.read_schema(path)
    for field in schema:
        _check_kind(field)
    texts = [field.name for field in schema if _is_text(field.type)]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        _check(path, _told(file.metadata, schema), most)
        _check(path, unpacked_size(path, file.metadata), most)
        table = _read(path, file, most)
    for place, field in enumerate(schema):
        column = table.column(place)
        if field.type != column.type and pa.types.is_dictionary(column.type):
            table = table.set_column(place, field, column.cast(field.type))
    return table


def _check_kind(field: pa.Field) -> None:
    kind = field.type
    if pa.types.is_nested(kind):
        raise ValueError(f"column {field.name!r} holds more than one value a row")
    plain = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null)
    told = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not _is_text(told) and (told is not kind or not any(is_one(kind) for is_one in plain)):
        raise ValueError(f"column {field.name!r} holds {kind}, no numbers or texts")


def _is_text(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_string, pa.types.is_large_string)
    return any(is_one(kind) for is_one in (*kinds, pa.types.is_binary, pa.types.is_large_binary))


def _told(about: pq.FileMetaData, schema: pa.Schema) -> int:
    """Bytes of memory that a file says it needs."""
    groups = [about.row_group(k) for k in range(about.num_row_groups)]
    packed = sum(group.total_byte_size for group in groups)
    # Each of these may be asked for room, whether or not they agree.
    columns = range(about.num_columns)
    values = sum(max((g.column(k).num_values for k in columns), default=0) for g in groups)
    rows = max(about.num_rows, sum(group.num_rows for group in groups), values)
    return int(max(packed, rows * sum(_width(field.type) for field in schema)))


def _read(path: Path, file: pq.ParquetFile, most: int) -> pa.Table:
    """All rows, or InputError as soon as they are too large."""
    total, batches = 0, list[pa.RecordBatch]()
    groups = range(file.num_row_groups)
    # All groups at once would be joined to batches, however large their rows are.
    parts = (file.iter_batches(_ROWS_AT_ONCE, [k], use_threads=False) for k in groups)
    for batch in chain.from_iterable(parts):
        total += sum(_size(column) for column in batch.columns)
        _check(path, total + sum(_dictionary_size(column) for column in batch.columns), most)
        batches.append(batch)
    return pa.Table.from_batches(batches, file.schema_arrow)


def _width(kind: pa.DataType) -> int:
    """Bytes of a value, or of the place where one begins."""
    with suppress(ValueError):  # what has no width
        return max(_VALUE_BYTES, int(kind.bit_width) // 8)
    return _VALUE_BYTES


def _size(column: pa.Array) -> int:
    """Bytes of a column, its texts once they stand in rows."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    return int(column.indices.nbytes) + (pc.sum(lengths).as_py() or 0)


def _dictionary_size(column: pa.Array) -> int:
    """Bytes of the texts that a column holds once, and may share with that of other rows."""
    return int(column.dictionary.nbytes) if pa.types.is_dictionary(column.type) else 0


def _check(path: Path, needed: int, most: int) -> None:
    if needed > most:
        raise InputError(
            f"{path} must take no more than {most} bytes of memory for its size, but tells of "
            f"{needed}; put back the one that raysearch wrote, and if you have it from somebody "
            "else, do not trust them."
        )
