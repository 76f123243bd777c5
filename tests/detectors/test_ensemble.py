"""An ensemble: mean probabilities, saved and loaded, refused when it is not ours."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, logit
from toys import QUICK, fitted, toy_events, toy_rows, two_members

from raysearch.detectors import detector
from raysearch.detectors.ensemble import Ensemble, from_probability, load_ensemble, mean_log_odds
from raysearch.errors import InputError

SCORES = st.integers(1, 5).flatmap(lambda k: arrays(float, (k, 6), elements=st.floats(-15, 15)))


@pytest.fixture(scope="module")
def ensemble():
    rows = toy_rows(200, 200, 40, d=4)
    return Ensemble("hgb", "baseline", fitted(detector("hgb"), rows, two_members(400), {}))


@given(SCORES)
def test_the_mean_is_taken_of_probabilities(scores):
    expected = logit(expit(scores).mean(axis=0))
    np.testing.assert_allclose(mean_log_odds(scores), expected, atol=1e-8)


@given(SCORES)
def test_the_mean_lies_between_the_members(scores):
    mean = mean_log_odds(scores)
    assert (mean >= scores.min(axis=0) - 1e-6).all()
    assert (mean <= scores.max(axis=0) + 1e-6).all()


@given(SCORES, st.randoms())
def test_the_order_of_the_members_does_not_matter(scores, random):
    order = random.sample(range(len(scores)), len(scores))
    np.testing.assert_allclose(mean_log_odds(scores[order]), mean_log_odds(scores), atol=1e-8)


def test_probabilities_of_zero_and_one_have_finite_log_odds():
    assert np.isfinite(from_probability(np.array([0.0, 1.0]))).all()
    assert np.isfinite(mean_log_odds(np.array([[-1e4, 1e4]]))).all()


def test_small_probabilities_keep_their_order():
    scores = mean_log_odds(np.array([[-40.0, -35.0, -30.0]]))
    assert (np.diff(scores) > 4.9).all()


@pytest.mark.parametrize("name", QUICK)
def test_saved_and_loaded_ensembles_score_alike(name, tmp_path):
    rows = toy_rows(200, 200, 40, d=4)
    members = fitted(detector(name), rows, two_members(400), QUICK[name])
    Ensemble(name, "baseline", members).save(tmp_path)
    events = toy_events(100, 10)
    loaded = load_ensemble(tmp_path)
    assert (loaded.detector, loaded.features) == (name, "baseline")
    expected = Ensemble(name, "baseline", members).score(events)
    np.testing.assert_array_equal(loaded.score(events), expected)


def test_columns_are_found_by_name(ensemble):
    events = toy_events(50, 5)
    order = [2, 0, 3, 1]
    mixed = type(events)(
        events.features[:, order].copy(),
        tuple(events.columns[i] for i in order),
        tuple(events.units[i] for i in order),
        events.mjj_tev,
    )
    np.testing.assert_array_equal(ensemble.score(mixed), ensemble.score(events))


def test_another_schema_is_refused(ensemble, tmp_path):
    ensemble.save(tmp_path)
    about = tmp_path / "detector.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "schema": 2}))
    with pytest.raises(InputError, match="must have schema 1, but got 2"):
        load_ensemble(tmp_path)


def test_an_unknown_detector_is_refused(ensemble, tmp_path):
    ensemble.save(tmp_path)
    about = tmp_path / "detector.json"
    about.write_text(about.read_text().replace('"hgb"', '"os.system"'))
    with pytest.raises(InputError, match=r"unknown detector 'os\.system'"):
        load_ensemble(tmp_path)


def test_an_empty_directory_is_refused(tmp_path):
    with pytest.raises(InputError, match="must hold a saved detector"):
        load_ensemble(tmp_path)
