"""The pandas *fixed* store, read without pandas or PyTables.

A frame is a group: `axis0` holds the column names; `blockN_values` the values of columns of one
type, (rows, columns), and `blockN_items` their names. Blocks of Python objects are pickles: they
are refused, never unpickled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import h5py
from numpy.typing import NDArray

from raysearch.errors import InputError
from raysearch.events.hdf5 import check_numeric, missing_column, read_rows, where


@dataclass(frozen=True)
class FrameBlock:
    """Columns of one type: a data set (rows, columns) and the names of its columns."""

    values: h5py.Dataset
    names: tuple[str, ...]


@dataclass(frozen=True)
class Frame:
    """An open frame: its place for error messages and its blocks, all of the same rows."""

    place: str
    blocks: tuple[FrameBlock, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(name for block in self.blocks for name in block.names)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.blocks[0].values.shape[0])

    @property
    def chunk_rows(self) -> int:
        """Rows of one chunk of the widest block."""
        values = max(self.blocks, key=lambda block: len(block.names)).values
        return int(values.chunks[0]) if values.chunks else 1

    @property
    def row_bytes(self) -> int:
        """Size of one row, bytes."""
        return sum(len(block.names) * block.values.dtype.itemsize for block in self.blocks)

    def load(self, start: int, stop: int) -> dict[str, NDArray[Any]]:
        """Every column in rows start to stop, as views of the blocks."""
        loaded: dict[str, NDArray[Any]] = {}
        for block in self.blocks:
            loaded.update(zip(block.names, read_rows(block.values, start, stop).T, strict=True))
        return loaded

    def only(self, names: Iterable[str]) -> Frame:
        """The blocks that hold these columns; a missing column raises InputError."""
        for name in names:
            if name not in self.columns:
                raise missing_column(self.place, name, self.columns)
        wanted = set(names)
        return Frame(self.place, tuple(b for b in self.blocks if wanted.intersection(b.names)))


def find_frame(file: h5py.File) -> h5py.Group | None:
    """The group of the only frame in a file, or None."""
    found: list[h5py.Group] = []

    def keep(_: str, item: object) -> None:
        if isinstance(item, h5py.Group) and "axis0" in item and "block0_values" in item:
            found.append(item)

    file.visititems(keep)
    return found[0] if len(found) == 1 else None


def axis_kind(group: h5py.Group) -> str:
    """Kind of the column names: "S" for strings, "i" for integers, "O" for pickled objects."""
    return str(group["axis0"].dtype.kind)


def open_frame(file: h5py.File) -> Frame:
    """The only frame of a file.

    Raises:
        InputError: if there is none, a block is not numeric, or shapes and names disagree.
    """
    group = find_frame(file)
    if group is None:
        raise InputError(f"{file.filename} must hold one pandas frame; write the file again.")
    count = sum(name.startswith("block") and name.endswith("_values") for name in group)
    blocks = tuple(_open_block(group, index) for index in range(count))
    for block in blocks:
        if block.values.shape[0] != blocks[0].values.shape[0]:
            raise InputError(
                f"{where(block.values)} must have {blocks[0].values.shape[0]} rows as the first "
                f"block has, but has shape {block.values.shape}; write the file again."
            )
    return Frame(where(group), blocks)


def _open_block(group: h5py.Group, index: int) -> FrameBlock:
    values, items = group.get(f"block{index}_values"), group.get(f"block{index}_items")
    if not isinstance(values, h5py.Dataset) or not isinstance(items, h5py.Dataset):
        raise InputError(
            f"{where(group)} must have block{index}_values and block{index}_items, but has "
            f"{', '.join(group)}; write the file again."
        )
    check_numeric(values, ndim=2)
    names = _names(items)
    if values.shape[1] != len(names):
        raise InputError(
            f"{where(values)} must have {len(names)} columns as {items.name!r} has names, but has "
            f"shape {values.shape}; write the file again."
        )
    return FrameBlock(values, names)


def _names(items: h5py.Dataset) -> tuple[str, ...]:
    if items.dtype.kind not in "Siu" or items.ndim != 1:
        raise InputError(
            f"{where(items)} must hold column names as fixed strings or integers, but has dtype "
            f"{items.dtype} (objects are never unpickled); rename the columns and write again."
        )
    names = read_rows(items, 0, len(items)).tolist()
    return tuple(n.decode() if isinstance(n, bytes) else str(n) for n in names)
