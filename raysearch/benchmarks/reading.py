"""Rates of reading events, as ratios to a bare h5py loop over the same file in the same run.

Files are made in a temporary folder in the layout of the official ones (Blosc, level 9, shuffle):
1M x 15 float64 features (about 70 MB) and 100k x 2101 float64 raw events (below .5 GB), zero-padded
as real events are. The bare loop reads chunk-aligned slices of the whole file into a float32 array.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import hdf5plugin
import numpy as np
import ray
import ray.data
from numpy.typing import NDArray

from raysearch.benchmarks.measurement import Measurement, measured
from raysearch.events import read_events
from raysearch.events.ranges import slices_of
from raysearch.events.sharded import read_sharded
from raysearch.features import BASELINE
from raysearch.tuning.cluster import connected

Table = NDArray[np.floating]


class Size(NamedTuple):
    """How much is read, how often."""

    narrow_rows: int = 1_000_000
    wide_rows: int = 100_000
    runs: int = 3


QUICK = Size(20_000, 500, 1)
_SLICE_BYTES = 2**21
_SETTLE_S = 1.0
NAMES = [
    f"{name}j{jet}" for jet in (1, 2) for name in ("px", "py", "pz", "m", "tau1", "tau2", "tau3")
]


Way = Callable[[Path], None]
Make = Callable[[np.random.Generator, int], Table]


def measure(*, quick: bool = False) -> list[Measurement]:
    """Rates relative to the bare loop; starts a Ray of two CPUs unless there is one."""
    size = QUICK if quick else Size()
    # Ray Data would log the progress of every run, and then that it no longer does.
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    with connected(None), tempfile.TemporaryDirectory() as folder:
        narrow, wide = Path(folder, "narrow.h5"), Path(folder, "wide.h5")
        write_frame(narrow, [*NAMES, "label"], size.narrow_rows, dijets)
        write_frame(wide, list(range(2101)), size.wide_rows, _particles)
        return [
            _against_bare(narrow, size.runs, "read 1M x 15, baseline columns", _baseline_put, 0.8),
            # No target: a search never reads all columns.
            _against_bare(narrow, size.runs, "read 1M x 15, all columns", _all_put, None),
            _against_bare(narrow, size.runs, "Ray Data, 1M x 15", _ray_data, 0.2),
            _against_bare(wide, size.runs, "Ray Data, 100k x 2,100", _ray_data, 0.5),
        ]


def write_frame(path: Path, names: Sequence[str | int], n_rows: int, make: Make) -> None:
    """A pandas fixed store of one block, as PyTables writes it."""
    rng = np.random.default_rng(1)
    chunk_rows = max(1, 131072 // (8 * len(names)))
    with h5py.File(path, "w") as file:
        frame = file.create_group("df")
        frame.attrs["pandas_type"] = np.bytes_(b"frame")
        axis = np.array(names, dtype="S6" if isinstance(names[0], str) else np.int64)
        for name in ("axis0", "block0_items"):
            frame.create_dataset(name, data=axis)
        values = frame.create_dataset(
            "block0_values",
            (n_rows, len(names)),
            np.float64,
            chunks=(chunk_rows, len(names)),
            **hdf5plugin.Blosc(cname="blosclz", clevel=9, shuffle=hdf5plugin.Blosc.SHUFFLE),
        )
        for start in range(0, n_rows, 100 * chunk_rows):
            stop = min(start + 100 * chunk_rows, n_rows)
            values[start:stop] = make(rng, stop - start)


def dijets(rng: np.random.Generator, n: int) -> Table:
    """Back-to-back jets, GeV, of single precision as the detector simulation gives them."""
    momenta = rng.normal(0, 1000, (n, 3))
    jets = []
    for sign in (1, -1):
        mass = rng.exponential(150, (n, 1))
        taus = np.sort(rng.uniform(0, 0.5, (n, 3)))[:, ::-1]
        jets.append(np.hstack([sign * momenta + rng.normal(0, 50, (n, 3)), mass, taus]))
    labels = rng.random((n, 1)) < 0.1
    return np.hstack([*jets, labels]).astype(np.float32).astype(np.float64)


def _particles(rng: np.random.Generator, n: int) -> Table:
    """Some 150 of 700 particles, then zeros, then the label."""
    rows = np.zeros((n, 2101))
    filled = 3 * rng.integers(80, 220, n)
    values = rng.normal(0, 1, (n, 660)).astype(np.float32)
    rows[:, :660] = np.where(np.arange(660) < filled[:, None], values, 0)
    rows[:, 2100] = rng.random(n) < 0.1
    return rows


def _bare(path: Path) -> Table:
    with h5py.File(path) as file:
        values = file["df/block0_values"]
        out = np.empty(values.shape, np.float32)
        row_bytes = values.shape[1] * 8
        for start, stop in slices_of(len(values), values.chunks[0], row_bytes, _SLICE_BYTES):
            out[start:stop] = values[start:stop]
    return out


def _baseline_put(path: Path) -> None:
    ray.put(read_events(path, BASELINE.columns))


def _all_put(path: Path) -> None:
    ray.put(read_events(path))


def _ray_data(path: Path) -> None:
    n_rows = 0
    for batch in read_sharded(path).iter_batches(batch_size=None, batch_format="pyarrow"):
        n_rows += batch.num_rows


def _against_bare(path: Path, runs: int, name: str, read: Way, target: float | None) -> Measurement:
    bare, seconds = [], []
    for run in range(runs + 1):
        # Ray's workers tidy up for a while after a run and would slow the bare loop down.
        time.sleep(_SETTLE_S)
        pair = _seconds(_bare, path), _seconds(read, path)
        if run:
            bare.append(pair[0])
            seconds.append(pair[1])
    ratios = [b / s for b, s in zip(bare, seconds, strict=True)]
    detail = f"{statistics.median(seconds):.3f} against {statistics.median(bare):.3f} s"
    return measured(name, ratios, "bare h5py loop", target, detail)


def _seconds(read: Callable[[Path], object], path: Path) -> float:
    start = time.perf_counter()
    read(path)
    return time.perf_counter() - start
