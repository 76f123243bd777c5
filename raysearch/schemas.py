"""The form of a file: every file of a study names it, and one of another form is refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from raysearch.errors import InputError
from raysearch.files import replacing
from raysearch.malformed import reason, refusing
from raysearch.parquet import read_parquet

_KEY = b"raysearch_schema"


def check_schema(path: Path | str, found: object, wanted: int, writer: str | None = None) -> None:
    """Refuse a file of another form.

    Args:
        path: of the file.
        found: what it names as its schema.
        wanted: what this version of raysearch reads.
        writer: the version that wrote it, if that is known.

    Raises:
        InputError: if they differ.

    Example:
        >>> check_schema("study.json", 2, 3, "0.1")
        Traceback (most recent call last):
        raysearch.errors.InputError: study.json must have schema 3, but got 2; use the raysearch \
version that wrote it (0.1).
    """
    if found != wanted:
        known = f" ({writer})" if writer else ""
        raise InputError(
            f"{path} must have schema {wanted}, but got {found}; use the raysearch version that "
            f"wrote it{known}."
        )


def write_table(path: Path, table: pa.Table, schema: int) -> None:
    """Write a table as Parquet, whole or not at all, that names its schema."""
    told = {**(table.schema.metadata or {}), _KEY: str(schema).encode()}
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata(told), temporary)


def read_table(path: Path, schema: int) -> pa.Table:
    """Read a table that `write_table` wrote.

    Raises:
        InputError: if it is damaged, no table, or has another schema, or would take far more
            memory than disk.
    """
    rule, remedy = f"{path.name} must be a whole Parquet table", "put back the one of raysearch"
    with refusing(path, rule, remedy):
        try:
            table = read_parquet(path)
            table.validate(full=True)
        except pa.ArrowException as error:  # of which some kinds are no error of Python's own
            raise ValueError(reason(error)) from error
    found = (table.schema.metadata or {}).get(_KEY, b"None").decode(errors="replace")
    check_schema(path, int(found) if found.isdecimal() else found, schema)
    return table
