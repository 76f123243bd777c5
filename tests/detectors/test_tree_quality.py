"""The tree families against scikit-learn's own, where both must find the same."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.ensemble import (
    AdaBoostClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier
from toys import fitted, toy_rows

from raysearch.detectors import Member, detector
from raysearch.detectors.trees import balanced_weights
from raysearch.samples import Rows


def coarse_rows(step=0.25):
    """Rows of few values, so that bins and exact splits are the same."""
    rows = toy_rows(900, 1500, 150)
    return Rows((np.round(rows.features / step) * step).astype(np.float32), rows.is_data)


def halves():
    return Member(np.arange(0, 2400, 2), np.arange(1, 2400, 2), 5)


def scores(name, rows, parameters, member=None):
    return fitted(detector(name), rows, [member or halves()], parameters).scores(rows.features)[0]


def reference(model, rows):
    train = halves().train
    is_data = rows.is_data[train]
    model.fit(rows.features[train], is_data, sample_weight=balanced_weights(is_data))
    return model


# Leaves stay far above the smallest size, which LightGBM counts otherwise.
BOOSTING = {"learning_rate": 0.2, "max_iter": 9, "max_leaf_nodes": 4, "l2_regularization": 0.7}


@pytest.mark.parametrize("name", ["hgb", "lightgbm"])
def test_gradient_boosting_agrees_with_scikit_learn(name):
    rows = toy_rows(900, 1500, 300, shift=1.0)
    rows = Rows(np.clip(np.round(rows.features), -1, 2), rows.is_data)
    expected = reference(HistGradientBoostingClassifier(early_stopping=False, **BOOSTING), rows)
    np.testing.assert_allclose(
        scores(name, rows, {**BOOSTING, "max_depth": 0}),
        expected.decision_function(rows.features),
        atol=2e-3,
    )


@pytest.mark.parametrize("signal", [0, 400])
def test_lightgbm_stops_where_hgb_does(signal):
    rows = toy_rows(1200, 1200, signal, shift=0.8)
    parameters = {"learning_rate": 0.3, "max_leaf_nodes": 3}
    (own,) = fitted(detector("lightgbm"), rows, [halves()], parameters).models
    (other,) = fitted(detector("hgb"), rows, [halves()], parameters).models
    assert 10 <= len(own.trees.leaves) < 100
    # Their trees differ where a leaf is near the smallest size.
    assert abs(len(own.trees.leaves) - other.model.n_iter_) <= 3


def test_lightgbm_takes_log_odds_of_any_size():
    rows = Rows(np.repeat([[0.0], [1.0]], 1200, axis=0).astype(np.float32), np.arange(2400) > 1199)
    found = scores("lightgbm", rows, {"learning_rate": 10.0, "max_iter": 30})
    assert np.isfinite(found).all()
    assert (found > 5).tolist() == rows.is_data.tolist()


@pytest.mark.parametrize("learning_rate", [0.1, 1.0])
@pytest.mark.parametrize("shape", [(2, None), (8, None), (8, 2)])
def test_adaboost_agrees_with_scikit_learn(learning_rate, shape):
    leaves, depth = shape
    rows = coarse_rows()
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, max_depth=depth, min_samples_leaf=1)
    boosting = {"n_estimators": 6, "learning_rate": learning_rate}
    expected = reference(AdaBoostClassifier(tree, **boosting, random_state=0), rows)
    found = scores(
        "adaboost",
        rows,
        {
            **boosting,
            "max_leaf_nodes": leaves,
            "max_depth": depth or 0,
            "min_samples_leaf": 1,
        },
    )
    # Of equally good splits either may be chosen: a few events then get another vote.
    agree = np.isclose(found, expected.decision_function(rows.features), atol=1e-5)
    assert agree.mean() > 0.99


def test_adaboost_ends_with_a_tree_that_errs_nowhere():
    rows = Rows(np.repeat([[0.0], [1.0]], 1200, axis=0).astype(np.float32), np.arange(2400) > 1199)
    found = scores("adaboost", rows, {})
    np.testing.assert_array_equal(found, np.where(rows.is_data, 2, -2))


def test_adaboost_without_anything_to_split_prefers_nothing():
    rows = Rows(np.ones((2400, 2), np.float32), np.arange(2400) % 3 > 0)
    member = Member(np.arange(1200), np.arange(1200, 2400), 0)
    assert not scores("adaboost", rows, {}, member).any()


def test_a_random_forest_gives_the_balanced_share_of_data():
    # 3 in 4 data rows and 1 in 4 template rows have the value 1.
    is_data = np.arange(2400) < 800
    values = (np.arange(2400) // 2 % 4 == 0) ^ is_data
    rows = Rows(values[:, None].astype(np.float32), is_data)
    parameters = {"n_estimators": 50, "max_features": 1.0}
    probability = expit(scores("random_forest", rows, parameters))
    np.testing.assert_allclose(probability, np.where(values, 0.75, 0.25), atol=0.02)


def test_a_random_forest_is_as_good_as_scikit_learns():
    rows, n = toy_rows(3000, 3000, 300, shift=2.0), 6000
    member = Member(np.arange(0, n, 2), np.arange(1, n, 2), 1)
    shape = {"n_estimators": 40, "max_leaf_nodes": 30, "min_samples_leaf": 20, "max_features": 0.5}
    is_data = rows.is_data[member.train]
    forest = RandomForestClassifier(**shape, random_state=1, n_jobs=1)
    forest.fit(rows.features[member.train], is_data, sample_weight=balanced_weights(is_data))
    test = np.random.default_rng(2).normal(size=(8000, 3)).astype(np.float32)
    test[4000:] += 2
    own = fitted(detector("random_forest"), rows, [member], shape).scores(test)[0]
    truth = np.arange(8000) >= 4000
    expected = roc_auc_score(truth, forest.predict_proba(test)[:, 1])
    assert roc_auc_score(truth, own) == pytest.approx(expected, abs=0.01)


def test_random_forests_of_different_seeds_differ():
    rows = toy_rows(1200, 1200)
    members = [Member(halves().train, halves().validation, seed) for seed in (1, 2)]
    one, other = (scores("random_forest", rows, {"n_estimators": 5}, m) for m in members)
    assert not np.array_equal(one, other)
