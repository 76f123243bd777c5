"""A search that may go on: with this very study, and with no other."""

import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from toys import hand_made_study, toy_events

from raysearch import api
from raysearch.density import CathodeSettings
from raysearch.directories import locked
from raysearch.errors import InputError
from raysearch.events import write_columns
from raysearch.files import write_json
from raysearch.inputs import describe
from raysearch.study import load_study

SAME = {"trials": 1, "go_on": True, "say": lambda line: None}
EVENTS = toy_events(600, 60)


@pytest.fixture
def study(monkeypatch, tmp_path):
    """A study of one file that was interrupted; what would train only tells that it was reached."""
    monkeypatch.setattr(api, "connected", lambda *given: nullcontext())
    monkeypatch.setattr(api, "_execute", lambda study, *given: ("resumed", study.directory))
    write_columns(tmp_path / "events.h5", EVENTS)
    made = hand_made_study(tmp_path / "study")
    inputs = describe({"events": tmp_path / "events.h5"})
    write_json(made.directory / "study.json", {**made.about, "inputs": inputs})
    return made.directory


def path_of(study):
    return Path(load_study(study).about["inputs"]["events"]["path"])


def test_the_same_study_goes_on(study, tmp_path):
    events = tmp_path / "events.h5"
    assert api.search(events, out=study, **SAME) == ("resumed", study)
    assert api.resume(study, say=SAME["say"]) == ("resumed", study)
    assert path_of(study) == events


def test_it_goes_on_where_its_file_lies_now(study, tmp_path):
    """A cluster unpacks uploaded files elsewhere for each head."""
    (tmp_path / "events.h5").rename(tmp_path / "moved.h5")
    with pytest.raises(InputError, match=r"must exist, but .*events\.h5 does not; repeat"):
        api.resume(study, say=SAME["say"])
    assert api.search(tmp_path / "moved.h5", out=study, **SAME) == ("resumed", study)
    assert path_of(study) == tmp_path / "moved.h5"
    assert api.resume(study, say=SAME["say"]) == ("resumed", study)


def test_it_goes_on_with_the_same_events_in_memory(study, tmp_path):
    (tmp_path / "events.h5").unlink()
    assert api.search(EVENTS, out=study, **SAME) == ("resumed", study)
    assert path_of(study) == study / "inputs" / "events.h5"
    assert api.resume(study, say=SAME["say"]) == ("resumed", study)


def test_it_goes_on_with_the_resources_that_are_given_now(study, tmp_path, monkeypatch):
    monkeypatch.setattr(
        api, "_execute", lambda study, settings, prepared, resources, say: resources
    )
    first = api.search(tmp_path / "events.h5", out=study, time_budget_s=60.0, **SAME)
    assert first.time_budget_s == 60.0
    assert api.resume(study, say=SAME["say"]) == first
    second = api.search(tmp_path / "events.h5", out=study, backend="direct", **SAME)
    assert (second.time_budget_s, second.backend) == (None, "direct")
    assert api.resume(study, say=SAME["say"]) == second


def test_a_complete_study_needs_its_file_no_more(study, tmp_path):
    write_json(study / "study.json", {**load_study(study).about, "ended_early": None})
    (tmp_path / "events.h5").unlink()
    assert api.resume(study, say=SAME["say"]) == load_study(study)


def test_a_study_of_other_settings_does_not(study, tmp_path):
    with pytest.raises(InputError, match=r"another study \(different repeats, seed\)"):
        api.search(tmp_path / "events.h5", out=study, seed=2, repeats=5, **SAME)


def test_a_study_of_other_events_does_not(study, tmp_path):
    write_columns(tmp_path / "others.h5", toy_events(600, 60, seed=1))
    with pytest.raises(InputError, match="goes on with the files it began with"):
        api.search(tmp_path / "others.h5", out=study, **SAME)


def test_settings_that_were_not_known_when_it_began_have_their_default(study, tmp_path):
    about = load_study(study).about
    del about["settings"]["cathode"]["trials"]
    write_json(study / "study.json", about)
    api.search(tmp_path / "events.h5", out=study, **SAME)
    with pytest.raises(InputError, match="different cathode"):
        api.search(tmp_path / "events.h5", out=study, cathode=CathodeSettings(trials=2), **SAME)


def test_it_does_not_unless_it_is_asked_to(study, tmp_path):
    with pytest.raises(InputError, match="holds this study; go on with it by"):
        api.search(tmp_path / "events.h5", out=study, trials=1)


JOIN = {"trials": 1, "join": True, "say": lambda line: None}


class TestJoining:
    @pytest.fixture(autouse=True)
    def nothing_runs(self, monkeypatch):
        """What would run trials only tells that it was reached."""
        part = SimpleNamespace(take_part=lambda study, *given: ("joined", study.directory))
        monkeypatch.setitem(sys.modules, "raysearch.execute", part)

    def test_a_running_study_is_joined(self, study, tmp_path):
        before = (study / "study.json").read_text()
        with locked(study):
            assert api.search(tmp_path / "events.h5", out=study, **JOIN) == ("joined", study)
        assert (study / "study.json").read_text() == before

    def test_one_that_nobody_runs_is_not(self, study, tmp_path):
        with pytest.raises(InputError, match=r"nobody runs .*study; go on with it by"):
            api.search(tmp_path / "events.h5", out=study, **JOIN)

    def test_nor_one_that_was_not_begun(self, tmp_path):
        with pytest.raises(InputError, match=r"holds none yet; begin it by the same command"):
            api.search(EVENTS, out=tmp_path / "new", **JOIN)

    def test_one_whose_densities_are_trained_is_waited_for(self, tmp_path):
        with locked(tmp_path / "new"), pytest.raises(InputError, match="another process prepares"):
            api.search(EVENTS, out=tmp_path / "new", **JOIN)

    def test_nor_one_of_other_settings(self, study, tmp_path):
        with locked(study), pytest.raises(InputError, match=r"one of different seed, history; rep"):
            api.search(tmp_path / "events.h5", out=study, seed=2, history="journal", **JOIN)

    def test_nor_one_of_other_events(self, study, tmp_path):
        write_columns(tmp_path / "others.h5", toy_events(600, 60, seed=1))
        with locked(study), pytest.raises(InputError, match="goes on with the files it began with"):
            api.search(tmp_path / "others.h5", out=study, **JOIN)
