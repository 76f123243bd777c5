"""HDF5 files that would take far more memory than disk."""

import struct
import tracemalloc
import zlib

import h5py
import hdf5plugin
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
    tracemalloc.start()
    with pytest.raises(InputError, match=r"'/events/x' must have chunks of 262144 bytes.* \(0,\)"):
        read_events(path)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_a_chunk_that_is_larger_packed_than_unpacked_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "ALWAYS_FINE", 2**20)

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


def test_one_chunk_that_is_larger_than_all_rows_is_refused(tmp_path):
    def craft(group):
        options = {"compression": "gzip", "chunks": (2**27,), "maxshape": (None,)}
        group.create_dataset("x", (10,), "f4", **options)

    with pytest.raises(InputError, match=f"tells of {2**29 + 80} bytes"):
        read_events(crafted(tmp_path / "f.h5", craft))


GZIP, SHUFFLE, CHECKSUM = 1, 2, 3
PIPELINES = {
    "bzip2": ([307], "HDF5 filter 307;"),
    "zstd": ([32015], "HDF5 filter 32015;"),
    "gzip twice": ([GZIP, GZIP], r"HDF5 the filters \[1, 1\], one after another"),
    "gzip of Blosc": ([32001, GZIP], r"HDF5 the filters \[32001, 1\]"),
    "shuffled gzip": ([GZIP, SHUFFLE], r"HDF5 the filters \[1, 2\]"),
}


@pytest.mark.parametrize(("codes", "told"), PIPELINES.values(), ids=PIPELINES)
def test_what_packs_in_other_ways_is_refused(codes, told, tmp_path):
    def craft(group):
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((10,))
        for code in codes:
            plist.set_filter(code, h5py.h5z.FLAG_OPTIONAL, (4,) if code < 300 else ())
        space = h5py.h5s.create_simple((10,))
        h5py.h5d.create(group.id, b"x", h5py.h5t.NATIVE_DOUBLE, space, plist)

    with pytest.raises(InputError, match=f"'/events/x' must be compressed with gzip.*{told}"):
        read_events(crafted(tmp_path / "f.h5", craft))


@pytest.mark.parametrize("place", [4, 8])
def test_a_blosc_header_that_asks_for_more_than_its_chunk_is_refused(place, tmp_path):
    options = hdf5plugin.Blosc(cname="zstd", clevel=9, shuffle=1)

    def craft(group):
        dataset = group.create_dataset("x", data=np.zeros(2**16, "f4"), chunks=(2**16,), **options)
        mask, packed = dataset.id.read_direct_chunk((0,))
        packed = bytearray(packed)
        struct.pack_into("<I", packed, place, 2**30)
        dataset.id.write_direct_chunk((0,), bytes(packed), mask)

    with pytest.raises(InputError, match="must have chunks of 262144 bytes"):
        read_events(crafted(tmp_path / "f.h5", craft, rows=2**16))


@pytest.mark.parametrize("level", [0, 9])
def test_blosc_of_ones_own_is_read_also_where_it_is_of_no_use(level, tmp_path):
    x = np.random.default_rng(0).random(10_000)
    options = hdf5plugin.Blosc(cname="blosclz", clevel=level, shuffle=0)

    def craft(group):
        group.create_dataset("x", data=x, chunks=(3000,), **options)

    events = read_events(crafted(tmp_path / "f.h5", craft, rows=10_000))
    np.testing.assert_array_equal(events.column("x"), x.astype(np.float32))
