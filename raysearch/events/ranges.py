"""Row ranges that never cut an HDF5 chunk: a chunk is decompressed as a whole."""

from __future__ import annotations

from raysearch.errors import InputError


def row_ranges(n_rows: int, chunk_rows: int, parallelism: int) -> tuple[tuple[int, int], ...]:
    """Divide rows into at most `parallelism` ranges of whole chunks.

    Args:
        n_rows: number of rows to divide, at least 0.
        chunk_rows: rows of one HDF5 chunk, at least 1; the last chunk may be shorter.
        parallelism: largest number of ranges, at least 1.

    Returns:
        (start, stop) of each range, in order, disjoint, none empty, together all rows.

    Raises:
        InputError: if an argument is below its minimum.

    Example:
        >>> row_ranges(10, 4, 2)
        ((0, 4), (4, 10))
    """
    if n_rows < 0 or chunk_rows < 1 or parallelism < 1:
        raise InputError(
            "`n_rows >= 0, chunk_rows >= 1, parallelism >= 1` must hold, but got "
            f"({n_rows=}, {chunk_rows=}, {parallelism=})."
        )
    n_chunks = -(-n_rows // chunk_rows)
    n_ranges = min(parallelism, n_chunks)
    bounds = [i * n_chunks // n_ranges * chunk_rows for i in range(n_ranges)] + [n_rows]
    return tuple((bounds[i], bounds[i + 1]) for i in range(n_ranges))


def slices_of(
    n_rows: int, chunk_rows: int, row_bytes: int, slice_bytes: int
) -> tuple[tuple[int, int], ...]:
    """Chunk-aligned slices of about `slice_bytes` each (at least one chunk)."""
    rows = max(1, slice_bytes // max(1, row_bytes))
    return row_ranges(n_rows, chunk_rows, max(1, -(-n_rows // rows)))
