"""What a study reads, and what it stores of it."""

from pathlib import Path

import numpy as np
import pytest
from toys import toy_events

from raysearch import inputs
from raysearch.errors import InputError
from raysearch.events import read_events, shared_rows, write_columns
from raysearch.inputs import (
    NAMES,
    describe,
    for_mode,
    moved,
    read_inputs,
    stored,
    surrogate_inputs,
    unchanged,
)
from raysearch.regions import SIGNAL_REGION


@pytest.fixture
def small_surrogate(monkeypatch):
    monkeypatch.setattr(inputs, "SURROGATE_BACKGROUND", 3000)
    monkeypatch.setattr(inputs, "SURROGATE_SIGNAL_POOL", 500)
    monkeypatch.setattr(inputs, "SURROGATE_TEMPLATE", 400)
    monkeypatch.setattr(inputs, "SURROGATE_TEST", (600, 200))


def read(features=("baseline",), modes=("idealised",), **sources):
    return read_inputs({**dict.fromkeys(NAMES), **sources}, features, modes)


def test_events_in_memory_are_stored_and_read_alike(tmp_path):
    events = toy_events(50, 5)
    paths = stored({"events": events, "test": None}, tmp_path / "study" / "inputs")
    assert list(paths) == ["events"]
    again = read_events(paths["events"])
    np.testing.assert_array_equal(again.features, events.features)
    np.testing.assert_array_equal(again.labels, events.labels)


def test_stored_paths_do_not_depend_on_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_columns(tmp_path / "a.h5", toy_events(50, 5))
    paths = stored({"template": "a.h5", "events": toy_events(50, 5)}, Path("study"))
    assert paths["template"] == tmp_path / "a.h5"
    assert all(path.is_absolute() for path in paths.values())


def test_files_and_events_in_memory_are_read_alike(tmp_path):
    events = toy_events(50, 5)
    write_columns(tmp_path / "a.h5", events)
    for source in (events, tmp_path / "a.h5", str(tmp_path / "a.h5")):
        found = read(events=source)
        np.testing.assert_array_equal(found.events.features, events.features)
        assert found.template is found.test is None
        assert not found.is_surrogate


def test_a_template_or_test_alone_is_refused():
    with pytest.raises(InputError, match="need events beside them"):
        read(template=toy_events(50, 0))


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="'baseline_dr' needs the columns delta_r,"):
        read(["baseline", "baseline_dr"], events=toy_events(9, 1))


def test_several_feature_sets_are_read_at_once_each_column_once():
    wide = toy_events(50, 5)
    more = type(wide)(
        np.c_[wide.features, wide.features[:, :1]], (*wide.columns, "delta_r"), (*wide.units, "1"),
        wide.mjj_tev, wide.labels,
    )  # fmt: skip
    both = read(["baseline", "baseline_dr", "baseline+noise3"], events=more).events
    assert both.columns == more.columns
    np.testing.assert_array_equal(both.features, more.features)
    assert read(events=more).events.columns == wide.columns


@pytest.mark.parametrize(
    ("modes", "template", "shares"),
    [
        (("cwola", "idealised"), None, True),
        (("cwola", "cathode"), None, False),
        (("idealised", "cwola"), toy_events(200, 0, seed=4, first_id=9000), False),
    ],
)
def test_all_modes_go_without_the_share_that_one_of_them_takes(modes, template, shares):
    found = read(modes=modes, events=toy_events(), template=template)
    assert found.shares_template == shares
    assert (for_mode(found, "idealised").template is None) == (template is None)
    assert for_mode(found, "cwola").template is None


def test_a_template_that_no_mode_takes_is_refused():
    with pytest.raises(InputError, match="asked for is cwola, cathode; leave it out"):
        read(modes=("cwola", "cathode"), events=toy_events(), template=toy_events(seed=1))


@pytest.mark.usefixtures("small_surrogate")
class TestSurrogate:
    def test_its_parts_have_the_embedded_sizes(self):
        made = surrogate_inputs(["baseline"], SIGNAL_REGION, None, 1)
        assert made.is_surrogate
        assert (len(made.events), made.events.labels.sum()) == (3500, 500)
        assert (len(made.template), made.template.labels.sum()) == (400, 0)
        assert (len(made.test), made.test.labels.sum()) == (800, 200)

    def test_its_parts_are_independent(self):
        made = surrogate_inputs(["baseline"], SIGNAL_REGION, None, 1)
        parts = (made.events, made.template, made.test)
        assert all(shared_rows(a, b) == 0 for a in parts for b in parts if a is not b)

    def test_template_and_test_lie_in_the_region_and_data_beside_it_too(self):
        made = surrogate_inputs(["baseline"], SIGNAL_REGION, None, 1)
        assert SIGNAL_REGION.contains(made.template.mjj_tev).all()
        assert SIGNAL_REGION.contains(made.test.mjj_tev).all()
        assert 0.03 < SIGNAL_REGION.contains(made.events.mjj_tev).mean() < 0.6

    def test_equal_seeds_give_equal_events_and_others_differ(self):
        first, again, other = (
            surrogate_inputs(["baseline"], SIGNAL_REGION, None, s).events for s in (1, 1, 2)
        )
        np.testing.assert_array_equal(first.features, again.features)
        assert shared_rows(first, other) == 0

    def test_it_holds_as_much_signal_as_is_to_be_injected(self):
        assert surrogate_inputs(["baseline"], SIGNAL_REGION, 700, 1).events.labels.sum() == 700

    def test_a_set_it_has_no_columns_for_is_refused(self):
        with pytest.raises(InputError, match="needs the columns tau32j1"):
            surrogate_inputs(["extended_1"], SIGNAL_REGION, None, 1)


def test_a_changed_file_is_noticed(tmp_path):
    path = tmp_path / "a.h5"
    write_columns(path, toy_events(50, 5))
    origin = describe({"events": path})
    assert unchanged(origin, tmp_path / "inputs") == {
        "events": path,
        "template": None,
        "test": None,
    }
    write_columns(path, toy_events(50, 5, seed=1))
    with pytest.raises(InputError, match=r"the events file of a resumed study must be unchanged"):
        unchanged(origin, tmp_path / "inputs")
    path.unlink()
    with pytest.raises(InputError, match=r"resumed study must exist, but .*a\.h5 .*new place"):
        unchanged(origin, tmp_path / "inputs")


def test_the_same_inputs_are_told_with_the_places_where_they_lie_now(tmp_path):
    events = toy_events(50, 5)
    origin = {name: {"path": "/gone.h5", "sha256": name} for name in ("events", "test")}
    now = moved(origin, {"events": tmp_path / "a.h5", "test": events}, tmp_path / "inputs")
    assert now["events"] == {"path": str(tmp_path / "a.h5"), "sha256": "events"}
    assert now["test"] == {"path": str(tmp_path / "inputs" / "test.h5"), "sha256": "test"}
    assert (tmp_path / "inputs" / "test.h5").is_file()
