"""The pruned maximum against the maximum over the whole curve."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raysearch.metrics import (
    efficiencies,
    max_sic,
    max_sic_of,
    smallest_background_efficiency,
    val_loss,
    val_sic,
)


def whole_val_sic(is_data, scores):
    tpr, fpr, _, _ = efficiencies(is_data, scores)
    passed = fpr > 0
    return np.max(tpr[passed] / np.sqrt(fpr[passed]) - np.sqrt(fpr[passed]))


SHAPES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "narrow": lambda rng, n: 1e-6 * rng.normal(size=n) + 0.1,
    "heavy": lambda rng, n: rng.standard_cauchy(size=n) ** 3,
    "ties": lambda rng, n: rng.integers(0, 7, size=n) - 3.0,
    "constant": lambda rng, n: np.full(n, 0.3),
    "huge": lambda rng, n: 3e38 * np.sign(rng.normal(size=n)) * rng.random(n),
    "zeros": lambda rng, n: np.where(rng.random(n) < 0.5, 0.0, -0.0),
}


@pytest.mark.parametrize("shape", SHAPES)
@given(seed=st.integers(0, 2**32), n=st.integers(100, 3000), shift=st.floats(0, 4))
@settings(max_examples=30)
def test_pruning_changes_nothing(shape, seed, n, shift):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.5
    scores = SHAPES[shape](rng, n)
    scores = (scores + shift * np.std(scores) / 1e3 * positive).astype(np.float32)
    curve = efficiencies(positive, scores)
    assert val_sic(positive, scores) == pytest.approx(whole_val_sic(positive, scores), abs=1e-12)
    assert max_sic(positive, scores) == pytest.approx(max_sic_of(curve), abs=1e-12)


def test_the_floor_is_exclusive():
    # 100 background events: the floor is a quarter of them, and exactly a quarter does not count.
    assert smallest_background_efficiency(100) == pytest.approx(0.25)
    positive = np.arange(200) < 100
    scores = np.concatenate([np.full(100, 2.0), np.repeat([1.0, 0.0], [25, 75])])
    curve = efficiencies(positive, scores)
    assert max_sic(positive, scores) == max_sic_of(curve)


def test_loss_of_extreme_log_odds():
    is_data = np.array([True, False, True, False])
    assert val_loss(is_data, np.array([800.0, -800.0, 0.0, 0.0])) == pytest.approx(np.log(2) / 2)
    assert val_loss(is_data, np.array([-800.0, 800.0, 0.0, 0.0])) == pytest.approx(
        400 + np.log(2) / 2
    )
