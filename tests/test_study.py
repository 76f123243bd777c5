"""A study on disk: loading, its best setup, scoring a file."""

import json

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score
from toys import VIEW, hand_made_study, toy_events

from raysearch import load_study
from raysearch.errors import InputError
from raysearch.events import read_events, write_columns
from raysearch.preference import Preference
from raysearch.score import score_file


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return hand_made_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def events_file(tmp_path):
    write_columns(tmp_path / "events.h5", toy_events(300, 60))
    return tmp_path / "events.h5"


def test_a_loaded_study_is_the_one_written(study):
    loaded = load_study(str(study.directory))
    assert loaded == study
    assert loaded.table().num_rows == 1
    assert loaded.best["trial_id"] == "00000"


def test_a_directory_without_a_study_is_refused(tmp_path):
    for directory in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match=r"must hold study\.json, but"):
            load_study(directory)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": 99, "versions": {"raysearch": "7"}}', r"must have schema 3, but got 99; .*7"),
        ("{}", "must have schema 3, but got None"),
        ('{"schema":', "must be whole JSON"),
        ("", "must be whole JSON"),
    ],
)
def test_a_study_that_cannot_be_read_is_refused(tmp_path, text, message):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(InputError, match=message):
        load_study(tmp_path)


def test_without_a_complete_trial_there_is_no_best(tmp_path):
    study = hand_made_study(tmp_path, complete=False)
    with pytest.raises(InputError, match="a best setup needs a complete trial"):
        _ = study.best
    (tmp_path / "selection.json").unlink()
    with pytest.raises(InputError, match="a best setup needs a complete trial"):
        _ = study.best


def test_the_summary_ends_with_the_verdict_and_names_the_winner_before(tmp_path):
    study = hand_made_study(tmp_path)
    assert study.preference is None
    what = "hgb on baseline in idealised mode max_iter=8"
    best = f"best setup by val_sic: {what}"
    assert study.summary() == best
    selection = study.selection
    asked = {**Preference(1.2, 0.4, 400, 50, 60)._asdict(), "is_clear": False, "alarm_rate": 0.05}
    luck = f"largest val_sic among the trials, which may be luck: {what}"
    for found, winner, headline in (
        (asked, luck, "No preference: on 50 data"),
        (None, best, "No verdict: no events"),
        (asked | {"is_clear": True}, best, "Preference: on 50"),
    ):
        selection["choices"]["recommended"] = {"preference": found, "setup": VIEW._asdict()}
        (tmp_path / "selection.json").write_text(json.dumps(selection))
        assert study.preference == found
        first, last = study.summary().splitlines()
        assert first == winner
        assert last.startswith(headline)


def test_without_a_complete_trial_the_summary_says_so(tmp_path):
    assert "nothing was chosen" in hand_made_study(tmp_path, complete=False).summary()


def test_a_study_without_scores_has_an_empty_table_of_them(study):
    assert study.scores().num_rows == 0
    assert "is_signal" in study.scores().column_names


def test_a_detector_that_was_not_chosen_is_refused_with_the_remedy(study):
    with pytest.raises(InputError, match=r"unknown objective 'val_los'; .* 'val_loss'"):
        study.detector("val_los")
    with pytest.raises(InputError, match="resume"):
        study.detector("val_loss")


def test_scores_never_replace_the_events(study, events_file):
    with pytest.raises(InputError, match="must not be the events file"):
        score_file(study.directory, events_file, events_file)


def test_a_study_killed_before_its_first_table_has_an_empty_one(study):
    (study.directory / "trials.parquet").unlink(missing_ok=True)
    assert study.table().num_rows == 0


def test_scored_rows_keep_order_mass_and_labels(study, events_file, tmp_path):
    assert score_file(study.directory, events_file, tmp_path / "scores.h5") == 360
    events, scored = read_events(events_file), read_events(tmp_path / "scores.h5")
    assert scored.columns == ("score",)
    np.testing.assert_array_equal(scored.mjj_tev, events.mjj_tev)
    np.testing.assert_array_equal(scored.labels, events.labels)
    expected = study.detector().score(events).astype(np.float32)
    np.testing.assert_array_equal(scored.column("score"), expected)


def test_scores_are_log_odds_of_the_mean_probability(study, events_file):
    events = read_events(events_file)
    scorer = study.detector()
    member = scorer.ensemble.snapshot.scores(events.features).astype(float)
    np.testing.assert_allclose(scorer.score(events), logit(expit(member).mean(axis=0)))


def test_a_saved_detector_finds_the_signal_in_a_new_file(study):
    rng = np.random.default_rng(3)
    features = rng.normal(size=(400, 4)) + 3 * (np.arange(400) >= 200)[:, None]
    events = toy_events(400, 0)
    new = type(events)(features.astype(np.float32), events.columns, events.units, events.mjj_tev)
    assert roc_auc_score(np.arange(400) >= 200, study.detector().score(new)) > 0.9


def test_a_file_without_labels_is_scored_without(study, tmp_path):
    write_columns(tmp_path / "events.h5", toy_events(30, 0, labels=False))
    score_file(study.directory, tmp_path / "events.h5", tmp_path / "scores.h5")
    assert read_events(tmp_path / "scores.h5").labels is None


def test_a_file_that_lacks_columns_is_refused_and_leaves_nothing(study, tmp_path):
    events = toy_events(30, 0)
    other = type(events)(events.features, tuple("abcd"), events.units, events.mjj_tev)
    write_columns(tmp_path / "events.h5", other)
    with pytest.raises(InputError, match="mj1"):
        score_file(study.directory, tmp_path / "events.h5", tmp_path / "scores.h5")
    assert not (tmp_path / "scores.h5").exists()


def test_study_json_holds_the_settings(study):
    assert json.loads((study.directory / "study.json").read_text()) == study.about
