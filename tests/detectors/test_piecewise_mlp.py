"""The MLP with bins: what it finds that the plain one misses, and what it shares with it."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from toys import fitted

from raysearch.detectors import Member, detector
from raysearch.detectors.mlp import MLP
from raysearch.detectors.piecewise_mlp import PIECEWISE_MLP
from raysearch.errors import InputError
from raysearch.samples import Rows


def narrow(n=8000, n_signal=400, seed=0):
    """Normal data and template; some data events lie within a narrow range of one feature."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(2 * n, 3)).astype(np.float32)
    features[:n_signal, 0] = rng.normal(0.7, 0.03, n_signal)
    return Rows(features, np.arange(2 * n) < n)


def auc(name):
    """Of one member trained for five epochs, on independent events of the same kind."""
    rows, other = narrow(), narrow(seed=1)
    member = Member(np.arange(16000), np.arange(0), 5)
    snapshot = fitted(detector(name), rows, [member], {"learning_rate": 3e-3}, epochs=5)
    signal, template = other.features[:400], other.features[8000:]
    scores = snapshot.scores(np.concatenate([signal, template]))[0]
    return roc_auc_score(np.arange(8400) < 400, scores)


def test_it_finds_a_narrow_range_that_the_plain_network_misses():
    found = auc("piecewise_mlp")
    assert found > 0.8
    assert found > auc("mlp") + 0.08


def test_it_has_the_hyperparameters_of_the_plain_network_and_bins():
    own = dict(PIECEWISE_MLP.defaults)
    assert own.pop("bins") == 16
    assert own == MLP.defaults


def test_without_bins_it_is_the_plain_network():
    rows, member = narrow(400, 40), Member(np.arange(800), np.arange(0), 3)
    plain = fitted(MLP, rows, [member], {}, epochs=2).scores(rows.features)
    same = fitted(PIECEWISE_MLP, rows, [member], {"bins": 0}, epochs=2).scores(rows.features)
    np.testing.assert_array_equal(plain, same)


def test_networks_of_different_bins_are_not_trained_together():
    assert PIECEWISE_MLP.pack_key({"bins": 4}) == PIECEWISE_MLP.pack_key({"bins": 4, "beta1": 0.8})
    assert PIECEWISE_MLP.pack_key({"bins": 4}) != PIECEWISE_MLP.pack_key({"bins": 8})
    members = [Member(np.arange(800), np.arange(0), seed) for seed in (0, 1)]
    with pytest.raises(InputError, match="same hidden layers and bins"):
        PIECEWISE_MLP.fit(narrow(400, 40), members, [{"bins": 4}, {"bins": 8}])
    with pytest.raises(InputError, match="`bins >= 0` must hold, but got -1"):
        PIECEWISE_MLP.pack_key({"bins": -1})


def test_a_saved_encoding_of_another_size_is_an_input_error(tmp_path):
    rows, member = narrow(400, 40), Member(np.arange(800), np.arange(0), 3)
    fitted(PIECEWISE_MLP, rows, [member], {"bins": 4}, epochs=1).save(tmp_path)
    about = json.loads((tmp_path / "mlp.json").read_text())
    (tmp_path / "mlp.json").write_text(json.dumps({**about, "bins": 5}))
    with pytest.raises(InputError, match="must have 18 columns"):
        PIECEWISE_MLP.load(tmp_path)
