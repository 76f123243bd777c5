"""read_events: from a file of any known layout to Events."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import h5py

from raysearch.errors import InputError
from raysearch.events.adc2021 import ADC2021
from raysearch.events.base import Events
from raysearch.events.columns import COLUMNS
from raysearch.events.hdf5 import layout_of, open_hdf5
from raysearch.events.lhco_extended import LHCO_EXTENDED
from raysearch.events.lhco_features import LHCO_FEATURES
from raysearch.events.lhco_raw import LHCO_RAW
from raysearch.events.ranges import slices_of
from raysearch.events.table import Block, EventFormat, ParticleTable, Table, empty_block, fill

FORMATS: tuple[EventFormat, ...] = (LHCO_RAW, LHCO_EXTENDED, LHCO_FEATURES, ADC2021, COLUMNS)
"""The known layouts; the first that recognises a file reads it."""

# Large enough that two threads seldom wait for each other, small beside the events.
_SLICE_BYTES = 2**21
# A second deriving thread would contend with the first for the interpreter.
_DERIVING = 1
_PENDING = 2


def read_events(path: Path | str, columns: Sequence[str] | None = None) -> Events:
    """Read an event file; its layout is recognised by its content.

    LHCO features become the canonical dijet columns with j1 the lighter of the two leading jets; a
    columns file keeps its own. Only the chosen columns are derived, stored and checked: a NaN
    elsewhere in the file goes unnoticed. Besides the result, memory holds a few slices of some MB.

    Args:
        path: an HDF5 file.
        columns: features to read, in this order; all by default. The fewer, the faster.

    Returns:
        All events with these features, masses in TeV.

    Raises:
        InputError: if the file is missing, damaged, refers to other files, has an unknown layout,
            holds particles, lacks a column, or a value in use is not finite.
    """
    with open_hdf5(path) as file:
        table = open_table(file)
        if isinstance(table, ParticleTable):
            raise InputError(
                f"{table.place} must hold features to be read as events, but is recognised as "
                f"particles ({format_of(file).name}), which need the particle reader, and that "
                "does not exist yet; use the features file of the same events."
            )
        table = table.only(columns)
        block = _read(table)
    return Events(block.features, table.columns, table.units, block.mjj_tev, block.labels)


def format_of(file: h5py.File) -> EventFormat:
    """The layout of an open file; an unknown one raises InputError."""
    for known in FORMATS:
        if known.recognises(file):
            return known
    raise InputError(
        f"{file.filename}: the layout must be one of {', '.join(f.name for f in FORMATS)}, but the "
        f"file holds {layout_of(file)}; rewrite it, e.g. as one 1-d data set per column with "
        "`mjj` in TeV."
    )


def open_table(file: h5py.File) -> Table | ParticleTable:
    """The table of an open file, checked as far as that needs no reading."""
    return format_of(file).open(file)


def _read(table: Table) -> Block:
    """Read the slices in this thread while another derives the columns of the ones before."""
    block = empty_block(table, table.n_rows)
    pending: deque[Future[None]] = deque()
    with ThreadPoolExecutor(max_workers=_DERIVING) as pool:
        for start, stop in slices_of(table.n_rows, table.chunk_rows, table.row_bytes, _SLICE_BYTES):
            loaded = table.rows(start, stop)
            if len(pending) == _PENDING:
                pending.popleft().result()
            pending.append(pool.submit(fill, block.rows(start, stop), table, loaded, start))
        for last in pending:
            last.result()
    return block
