"""The scaling inverts exactly and sees training events alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from raysearch.density.scaling import fit_scaling
from raysearch.errors import InputError
from raysearch.events import Events


def events_of(features):
    features = np.asarray(features, np.float32)
    d = features.shape[1]
    columns = tuple(f"x{k}" for k in range(d))
    return Events(features, columns, ("1",) * d, np.full(len(features), 3.0, np.float32))


VALUES = st.floats(-1e3, 1e3, width=32)


@given(arrays(np.float32, (30, 2), elements=VALUES, unique=True))
def test_scaled_features_go_back_exactly(features):
    scaling = fit_scaling(events_of(features))
    back = scaling.inverse(scaling.forward(features))
    width = np.ptp(features.astype(np.float64), axis=0)
    assert (np.abs(back - features) <= 1e-9 * width).all()


@given(arrays(np.float64, (20, 3), elements=st.floats(-6, 6)))
def test_scaled_values_go_there_and_back(scaled):
    scaling = fit_scaling(events_of(np.random.default_rng(0).normal(size=(500, 3))))
    np.testing.assert_allclose(scaling.forward(scaling.inverse(scaled)), scaled, atol=1e-6)


def test_scaled_training_events_have_mean_0_and_width_1():
    features = np.random.default_rng(1).exponential(size=(2000, 2))
    scaled = fit_scaling(events_of(features)).forward(features.astype(np.float32))
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.std(axis=0), 1)


def test_it_contains_the_training_events_and_hardly_more():
    scaling = fit_scaling(events_of([[0.0], [0.5], [1.0], [0.25]]))
    assert scaling.contains(np.array([[0.0], [1.0]])).all()
    assert not scaling.contains(np.array([[-0.26], [1.26]])).any()


def test_no_inverse_leaves_the_range_of_the_training_events():
    scaling = fit_scaling(events_of(np.random.default_rng(2).normal(size=(100, 2))))
    far = scaling.inverse(np.full((1, 2), 1e3))
    assert (far <= scaling.high).all()


def test_a_feature_that_never_varies_is_named():
    with pytest.raises(InputError, match=r"must vary .* 'x1' is 3 in all 5 training events"):
        fit_scaling(events_of(np.column_stack([np.arange(5), np.full(5, 3)])))
