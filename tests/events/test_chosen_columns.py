import numpy as np
import pytest
from event_stores import EXTENDED, FEATURES, jets, write_plain, write_store

from raysearch.errors import InputError
from raysearch.events import read_events, write_columns
from raysearch.events.hdf5 import read_rows

MJJ = np.linspace(3.0, 4.0, 6)
TEV = {"mjj": "TeV"}


def lhco(path):
    write_store(path, jets([*FEATURES, "label"]))


def extended(path):
    write_store(path, jets([*EXTENDED, "label"]))


def columns_file(path):
    lhco(path.with_suffix(".lhco"))
    write_columns(path, read_events(path.with_suffix(".lhco")))


LAYOUTS = pytest.mark.parametrize("write", [lhco, extended, columns_file])


@LAYOUTS
def test_each_column_alone_equals_the_full_read(tmp_path, write):
    write(tmp_path / "f.h5")
    full = read_events(tmp_path / "f.h5")
    for name, unit in zip(full.columns, full.units, strict=True):
        alone = read_events(tmp_path / "f.h5", [name])
        assert (alone.columns, alone.units) == ((name,), (unit,))
        np.testing.assert_array_equal(alone.features[:, 0], full.column(name))
        np.testing.assert_array_equal(alone.mjj_tev, full.mjj_tev)
        np.testing.assert_array_equal(alone.labels, full.labels)


@LAYOUTS
@pytest.mark.parametrize(
    "wanted",
    [("mj1", "delta_mj", "tau21j1", "tau21j2"), ("tau32j2", "delta_r", "tau1j1", "mj1"), ()],
)
def test_the_order_asked_for(tmp_path, write, wanted):
    write(tmp_path / "f.h5")
    full = read_events(tmp_path / "f.h5")
    events = read_events(tmp_path / "f.h5", wanted)
    assert events.columns == wanted
    assert events.features.shape == (len(full), len(wanted))
    for name in wanted:
        np.testing.assert_array_equal(events.column(name), full.column(name))


@LAYOUTS
def test_missing_columns_are_named_with_the_offer(tmp_path, write):
    write(tmp_path / "f.h5")
    wanted = ["mj1", "tau21_j1", "q"]
    with pytest.raises(InputError, match=r"columns tau21_j1, q, but.*nearest: tau21j1.*mj1, delta"):
        read_events(tmp_path / "f.h5", wanted)


def test_a_repeated_column(tmp_path):
    lhco(tmp_path / "f")
    with pytest.raises(InputError, match="must differ"):
        read_events(tmp_path / "f", ["mj1", "delta_r", "mj1"])


def test_a_file_without_features(tmp_path):
    path = write_plain(tmp_path / "f", units=TEV, mjj=MJJ)
    with pytest.raises(InputError, match="Offered: none besides mjj"):
        read_events(path, ["mj1"])


def test_only_chosen_columns_are_checked(tmp_path):
    c = jets(FEATURES)
    c["tau3j2"][321] = np.nan
    c["tau2j1"][400] = c["tau2j2"][400] = np.inf
    path = write_store(tmp_path / "f", c)
    assert np.isfinite(read_events(path, ["mj1", "tau1j1"]).features).all()
    with pytest.raises(InputError, match=r"column 'tau2j\d' .*row 400"):
        read_events(path, ["tau21j1"])


def test_only_chosen_data_sets_are_loaded(tmp_path, monkeypatch):
    path = write_plain(tmp_path / "f", units=TEV, mjj=MJJ, x=MJJ, y=MJJ, label=MJJ > 3.5)
    loaded = []

    def spy(dataset, start, stop):
        loaded.append(dataset.name)
        return read_rows(dataset, start, stop)

    monkeypatch.setattr("raysearch.events.columns.read_rows", spy)
    assert read_events(path, ["x"]).columns == ("x",)
    assert loaded == ["/events/mjj", "/events/x", "/events/label"]
