"""Sharded reading with Ray Data: for files larger than memory, many files and many nodes.

The only file of this room that imports ray. Data that fit in memory are read faster once with
`read_events` and shared with `ray.put`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray
import ray.data
from numpy.typing import NDArray
from ray.data.block import BlockAccessor, BlockMetadata
from ray.data.datasource import Datasource, ReadTask

from raysearch.errors import InputError
from raysearch.events.hdf5 import open_hdf5
from raysearch.events.ranges import row_ranges, slices_of
from raysearch.events.reading import open_table
from raysearch.events.table import (
    ParticleTable,
    Table,
    checked_labels,
    empty_block,
    fill,
    not_finite,
)

# Every block costs Ray some ms, and Ray cuts blocks above 128 MiB, which copies them. By default a
# task yields one block, because Ray joins the small blocks of a task, which copies them as well.
_BLOCK_BYTES = 120 * 2**20
_SLICE_BYTES = 2**21

Batch = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Shard:
    """What the driver knows of one file.

    Attributes:
        path: the file, the same on every node.
        columns: features to keep; empty for particles.
        n_rows: number of events.
        chunk_rows: rows of one HDF5 chunk.
        out_bytes: size of one event in a block, bytes.
    """

    path: str
    columns: tuple[str, ...]
    n_rows: int
    chunk_rows: int
    out_bytes: int


class EventsDatasource(Datasource):
    """Event files cut into chunk-aligned row ranges, each read by one task."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        """Keep what the driver found in each file."""
        super().__init__()
        self._shards = tuple(shards)

    def estimate_inmemory_data_size(self) -> int:
        """Size of all blocks, bytes."""
        return sum(shard.n_rows * shard.out_bytes for shard in self._shards)

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: object | None = None,
    ) -> list[ReadTask]:
        """About `parallelism` tasks, shared among the files by their rows."""
        total = sum(shard.n_rows for shard in self._shards)
        return [
            _task(shard, start, stop, per_task_row_limit)
            for shard in self._shards
            for start, stop in row_ranges(
                shard.n_rows, shard.chunk_rows, max(1, round(parallelism * shard.n_rows / total))
            )
        ]


def read_sharded(
    paths: Path | str | Iterable[Path | str],
    columns: Sequence[str] | None = None,
    parallelism: int | None = None,
) -> ray.data.Dataset:
    """Read event files of one layout as a Ray dataset that streams.

    Args:
        paths: one file or several with the same columns, at the same place on every node.
        columns: features to keep, in this order; all by default. Particles have none.
        parallelism: about how many tasks read; by default as many as there are CPUs, or more if a
            task would yield over 120 MiB.

    Returns:
        A dataset with `features` (d,) float32 in the order of `columns` and `mjj_tev` float32; for
        particle layouts `particles` float32 of the file's shape, (2100,) or (19, 4); and `label`
        (bool) if the files have it. Rows come in any order unless the dataset's
        `context.execution_options.preserve_order` is set.

    Raises:
        InputError: if there is no file, the files differ, or one of them breaks its layout's rules.
    """
    files = [paths] if isinstance(paths, str | Path) else list(paths)
    if not files:
        raise InputError("at least one file is needed to read events, but got none.")
    source = EventsDatasource(_shards(files, columns))
    tasks = parallelism or _default_parallelism(source.estimate_inmemory_data_size())
    dataset: ray.data.Dataset = ray.data.read_datasource(source, override_num_blocks=tasks)
    return dataset


def _default_parallelism(size_bytes: int) -> int:
    # Ray's own choice is some 200 tasks, which cost more than reading what they read.
    if not ray.is_initialized():
        ray.init()
    cpus = ray.cluster_resources().get("CPU", 1)
    return max(int(cpus), -(-size_bytes // _BLOCK_BYTES))


def _shards(paths: Sequence[Path | str], columns: Sequence[str] | None) -> list[Shard]:
    shards, kinds = [], []
    for path in paths:
        with open_hdf5(path) as file:
            table = open_table(file)
            shards.append(_shard(str(Path(path).resolve()), table, columns))
            kinds.append((shards[-1].columns, shards[-1].out_bytes, table.has_labels))
    for path, kind in zip(paths, kinds, strict=True):
        if kind != kinds[0]:
            raise InputError(
                f"files read together must have the same columns and all or none a label, but "
                f"{paths[0]} and {path} differ; read them apart."
            )
    return shards


def _shard(path: str, table: Table | ParticleTable, columns: Sequence[str] | None) -> Shard:
    if isinstance(table, ParticleTable):
        if columns is not None:
            raise InputError(
                f"{table.place} holds particles, which have no columns to choose, but got "
                f"columns={list(columns)}; leave `columns` out."
            )
        out_bytes = 4 * int(np.prod(table.shape)) + 1
        return Shard(path, (), table.n_rows, table.chunk_rows, out_bytes)
    kept = table.only(columns).columns
    return Shard(path, kept, table.n_rows, table.chunk_rows, 4 * (len(kept) + 1) + 1)


def _task(shard: Shard, start: int, stop: int, row_limit: int | None) -> ReadTask:
    def read() -> Iterator[pa.Table]:
        return _blocks(shard, start, stop)

    rows = stop - start
    metadata = BlockMetadata(rows, rows * shard.out_bytes, None, input_files=(shard.path,))
    return ReadTask(read, metadata, per_task_row_limit=row_limit)


def _blocks(shard: Shard, start: int, stop: int) -> Iterator[pa.Table]:
    """Open the file here, in the task, and yield rows start to stop in large blocks."""
    # The driver has looked at all of it; each task would do so again.
    with open_hdf5(shard.path, is_known=True) as file:
        table = open_table(file)
        read = (
            _particle_reader(table)
            if isinstance(table, ParticleTable)
            else _reader(table.only(shard.columns))
        )
        for first, last in slices_of(stop - start, table.chunk_rows, shard.out_bytes, _BLOCK_BYTES):
            yield BlockAccessor.batch_to_block(read(start + first, start + last))


def _reader(table: Table) -> Callable[[int, int], Batch]:
    def read(start: int, stop: int) -> Batch:
        block = empty_block(table, stop - start)
        for first, last in _slices(table, stop - start):
            loaded = table.rows(start + first, start + last)
            fill(block.rows(first, last), table, loaded, start + first)
        return _batch({"features": block.features, "mjj_tev": block.mjj_tev}, block.labels)

    return read


def _particle_reader(table: ParticleTable) -> Callable[[int, int], Batch]:
    def read(start: int, stop: int) -> Batch:
        particles = np.empty((stop - start, *table.shape), np.float32)
        labels = np.empty(stop - start, np.bool_) if table.has_labels else None
        for first, last in _slices(table, stop - start):
            loaded = table.load(start + first, start + last)
            particles[first:last] = loaded["particles"]
            if not np.isfinite(particles[first:last]).all():
                bad = np.argwhere(~np.isfinite(particles[first:last]))
                raise not_finite(table.place, start + first + int(bad[0, 0]))
            if labels is not None:
                labels[first:last] = checked_labels(table.place, loaded["label"], start + first)
        return _batch({"particles": particles}, labels)

    return read


def _slices(table: Table | ParticleTable, n_rows: int) -> tuple[tuple[int, int], ...]:
    return slices_of(n_rows, table.chunk_rows, table.row_bytes, _SLICE_BYTES)


def _batch(arrays: Batch, labels: NDArray[np.bool_] | None) -> Batch:
    return arrays if labels is None else {**arrays, "label": labels}
