"""The tree families: balanced weights, log odds, and files that hold no code."""

import os
import pickle

import numpy as np
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from toys import QUICK, fitted, toy_rows, two_members

from raysearch.detectors import DETECTORS, detector
from raysearch.detectors.trees import balanced_weights
from raysearch.errors import InputError
from raysearch.regions import folds

TREES = ["hgb", "adaboost"]


class Hostile:
    """Would run a command if it were unpickled."""

    def __reduce__(self):
        return os.system, ("touch /tmp/raysearch_was_here",)


@pytest.fixture(scope="module")
def rows():
    return toy_rows(300, 300, 60)


@given(st.lists(st.booleans(), min_size=2).filter(lambda c: 0 < sum(c) < len(c)))
def test_both_classes_weigh_the_same_and_together_n(classes):
    is_data = np.array(classes)
    weights = balanced_weights(is_data)
    assert weights[is_data].sum() == pytest.approx(weights[~is_data].sum())
    assert weights.sum() == pytest.approx(len(is_data))


@pytest.mark.parametrize("name", TREES)
class TestTrees:
    def test_scores_are_log_odds(self, name, rows):
        snapshot = fitted(detector(name), rows, two_members(600), QUICK[name])
        probability = [model.predict_proba(rows.features)[:, 1] for model in snapshot.models]
        np.testing.assert_allclose(
            expit(snapshot.scores(rows.features)), np.stack(probability), rtol=1e-5
        )

    def test_it_yields_once_whatever_epochs_are_asked(self, name, rows):
        for epochs in (None, 1, 100):
            fits = detector(name).fit(rows, two_members(600), [QUICK[name]] * 2, epochs=epochs)
            assert sum(1 for _ in fits) == 1

    def test_its_defaults_are_accepted(self, name, rows):
        whole = dict(DETECTORS[name].defaults)
        assert fitted(detector(name), rows, two_members(600)[:1], whole)

    def test_a_depth_of_zero_is_no_limit(self, name, rows):
        def scores(depth):
            given_depth = {**QUICK[name], "max_depth": depth}
            fits = fitted(detector(name), rows, two_members(600)[:1], given_depth)
            return fits.scores(rows.features)

        np.testing.assert_array_equal(scores(0), scores(500))
        assert not np.array_equal(scores(0), scores(1))

    def test_seeds_beyond_32_bits_are_taken(self, name, rows):
        members = two_members(600, seed=2**62)
        assert fitted(detector(name), rows, members, QUICK[name])

    def test_a_file_of_another_type_is_refused(self, name, tmp_path):
        model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
        model.coef_ = _Untrusted()
        skops.io.dump([model], tmp_path / "trees.skops")
        with pytest.raises(InputError, match=r"only scikit-learn trees, .*_Untrusted.* not loaded"):
            detector(name).load(tmp_path)

    def test_a_pickle_is_refused_and_not_run(self, name, tmp_path, monkeypatch):
        ran = []
        monkeypatch.setattr(os, "system", ran.append)
        (tmp_path / "trees.skops").write_bytes(pickle.dumps(Hostile()))
        with pytest.raises(InputError, match=r"must hold trees\.skops"):
            detector(name).load(tmp_path)
        assert not ran


class _Untrusted:
    """A type that is not scikit-learn's."""

    def __init__(self):
        self.payload = 1


def test_hgb_stops_early_on_the_validation_rows(rows):
    noise = toy_rows(300, 300, 0)
    snapshot = fitted(detector("hgb"), noise, two_members(600), {"max_iter": 150})
    assert all(model.n_iter_ < 60 for model in snapshot.models)


def test_hgb_bins_are_made_of_training_rows_alone(rows):
    train, held = next(folds(rows.is_data, 2, np.random.default_rng(0)))
    member = type(two_members(2)[0])(train, held, 0)
    one, other = rows.features.copy(), rows.features.copy()
    other[held] *= 1e6
    before, after = (
        fitted(detector("hgb"), type(rows)(x, rows.is_data), [member], QUICK["hgb"])
        for x in (one, other)
    )
    np.testing.assert_array_equal(before.scores(rows.features), after.scores(rows.features))
