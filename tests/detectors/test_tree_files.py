"""Files of the tree families hold data and never code."""

import pickle

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from toys import QUICK, fitted, toy_rows, two_members
from traps import Hostile

from raysearch.detectors import detector
from raysearch.errors import InputError

FILES = {"lightgbm": "trees.npz", "adaboost": "trees.npz", "random_forest": "trees.npz"}


class _Untrusted:
    """A type that is not scikit-learn's."""

    def __init__(self):
        self.payload = 1


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The arrays of a small saved LightGBM."""
    directory = tmp_path_factory.mktemp("saved")
    rows = toy_rows(200, 200, 40)
    fitted(detector("lightgbm"), rows, two_members(400), QUICK["lightgbm"]).save(directory)
    with np.load(directory / "trees.npz", allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.mark.parametrize(("name", "file"), [*FILES.items(), ("hgb", "trees.skops")])
def test_a_pickle_is_refused_and_not_run(name, file, tmp_path, ran):
    (tmp_path / file).write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(InputError, match=rf"must hold {file}"):
        detector(name).load(tmp_path)
    assert not ran


@pytest.mark.parametrize("array", ["left", "n_features", "trees_of_each", "is_probability"])
def test_an_array_of_objects_is_refused_and_not_run(array, saved, tmp_path, ran):
    hostile = np.array([Hostile()], dtype=object)
    np.savez(tmp_path / "trees.npz", **{**saved, array: hostile})
    with pytest.raises(InputError, match=r"must hold trees\.npz"):
        detector("lightgbm").load(tmp_path)
    assert not ran


@pytest.mark.parametrize(
    ("array", "value", "message"),
    [
        ("left", np.zeros(3, np.int64), "left must be int32"),
        ("n_features", np.int32(2**31 - 1), "features must be 1 to"),
        ("n_features", np.int32(1), "features must be from 0 to 0"),
        ("trees_of_each", np.array([1, 3], np.int32), "all trees"),
        ("trees_of_each", np.array([-1, 17], np.int32), "all trees"),
        ("value", np.zeros((2, 2)), "of 1 dimensions"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(array, value, message, saved, tmp_path):
    np.savez(tmp_path / "trees.npz", **{**saved, array: value})
    with pytest.raises(InputError, match=message):
        detector("lightgbm").load(tmp_path)


def test_a_missing_array_is_refused(saved, tmp_path):
    np.savez(tmp_path / "trees.npz", **{k: v for k, v in saved.items() if k != "right"})
    with pytest.raises(InputError, match="right"):
        detector("lightgbm").load(tmp_path)


def test_a_walk_that_never_ends_is_refused(saved, tmp_path):
    endless = saved["left"].copy()
    endless[0] = 0
    np.savez(tmp_path / "trees.npz", **{**saved, "left": endless})
    with pytest.raises(InputError, match="one parent"):
        detector("lightgbm").load(tmp_path)


class TestHGB:
    def test_a_file_of_another_type_is_refused(self, tmp_path):
        model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
        model.coef_ = _Untrusted()
        skops.io.dump([model], tmp_path / "trees.skops")
        with pytest.raises(InputError, match=r"only scikit-learn trees, .*_Untrusted.* not loaded"):
            detector("hgb").load(tmp_path)

    @pytest.mark.parametrize("edges", [[np.zeros(3)], [np.zeros(255, np.float32)]])
    def test_damaged_bins_are_refused(self, edges, tmp_path):
        rows = toy_rows(200, 200, 40)
        model = fitted(detector("hgb"), rows, two_members(400), QUICK["hgb"]).models[0].model
        skops.io.dump([{"edges": edges, "model": model}], tmp_path / "trees.skops")
        with pytest.raises(InputError, match="bins are damaged"):
            detector("hgb").load(tmp_path)

    @pytest.mark.parametrize("contents", [[LogisticRegression()], [{"edges": []}], [3]])
    def test_a_model_that_is_no_hgb_is_refused(self, contents, tmp_path):
        skops.io.dump(contents, tmp_path / "trees.skops")
        with pytest.raises(InputError, match=r"must hold trees\.skops"):
            detector("hgb").load(tmp_path)

    def test_another_classifier_is_refused(self, tmp_path):
        skops.io.dump([{"edges": [], "model": LogisticRegression()}], tmp_path / "trees.skops")
        with pytest.raises(InputError, match=r"holds a .*LogisticRegression"):
            detector("hgb").load(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("left", 0), ("right", 2**31), ("feature_idx", 3), ("feature_idx", -1), ("is_categorical", 1)],
)
def test_a_tree_of_hgb_that_leads_out_of_itself_is_refused(field, value, tmp_path):
    """scikit-learn would read whatever memory it led to, or walk for ever."""
    rows = toy_rows(200, 200, 40)
    snapshot = fitted(detector("hgb"), rows, two_members(400), QUICK["hgb"])
    tree = snapshot.models[0].model._predictors[0][0]
    tree.nodes = tree.nodes.copy()
    tree.nodes[field][0] = value
    snapshot.save(tmp_path)
    with pytest.raises(InputError, match="its trees are"):
        detector("hgb").load(tmp_path)


def test_trees_of_hgb_of_other_features_are_refused(tmp_path):
    rows = toy_rows(200, 200, 40)
    snapshot = fitted(detector("hgb"), rows, two_members(400), QUICK["hgb"])
    snapshot.models[0].model.n_features_in_ = 2
    snapshot.save(tmp_path)
    with pytest.raises(InputError, match="of other features"):
        detector("hgb").load(tmp_path)
