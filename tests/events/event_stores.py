"""Event files as they are met in the wild, made small."""

import h5py
import hdf5plugin
import numpy as np

FEATURES = [f"{n}j{j}" for j in (1, 2) for n in ("px", "py", "pz", "m", "tau1", "tau2", "tau3")]
EXTENDED = [f"{n}j{j}" for j in (1, 2) for n in ("px", "py", "pz", "m")] + [
    f"tau{n}j{j}_{beta}" for j in (1, 2) for n in range(1, 10) for beta in (1, 2, 5)
]


def jets(names, n_rows=500, seed=0):
    """Random but physical columns of these names, GeV, and a label if it is among them."""
    rng = np.random.default_rng(seed)
    columns = {name: rng.normal(0, 1000, n_rows) for name in names}
    for name in names:
        if name.startswith(("m", "tau")):
            columns[name] = rng.exponential(0.3 if name.startswith("tau") else 100, n_rows)
    if "label" in names:
        columns["label"] = (rng.random(n_rows) < 0.2).astype(float)
    return columns


def write_store(path, *blocks, chunk_rows=64, kind="string", blosc=True):
    """A pandas fixed store of blocks {column: values}, as PyTables writes it with Blosc."""
    with h5py.File(path, "w") as file:
        file.attrs["CLASS"] = np.bytes_(b"GROUP")
        file.attrs["PYTABLES_FORMAT_VERSION"] = np.bytes_(b"2.1")
        frame = file.create_group("df")
        frame.attrs["pandas_type"] = np.bytes_(b"frame")
        frame.attrs["nblocks"] = len(blocks)
        n_rows = len(next(iter(blocks[0].values())))
        axis = [name for block in blocks for name in block]
        packed = hdf5plugin.Blosc(cname="blosclz", clevel=9, shuffle=1) if blosc else {}
        frame.create_dataset(
            "axis0", data=_names(axis, kind), chunks=(8192,), maxshape=(None,), **packed
        )
        frame.create_dataset("axis1", data=np.arange(n_rows), chunks=(chunk_rows,), **packed)
        for i, block in enumerate(blocks):
            values = np.column_stack(list(block.values()))
            frame.create_dataset(f"block{i}_items", data=_names(list(block), kind))
            stored = frame.create_dataset(
                f"block{i}_values",
                data=values,
                chunks=(min(chunk_rows, n_rows), values.shape[1]),
                **packed,
            )
            stored.attrs["transposed"] = np.uint8(1)
    return path


def write_raw(path, n_rows=40, label=True, seed=0):
    """LHCO raw: 700 zero-padded particles; returns particles (n, 2100) and labels (n,)."""
    rng = np.random.default_rng(seed)
    particles = rng.normal(size=(n_rows, 2100))
    particles[:, 300:] = 0
    labels = (rng.random(n_rows) < 0.5).astype(float)
    rows = np.column_stack([particles, labels]) if label else particles
    write_store(path, {i: c for i, c in enumerate(rows.T)}, chunk_rows=7, kind="integer")
    return particles, labels


def write_plain(path, group="events", units=None, **columns):
    """One 1-d data set per column; `units` by column name, absent ones get no attribute."""
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            dataset = file.require_group(group).create_dataset(name, data=values)
            if name in (units or {}):
                dataset.attrs["unit"] = units[name]
    return path


def _names(names, kind):
    return np.array(names, dtype=np.int64) if kind == "integer" else np.array(names, dtype="S")
