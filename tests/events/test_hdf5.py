"""Files crafted to read what lies outside of them, or that cannot be read at all."""

import h5py
import numpy as np
import pytest
from event_stores import write_plain

from raysearch.errors import InputError
from raysearch.events import read_events


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.bin"
    np.arange(10.0).tofile(path)
    return path


def crafted(tmp_path, craft):
    path = write_plain(tmp_path / "f.h5", units={"mjj": "TeV"}, mjj=np.ones(10))
    with h5py.File(path, "r+") as file:
        craft(file["events"])
    return path


def test_external_storage(tmp_path, secret):
    def craft(group):
        group.create_dataset("x", (10,), "f8", external=[(str(secret), 0, 80)])

    with pytest.raises(InputError, match=r"'/events/x' has external storage.*copy the data"):
        read_events(crafted(tmp_path, craft))


def test_virtual_dataset(tmp_path):
    other = write_plain(tmp_path / "other.h5", mjj=np.ones(10))

    def craft(group):
        layout = h5py.VirtualLayout((10,), "f8")
        layout[:] = h5py.VirtualSource(other, "events/mjj", (10,))
        group.create_virtual_dataset("x", layout)

    with pytest.raises(InputError, match="'/events/x' is a virtual data set"):
        read_events(crafted(tmp_path, craft))


@pytest.mark.parametrize(
    "link", [h5py.ExternalLink("other.h5", "/events/mjj"), h5py.SoftLink("/events/mjj")]
)
def test_links(tmp_path, link):
    write_plain(tmp_path / "other.h5", mjj=np.ones(10))

    def craft(group):
        group["x"] = link

    with pytest.raises(InputError, match=f"'events/x' is a {type(link).__name__}"):
        read_events(crafted(tmp_path, craft))


def test_a_filter_that_is_not_installed(tmp_path):
    def craft(group):
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((10,))
        plist.set_filter(32999, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((10,))
        h5py.h5d.create(group.id, b"x", h5py.h5t.NATIVE_DOUBLE, space, plist).write_direct_chunk(
            (0,), bytes(80)
        )

    with pytest.raises(InputError, match=r"'/events/x' .*filter 32999.*h5repack"):
        read_events(crafted(tmp_path, craft))


def test_a_damaged_chunk(tmp_path):
    def craft(group):
        dataset = group.create_dataset("x", (10,), "f8", chunks=(10,), compression="gzip")
        dataset.id.write_direct_chunk((0,), b"no gzip stream")

    with pytest.raises(InputError, match="'/events/x' cannot be read in rows 0 to 10"):
        read_events(crafted(tmp_path, craft))


@pytest.mark.parametrize(
    ("rows", "rule"), [(1024, "must hold events, but has none"), (10**15, "tells of 4000000000")]
)
def test_a_data_set_without_data_is_refused_before_memory_is_asked_for(rows, rule, tmp_path):
    path = tmp_path / "f.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("mjj", (rows,), "f4", chunks=(1024,)).attrs["unit"] = "TeV"
    with pytest.raises(InputError, match=rule):
        read_events(path)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="is no file"):
        read_events(tmp_path)
