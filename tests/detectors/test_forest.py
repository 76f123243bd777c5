"""Forests: scored as their arrays say, and nothing is followed that leads nowhere."""

import dataclasses
import pickle

import numpy as np
import pytest
from scipy.special import expit
from toys import fitted, toy_rows, two_members

from raysearch.detectors import detector
from raysearch.detectors.flat_trees import Trees, joined
from raysearch.detectors.forest import Forest


def trees(**changes):
    """A tree of three leaves on columns 0 and 1, and one of two leaves on column 1."""
    arrays = {
        "leaves": np.array([3, 2], np.int32),
        "feature": np.array([0, 1, 1], np.int32),
        "threshold": np.array([0.5, -1.0, 2.0]),
        "left": np.array([1, ~0, ~0], np.int32),
        "right": np.array([~2, ~1, ~1], np.int32),
        "value": np.array([1.0, 2.0, 4.0, 10.0, 20.0]),
    }
    return Trees(**{**arrays, **changes})


def walked(forest, row):
    """The sum over trees for one row, node by node."""
    total = 0.0
    for tree in forest.trees:
        node = 0 if len(tree.feature) else ~0
        while node >= 0:
            goes_left = row[tree.feature[node]] <= tree.threshold[node]
            node = (tree.left if goes_left else tree.right)[node]
        total += tree.value[~node]
    return total


def test_a_row_falls_where_the_arrays_say():
    rows = np.array([[0.5, -1.0], [0.5, -0.9], [0.6, -1.0], [0.6, 2.1]], np.float32)
    expected = [11.0, 12.0, 14.0, 24.0]
    np.testing.assert_array_equal(Forest(trees(), 2).decision_function(rows), expected)


@pytest.mark.parametrize("name", ["lightgbm", "adaboost"])
def test_training_rows_on_an_edge_fall_as_they_did_in_training(name):
    # Few values: every row lies on an edge.
    rows = toy_rows(300, 300, 60)
    coarse = type(rows)(np.round(rows.features, 1), rows.is_data)
    (forest, _) = fitted(detector(name), coarse, two_members(600), {}).models
    found = forest.decision_function(coarse.features)
    np.testing.assert_allclose(found, [walked(forest, row) for row in coarse.features], rtol=1e-12)


def test_a_probability_becomes_log_odds_and_stays_finite():
    half = dataclasses.replace(trees(), value=np.array([0.0, 0.2, 0.5, 0.0, 0.5]))
    rows = np.array([[0, -2], [0, 0], [1, 0], [1, 3]], np.float32)
    odds = Forest(half, 2, is_probability=True).decision_function(rows)
    np.testing.assert_allclose(expit(odds), [0.0, 0.2, 0.5, 1.0], atol=2e-6)
    assert np.isfinite(odds).all()


def test_a_forest_without_trees_prefers_nothing():
    empty = Forest(joined([]), 3)
    np.testing.assert_array_equal(empty.decision_function(np.ones((4, 3), np.float32)), np.zeros(4))


def test_a_tree_of_one_leaf_gives_its_value():
    none, one = np.zeros(0, np.int32), np.array([1], np.int32)
    leaf = Trees(one, none, np.zeros(0), none, none, np.array([7.0]))
    leaf.check(2)
    assert Forest(leaf, 2).decision_function(np.zeros((1, 2), np.float32)) == [7.0]


def test_events_of_other_features_are_refused():
    with pytest.raises(ValueError, match="must have the 2 features"):
        Forest(trees(), 2).decision_function(np.zeros((1, 3), np.float32))


def test_a_forest_travels_without_the_librarys_copy():
    forest = Forest(trees(), 2)
    size = len(pickle.dumps(forest))
    forest.decision_function(np.zeros((1, 2), np.float32))
    assert len(pickle.dumps(forest)) == size


def test_joining_the_trees_gives_them_back():
    again = joined(list(trees()))
    for field in dataclasses.fields(Trees):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(trees(), field.name))


def test_good_trees_pass_the_check():
    trees().check(2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"feature": np.array([0, 2, 1], np.int32)}, "features must be from 0 to 1"),
        ({"feature": np.array([0, -1, 1], np.int32)}, "features must be from 0 to 1"),
        ({"left": np.array([0, ~0, ~0], np.int32)}, "one parent"),  # a walk without end
        ({"left": np.array([900, ~0, ~0], np.int32)}, "one parent"),
        ({"right": np.array([~2, ~900, ~1], np.int32)}, "one parent"),
        ({"right": np.array([~0, ~1, ~1], np.int32)}, "one parent"),
        ({"left": np.array([~0, 1, ~0], np.int32)}, "come after its parent"),
        ({"value": np.array([1.0, 2.0, 4.0, 10.0, np.nan])}, "finite"),
        ({"threshold": np.array([0.5, np.inf, 2.0])}, "finite"),
        ({"value": np.zeros(4)}, "every leaf"),
        ({"leaves": np.array([3, 3], np.int32)}, "one split less"),
        ({"leaves": np.array([5, 0], np.int32)}, "one split less"),
        ({"leaves": np.array([2**31 - 1, 2**31 - 1], np.int32)}, "one split less"),
        ({"threshold": np.zeros(2)}, "one split less"),
    ],
)
def test_damaged_trees_do_not(changes, message):
    with pytest.raises(ValueError, match=message):
        trees(**changes).check(2)
