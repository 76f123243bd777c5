"""The MLP detector: thin over the packed trainer, so mostly its input and its files."""

import json

import numpy as np
import pytest

from raysearch.detectors.base import Detector, Member
from raysearch.detectors.mlp import MLP, MLPDetector
from raysearch.detectors.mlp_snapshot import merge
from raysearch.errors import InputError
from raysearch.samples import Rows

DETECTOR: Detector = MLPDetector(device="cpu")


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    is_data = rng.random(3000) < 0.5
    is_signal = is_data & (rng.random(3000) < 0.1)
    features = rng.normal(size=(3000, 4)) + 3 * is_signal[:, None]
    return Rows(features.astype(np.float32), is_data)


@pytest.fixture(scope="module")
def members():
    return [Member(np.arange(half, 3000, 2), np.arange(1 - half, 3000, 2), half) for half in (0, 1)]


@pytest.fixture(scope="module")
def snapshots(rows, members):
    return list(DETECTOR.fit(rows, members, [{"width": 16, "dropout": 0.1}] * 2, epochs=4))


def test_it_says_what_it_is():
    assert (MLP.name, MLP.ensemble_size) == ("mlp", 5)
    assert MLP.defaults["width"] == 64
    assert hash(MLP) == hash(MLPDetector())


def test_a_signal_is_ranked_above_background(snapshots):
    rng = np.random.default_rng(1)
    background, signal = rng.normal(size=(500, 4)), rng.normal(size=(500, 4)) + 3
    scores = snapshots[-1].scores(np.concatenate([background, signal]).astype(np.float32))
    assert scores.shape == (2, 1000)
    ranks = scores.mean(0).argsort().argsort()
    assert ranks[500:].mean() > ranks[:500].mean() + 400


def test_it_yields_after_every_epoch(rows, members, snapshots):
    assert len(snapshots) == 4
    assert sum(1 for _ in MLP.fit(rows, members, [{"width": 2, "batch_size": 5096}] * 2)) == 20


def test_saved_and_loaded_scores_agree(rows, snapshots, tmp_path):
    snapshots[-1].save(tmp_path)
    snapshots[1].save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlp.json", "mlp.npz"]
    loaded = MLP.load(tmp_path)
    np.testing.assert_array_equal(loaded.scores(rows.features), snapshots[1].scores(rows.features))


def test_a_damaged_directory_is_an_input_error(snapshots, tmp_path):
    with pytest.raises(InputError, match=r"must hold mlp.json and mlp.npz"):
        MLP.load(tmp_path)
    snapshots[0].save(tmp_path)
    (tmp_path / "mlp.json").write_text(json.dumps({"inputs": 4, "hidden": [8, 8, 8], "bins": 0}))
    with pytest.raises(InputError, match="weight_0 must have shape"):
        MLP.load(tmp_path)


def test_merged_epochs(rows, snapshots):
    merged = merge(snapshots[-2:]).scores(rows.features)
    expected = np.concatenate([part.scores(rows.features) for part in snapshots[-2:]])
    np.testing.assert_allclose(merged, expected, rtol=1e-4, atol=1e-5)


def test_taken_members_stand_in_order(rows, snapshots):
    taken = snapshots[-1].take([1, 0, 1]).scores(rows.features)
    expected = snapshots[-1].scores(rows.features)[[1, 0, 1]]
    np.testing.assert_allclose(taken, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"learning_rte": 1.0}, "did you mean 'learning_rate'"),
        ({"width": "64"}, "'width' must be a number, but got '64'"),
        ({"layers": 2.5}, "'layers' must be a whole number, but got 2.5"),
        ({"layers": 0}, "hidden layers >= 1"),
        ({"dropout": 1.5}, "`dropout < 1` must hold"),
    ],
)
def test_wrong_parameters_are_refused_before_training(rows, members, parameters, message):
    with pytest.raises(InputError, match=message):
        MLP.fit(rows, members, [parameters] * 2, epochs=1)
    with pytest.raises(InputError, match=message):
        MLP.pack_key(parameters)


def test_networks_of_one_shape_may_be_trained_together():
    assert MLP.pack_key({"batch_size": 64}) == MLP.pack_key({"learning_rate": 0.1})
    assert MLP.pack_key({"width": 64}) != MLP.pack_key({"width": 32})


def test_networks_of_two_shapes_are_not(rows, members):
    with pytest.raises(InputError, match="same hidden layers"):
        MLP.fit(rows, members, [{"width": 8}, {"width": 16}])
