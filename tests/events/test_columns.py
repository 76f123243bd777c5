import h5py
import numpy as np
import pytest
from event_stores import write_plain
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from raysearch.errors import InputError
from raysearch.events import Events, read_events, write_columns

MJJ = np.linspace(3.0, 4.0, 6)
TEV = {"mjj": "TeV"}


def same(a, b):
    assert (a.columns, a.units) == (b.columns, b.units)
    assert a.features.tobytes() == b.features.tobytes()
    assert a.mjj_tev.tobytes() == b.mjj_tev.tobytes()
    assert (a.labels is None) == (b.labels is None)
    assert a.labels is None or (a.labels == b.labels).all()


def test_round_trip(tmp_path, events):
    write_columns(tmp_path / "f.h5", events)
    same(read_events(tmp_path / "f.h5"), events)
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".h5"] == ["f.h5"]


@settings(max_examples=25)
@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    st.booleans(),
)
def test_round_trip_is_exact(tmp_path_factory, values, labelled):
    path = tmp_path_factory.mktemp("columns") / "f.h5"
    columns = tuple(f"z{9 - i}" for i in range(values.shape[1] - 1))
    labels = values[:, 0] > 0 if labelled else None
    events = Events(values[:, 1:], columns, ("1",) * len(columns), values[:, 0].copy(), labels)
    write_columns(path, events)
    same(read_events(path), events)


def test_a_failed_write_leaves_the_old_file(tmp_path, events, monkeypatch):
    write_columns(tmp_path / "f.h5", events)

    def fail(*_args):
        raise OSError("disk full")

    monkeypatch.setattr("raysearch.events.columns._write_column", fail)
    with pytest.raises(OSError, match="disk full"):
        write_columns(tmp_path / "f.h5", events.take(np.arange(3)))
    same(read_events(tmp_path / "f.h5"), events)
    assert len(list(tmp_path.glob("*.h5"))) == 1


@pytest.mark.parametrize("name", ["mjj", "label", "a/b", "."])
def test_names_that_cannot_be_written(tmp_path, name):
    events = Events(np.ones((2, 1), np.float32), (name,), ("1",), np.ones(2, np.float32))
    with pytest.raises(InputError, match="rename it"):
        write_columns(tmp_path / "f.h5", events)


def test_no_events_and_no_folder(tmp_path, events):
    with pytest.raises(InputError, match="at least one event"):
        write_columns(tmp_path / "f.h5", events.take(np.arange(0)))
    with pytest.raises(InputError, match="the folder must exist"):
        write_columns(tmp_path / "none" / "f.h5", events)


@pytest.mark.parametrize("group", ["/", "events", "a/b"])
def test_any_group_and_masses_in_gev(tmp_path, group):
    path = write_plain(
        tmp_path / "f",
        group,
        units={"mjj": "GeV", "mj1": "GeV", "pt": "furlong"},
        mjj=MJJ * 1000,
        mj1=MJJ * 100,
        pt=MJJ,
        tau=MJJ,
        label=np.array([0, 1, 0, 1, 1, 0]),
    )
    events = read_events(path)
    assert dict(zip(events.columns, events.units, strict=True)) == {
        "mj1": "TeV",
        "pt": "furlong",
        "tau": "1",
    }
    np.testing.assert_allclose(events.mjj_tev, MJJ, rtol=1e-6)
    np.testing.assert_allclose(events.column("mj1"), MJJ / 10, rtol=1e-6)
    assert events.labels.tolist() == [False, True, False, True, True, False]


@pytest.mark.parametrize("units", [{}, {"mjj": "kg"}])
def test_mjj_must_state_its_unit(tmp_path, units):
    with pytest.raises(InputError, match=r"'/events/mjj' must have a `unit`.*TeV"):
        read_events(write_plain(tmp_path / "f", units=units, mjj=MJJ))


def test_missing_mjj(tmp_path):
    with pytest.raises(InputError, match="'mjj', but the nearest is 'm_jj'"):
        read_events(write_plain(tmp_path / "f", m_jj=MJJ, x=MJJ))


def test_wrong_length(tmp_path):
    with pytest.raises(InputError, match="'/events/x' must have 6 rows as 'mjj' has, but has 2"):
        read_events(write_plain(tmp_path / "f", units=TEV, mjj=MJJ, x=MJJ[:2]))


def test_wrong_dimension(tmp_path):
    with pytest.raises(InputError, match=r"'/events/x' must have 1 dimension.*\(6, 1\)"):
        read_events(write_plain(tmp_path / "f", units=TEV, mjj=MJJ, x=MJJ[:, None]))


def test_not_numeric(tmp_path):
    with pytest.raises(InputError, match="'/events/x' must be numeric"):
        read_events(write_plain(tmp_path / "f", units=TEV, mjj=MJJ, x=np.array([b"a"] * 6)))


def test_not_finite(tmp_path):
    with pytest.raises(InputError, match=r"column 'x' must be finite.*row 2"):
        read_events(
            write_plain(tmp_path / "f", units=TEV, mjj=MJJ, x=np.array([1, 1, np.nan, 1, 1, 1]))
        )


def test_bytes_as_unit(tmp_path):
    path = write_plain(tmp_path / "f", units={"mjj": np.bytes_(b"TeV")}, mjj=MJJ)
    with h5py.File(path) as file:
        assert len(file["events"]) == 1
    assert read_events(path).columns == ()
