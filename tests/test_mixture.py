"""A mixture of ensembles scores, is saved and loaded like any detector."""

import json

import numpy as np
import pytest
from toys import BASELINE, QUICK, fitted, toy_events, toy_rows, two_members

from raysearch.detectors import detector
from raysearch.detectors.ensemble import Ensemble
from raysearch.errors import InputError
from raysearch.features import feature_set, fit_variation
from raysearch.mixture import Mixture, Part, load_detector, mean_rank
from raysearch.scorer import Scorer

TEMPLATE = toy_events(300, 0, seed=9)


def part(name, features="baseline"):
    variation = fit_variation(features, TEMPLATE, 7)
    rows = toy_rows(200, 200, 40, d=len(feature_set(features).inputs))
    ensemble = Ensemble(name, features, fitted(detector(name), rows, two_members(400), QUICK[name]))
    scorer = Scorer(ensemble, variation)
    return Part(scorer, scorer.score(TEMPLATE).astype(np.float32))


@pytest.fixture(scope="module")
def mixture():
    return Mixture((part("hgb"), part("mlp", "baseline+rotated+noise2")))


def test_the_score_is_the_mean_of_the_parts_ranks(mixture):
    events = toy_events(80, 20)
    alone = [Mixture((each,)).score(events) for each in mixture.parts]
    np.testing.assert_allclose(mixture.score(events), np.mean(alone, axis=0), rtol=1e-6)


def test_a_part_does_not_count_more_for_the_scale_of_its_scores():
    template = np.linspace(0, 1, 101)
    events = np.array([0.5, 0.99, 2.0])
    far = mean_rank([(events, template), (1000 * events - 7, 1000 * template - 7)])
    np.testing.assert_allclose(far, mean_rank([(events, template)]), rtol=1e-5)


def test_saved_and_loaded_scores_agree(mixture, tmp_path):
    mixture.save(tmp_path)
    loaded = load_detector(tmp_path)
    events = toy_events(100, 20)
    np.testing.assert_array_equal(loaded.score(events), mixture.score(events))
    assert (loaded.detector, loaded.columns) == ("hgb + mlp", BASELINE)


def test_a_damaged_mixture_is_refused(mixture, tmp_path):
    mixture.save(tmp_path)
    (tmp_path / "1" / "template_scores.npy").unlink()
    with pytest.raises(InputError, match="must hold a whole mixture"):
        load_detector(tmp_path)


def test_another_schema_is_refused(mixture, tmp_path):
    mixture.save(tmp_path)
    (tmp_path / "mixture.json").write_text(json.dumps({"schema": 3, "parts": 2}))
    with pytest.raises(InputError, match="must have schema 2, but got 3"):
        load_detector(tmp_path)
