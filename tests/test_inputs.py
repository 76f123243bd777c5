"""What a study reads, and what it stores of it."""

from pathlib import Path

import numpy as np
import pytest
from toys import toy_events

from raysearch import inputs
from raysearch.errors import InputError
from raysearch.events import read_events, shared_rows, write_columns
from raysearch.inputs import describe, moved, read_inputs, stored, surrogate_inputs, unchanged
from raysearch.regions import SIGNAL_REGION


@pytest.fixture
def small_surrogate(monkeypatch):
    monkeypatch.setattr(inputs, "SURROGATE_BACKGROUND", 3000)
    monkeypatch.setattr(inputs, "SURROGATE_SIGNAL_POOL", 500)
    monkeypatch.setattr(inputs, "SURROGATE_TEMPLATE", 400)
    monkeypatch.setattr(inputs, "SURROGATE_TEST", (600, 200))


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
        read = read_inputs({"events": source, "template": None, "test": None}, "baseline")
        np.testing.assert_array_equal(read.events.features, events.features)
        assert read.template is read.test is None
        assert not read.is_surrogate


def test_a_template_or_test_alone_is_refused():
    with pytest.raises(InputError, match="need events beside them"):
        read_inputs({"events": None, "template": toy_events(50, 0), "test": None}, "baseline")


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="needs the columns delta_r,"):
        read_inputs({"events": toy_events(9, 1), "template": None, "test": None}, "baseline_dr")


@pytest.mark.usefixtures("small_surrogate")
class TestSurrogate:
    def test_its_parts_have_the_embedded_sizes(self):
        made = surrogate_inputs("baseline", SIGNAL_REGION, None, 1)
        assert made.is_surrogate
        assert (len(made.events), made.events.labels.sum()) == (3500, 500)
        assert (len(made.template), made.template.labels.sum()) == (400, 0)
        assert (len(made.test), made.test.labels.sum()) == (800, 200)

    def test_its_parts_are_independent(self):
        made = surrogate_inputs("baseline", SIGNAL_REGION, None, 1)
        parts = (made.events, made.template, made.test)
        assert all(shared_rows(a, b) == 0 for a in parts for b in parts if a is not b)

    def test_template_and_test_lie_in_the_region_and_data_beside_it_too(self):
        made = surrogate_inputs("baseline", SIGNAL_REGION, None, 1)
        assert SIGNAL_REGION.contains(made.template.mjj_tev).all()
        assert SIGNAL_REGION.contains(made.test.mjj_tev).all()
        assert 0.03 < SIGNAL_REGION.contains(made.events.mjj_tev).mean() < 0.6

    def test_equal_seeds_give_equal_events_and_others_differ(self):
        first, again, other = (
            surrogate_inputs("baseline", SIGNAL_REGION, None, s).events for s in (1, 1, 2)
        )
        np.testing.assert_array_equal(first.features, again.features)
        assert shared_rows(first, other) == 0

    def test_it_holds_as_much_signal_as_is_to_be_injected(self):
        assert surrogate_inputs("baseline", SIGNAL_REGION, 700, 1).events.labels.sum() == 700

    def test_a_set_it_has_no_columns_for_is_refused(self):
        with pytest.raises(InputError, match="needs the columns tau32j1"):
            surrogate_inputs("extended_1", SIGNAL_REGION, None, 1)


def test_a_changed_file_is_noticed(tmp_path):
    path = tmp_path / "a.h5"
    write_columns(path, toy_events(50, 5))
    origin = describe({"events": path})
    assert unchanged(origin) == {"events": path, "template": None, "test": None}
    write_columns(path, toy_events(50, 5, seed=1))
    with pytest.raises(InputError, match=r"the events file of a resumed study must be unchanged"):
        unchanged(origin)
    path.unlink()
    with pytest.raises(InputError, match=r"resumed study must exist, but .*a\.h5 .*new place"):
        unchanged(origin)


def test_the_same_inputs_are_told_with_the_places_where_they_lie_now(tmp_path):
    events = toy_events(50, 5)
    origin = {name: {"path": "/gone.h5", "sha256": name} for name in ("events", "test")}
    now = moved(origin, {"events": tmp_path / "a.h5", "test": events}, tmp_path / "inputs")
    assert now["events"] == {"path": str(tmp_path / "a.h5"), "sha256": "events"}
    assert now["test"] == {"path": str(tmp_path / "inputs" / "test.h5"), "sha256": "test"}
    assert (tmp_path / "inputs" / "test.h5").is_file()


def test_a_mode_that_takes_no_template_gets_none_of_the_surrogate(small_surrogate):
    inputs = surrogate_inputs("baseline", SIGNAL_REGION, 100, 1, with_template=False)
    assert inputs.template is None
    assert len(inputs.test) > 0
