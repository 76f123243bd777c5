"""HDF5 files that would take far more memory than disk."""

import zlib

import h5py
import numpy as np
import pytest
from event_stores import write_plain

from raysearch import unpacking
from raysearch.errors import InputError
from raysearch.events import read_events, swollen

ROWS = 200_000_000


def crafted(path, craft, rows=10):
    with h5py.File(write_plain(path, units={"mjj": "TeV"}, mjj=np.ones(rows)), "r+") as file:
        craft(file["events"])
    return path


def test_a_shape_of_which_one_chunk_was_written_is_refused(tmp_path):
    path = tmp_path / "f.h5"
    with h5py.File(path, "w") as file:
        mjj = file.create_dataset("mjj", (ROWS,), "f4", chunks=(65536,), fillvalue=1.0)
        mjj.attrs["unit"] = "TeV"
        mjj[:10] = 2.0
    assert path.stat().st_size < 2**20
    with pytest.raises(InputError, match=r"tells of 800000000 bytes of data; .*h5repack"):
        read_events(path)


def test_a_shape_that_no_integer_holds_is_refused(tmp_path):
    def craft(group):
        group.create_dataset("x", (2**40, 2**40), "f8", chunks=(1, 1024))

    with pytest.raises(InputError, match=f"tells of {2**83 + 80} bytes"):
        read_events(crafted(tmp_path / "f.h5", craft))


def test_many_names_of_one_column_count_each(tmp_path):
    def craft(group):
        for k in range(1000):
            group[f"x{k}"] = group["mjj"]

    path = crafted(tmp_path / "f.h5", craft, rows=100_000)
    with pytest.raises(InputError, match=r"tells of 800800000 bytes"):
        read_events(path)


def test_columns_that_compress_well_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "ALWAYS_FINE", 0)

    def craft(group):
        options = {"compression": "gzip", "chunks": (65536,)}
        group.create_dataset("label", data=np.zeros(200_000, np.int8), **options)
        group.create_dataset("x", data=np.arange(200_000) % 100, **options)

    assert len(read_events(crafted(tmp_path / "f.h5", craft, rows=200_000))) == 200_000


@pytest.mark.parametrize("n_bytes", [2**22, 2**25])
def test_a_chunk_that_unpacks_to_more_than_it_is_said_to_is_refused(tmp_path, monkeypatch, n_bytes):
    monkeypatch.setattr(unpacking, "ALWAYS_FINE", 2**20)

    def craft(group):
        options = {"compression": "gzip", "chunks": (2**16,)}
        dataset = group.create_dataset("x", (2**16,), "f4", **options)
        dataset.id.write_direct_chunk((0,), zlib.compress(bytes(n_bytes)))

    path = crafted(tmp_path / "f.h5", craft, rows=2**16)
    with pytest.raises(InputError, match=r"'/events/x' must have chunks of 262144 bytes.* \(0,\)"):
        read_events(path)


def test_a_chunk_that_is_larger_packed_than_unpacked_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "ALWAYS_FINE", 2**20)
    monkeypatch.setattr(swollen, "_is_large", lambda packed: False)

    def craft(group):
        dataset = group.create_dataset("x", (10,), "f4", compression="gzip", chunks=(10,))
        dataset.id.write_direct_chunk((0,), bytes(2000))

    with pytest.raises(InputError, match="must have chunks of 40 bytes"):
        read_events(crafted(tmp_path / "f.h5", craft))


def test_chunks_of_ones_own_are_looked_at_and_read(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "ALWAYS_FINE", 2**20)
    monkeypatch.setattr(swollen, "_is_large", lambda packed: True)
    x = np.random.default_rng(0).random(100_000)

    def craft(group):
        options = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        group.create_dataset("x", data=x, chunks=(30_000,), **options)

    events = read_events(crafted(tmp_path / "f.h5", craft, rows=100_000))
    np.testing.assert_array_equal(events.column("x"), x.astype(np.float32))
