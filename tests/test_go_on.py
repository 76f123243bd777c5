"""A search that may go on: with this very study, and with no other."""

import pytest
from toys import hand_made_study, toy_events

from raysearch import api
from raysearch.errors import InputError
from raysearch.events import write_columns
from raysearch.files import write_json
from raysearch.inputs import describe

SAME = {"trials": 1, "go_on": True, "say": lambda line: None}


@pytest.fixture
def study(monkeypatch, tmp_path):
    """A study of one file; `resume` only says what it was given."""
    monkeypatch.setattr(api, "resume", lambda directory, **given: ("resumed", directory))
    monkeypatch.setattr(api, "_execute", lambda *a: pytest.fail("the search was started"))
    write_columns(tmp_path / "events.h5", toy_events(600, 60))
    made = hand_made_study(tmp_path / "study")
    inputs = describe({"events": tmp_path / "events.h5"})
    write_json(made.directory / "study.json", {**made.about, "inputs": inputs})
    return made.directory


def test_the_same_study_goes_on(study, tmp_path):
    events = tmp_path / "events.h5"
    assert api.search(events, out=study, **SAME) == ("resumed", study)
    (tmp_path / "moved.h5").write_bytes(events.read_bytes())
    assert api.search(tmp_path / "moved.h5", out=study, **SAME) == ("resumed", study)


def test_a_study_of_other_settings_does_not(study, tmp_path):
    with pytest.raises(InputError, match=r"another study \(different repeats, seed\)"):
        api.search(tmp_path / "events.h5", out=study, seed=2, repeats=5, **SAME)


def test_a_study_of_other_events_does_not(study, tmp_path):
    write_columns(tmp_path / "others.h5", toy_events(600, 60, seed=1))
    with pytest.raises(InputError, match="goes on with the files it began with"):
        api.search(tmp_path / "others.h5", out=study, **SAME)


def test_it_does_not_unless_it_is_asked_to(study, tmp_path):
    with pytest.raises(InputError, match="holds this study; go on with it by"):
        api.search(tmp_path / "events.h5", out=study, trials=1)
