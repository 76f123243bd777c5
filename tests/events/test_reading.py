import subprocess
import sys
import tracemalloc

import h5py
import numpy as np
import pytest
from event_stores import EXTENDED, FEATURES, jets, write_raw, write_store

from raysearch.errors import InputError
from raysearch.events import read_events
from raysearch.events.dijets import Subjettiness, dijet_columns


def test_features(features_file):
    events = read_events(features_file)
    c = jets([*FEATURES, "label"])
    assert events.columns == dijet_columns(Subjettiness(3))
    assert events.units[:3] == ("TeV", "TeV", "1")
    np.testing.assert_array_equal(events.labels, c["label"] == 1)
    lighter = np.minimum(c["mj1"], c["mj2"]) / 1000
    np.testing.assert_allclose(events.column("mj1"), lighter, rtol=1e-6)


def test_features_without_label(tmp_path):
    assert read_events(write_store(tmp_path / "f", jets(FEATURES))).labels is None


def test_blocks_of_several_types_and_any_column_order(tmp_path, features_file):
    c = jets([*FEATURES, "label"])
    label = {"label": c.pop("label").astype(np.int64)}
    reordered = dict(sorted(c.items()))
    several = read_events(write_store(tmp_path / "f", reordered, label, blosc=False))
    np.testing.assert_array_equal(several.features, read_events(features_file).features)
    np.testing.assert_array_equal(several.labels, read_events(features_file).labels)


def test_extended(tmp_path):
    c = jets([*EXTENDED, "label"])
    events = read_events(write_store(tmp_path / "f", c))
    assert len(events.columns) == 3 + 3 * 18 + 8
    swap = c["mj2"] < c["mj1"]
    for name, suffix in (("tau5j1", "1"), ("tau1j1_2", "2"), ("tau9j1_5", "5")):
        stem = name[:5]
        expected = np.where(swap, c[f"{stem}2_{suffix}"], c[f"{stem}1_{suffix}"])
        np.testing.assert_allclose(events.column(name), expected, rtol=1e-6)
    ratio = events.column("tau5j2") / events.column("tau4j2")
    np.testing.assert_allclose(events.column("tau54j2"), ratio, rtol=1e-5)


@pytest.mark.parametrize("label", [True, False])
def test_raw_is_recognised_as_particles(tmp_path, label):
    write_raw(tmp_path / "f", label=label)
    with pytest.raises(InputError, match=r"particles \(LHCO raw\).*does not exist yet"):
        read_events(tmp_path / "f")


def test_adc_is_recognised_as_particles(tmp_path):
    with h5py.File(tmp_path / "f", "w") as file:
        file["Particles"] = np.zeros((3, 19, 4))
        file["Particles_Names"] = np.array([b"pt"])
    with pytest.raises(InputError, match=r"particles \(ADC2021\)"):
        read_events(tmp_path / "f")


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="must exist"):
        read_events(tmp_path / "absent.h5")


@pytest.mark.parametrize("size", [0, 100, 0.9])
def test_truncated(features_file, size):
    whole = features_file.read_bytes()
    features_file.write_bytes(whole[: size if isinstance(size, int) else int(size * len(whole))])
    with pytest.raises(InputError, match=r"truncated.*again"):
        read_events(features_file)


def test_unknown_layout_lists_what_was_found(tmp_path):
    with h5py.File(tmp_path / "f", "w") as file:
        file["a/images"] = np.zeros((2, 3, 3))
        file["b/labels"] = np.zeros(2)
    with pytest.raises(InputError, match=r"/a/images \(2, 3, 3\), /b/labels"):
        read_events(tmp_path / "f")


@pytest.mark.parametrize("name", ["pxj1", "tau2j2", "mj2"])
def test_missing_column(tmp_path, name):
    c = jets(FEATURES)
    c[name + "_"] = c.pop(name)
    with pytest.raises(InputError, match=f"'{name}'.*nearest is '{name}_'"):
        read_events(write_store(tmp_path / "f", c))


def test_missing_extended_column(tmp_path):
    c = jets(EXTENDED)
    del c["tau9j2_5"]
    with pytest.raises(InputError, match=r"'tau9j2_5'.*nearest is 'tau9j"):
        read_events(write_store(tmp_path / "f", c))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite_names_file_column_and_row(tmp_path, value):
    c = jets(FEATURES)
    c["tau3j2"][321] = value
    with pytest.raises(InputError, match=r"bad\.h5: '/df': column 'tau3j2' .*row 321"):
        read_events(write_store(tmp_path / "bad.h5", c))


def test_a_derived_value_that_is_infinite(tmp_path):
    c = jets(FEATURES)
    c["tau1j1"][7] = 0
    with pytest.raises(InputError, match=r"derived column 'tau21j\d'.*row 7"):
        read_events(write_store(tmp_path / "f", c))


@pytest.mark.parametrize("value", [2, 0.5, -1])
def test_labels_other_than_0_and_1(tmp_path, value):
    c = jets([*FEATURES, "label"])
    c["label"][100] = value
    with pytest.raises(InputError, match=f"'label' must be 0 or 1, but row 100 has {value}"):
        read_events(write_store(tmp_path / "f", c))


def test_names_and_values_disagree(features_file):
    with h5py.File(features_file, "r+") as file:
        del file["df/block0_items"]
        file["df/block0_items"] = np.array([b"pxj1"])
    with pytest.raises(InputError, match=r"must have 1 columns.*\(500, 15\)"):
        read_events(features_file)


def test_blocks_of_different_length(features_file):
    with h5py.File(features_file, "r+") as file:
        file["df/block1_values"] = np.zeros((3, 1))
        file["df/block1_items"] = np.array([b"x"])
    with pytest.raises(InputError, match="must have 500 rows"):
        read_events(features_file)


def test_pickled_objects_are_refused(features_file):
    with h5py.File(features_file, "r+") as file:
        pickled = np.empty(1, object)
        pickled[0] = np.frombuffer(b"cos\nsystem\n", np.uint8)
        file["df"].create_dataset("block1_values", data=pickled, dtype=h5py.vlen_dtype(np.uint8))
        file["df/block1_items"] = np.array([b"x"])
    with pytest.raises(InputError, match=r"must be numeric.*never unpickled"):
        read_events(features_file)


def test_pickled_names_are_refused(features_file):
    with h5py.File(features_file, "r+") as file:
        del file["df/block0_items"]
        file["df"].create_dataset("block0_items", data=["a"], dtype=h5py.string_dtype())
    with pytest.raises(InputError, match="column names as fixed strings"):
        read_events(features_file)


def test_memory_stays_near_the_size_of_the_result(tmp_path):
    n_rows = 500_000
    path = write_store(tmp_path / "f", jets(FEATURES, n_rows), chunk_rows=1092)
    tracemalloc.start()
    events = read_events(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < events.features.nbytes + events.mjj_tev.nbytes + 24 * 2**20


def test_importing_events_does_not_import_ray():
    code = "import sys, raysearch.events; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
