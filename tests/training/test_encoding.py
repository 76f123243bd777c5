"""Piecewise linear encoding: its values, and what it leaves as it was."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from raysearch.training.encoding import Encoder, fit_encoding
from raysearch.training.layout import Layout
from raysearch.training.networks import Networks
from raysearch.training.streams import member_generator

CPU = torch.device("cpu")
VALUES = hnp.arrays(np.float32, (40, 2), elements=st.floats(-100, 100, width=32))


def encode(features, rows, bins):
    """(K, n, d, 1 + bins) inputs of all rows for each member."""
    encoder = Encoder(fit_encoding(features, rows, bins), CPU)
    inputs = encoder(torch.from_numpy(np.stack([features] * len(rows))))
    return inputs.unflatten(2, (features.shape[1], 1 + bins)).numpy()


def test_the_values_of_the_definition():
    features = np.arange(101, dtype=np.float32)[:, None]  # quartiles 25, 50 and 75
    at_60 = encode(features, [np.arange(101)], 4)[0, 60, 0]
    np.testing.assert_allclose(at_60, [10 / features.std(), 1, 1, 0.4, 0], rtol=1e-6)


def test_without_bins_it_standardises():
    features = np.random.default_rng(0).normal(3, 7, (500, 2)).astype(np.float32)
    inputs = encode(features, [np.arange(500)], 0)[0]
    np.testing.assert_allclose(inputs.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(inputs.std(0), 1, rtol=1e-5)


@given(VALUES, st.integers(1, 12))
def test_the_bins_add_up_to_the_feature(features, bins):
    encoding = fit_encoding(features, [np.arange(40)], bins)
    width = encoding.width.reshape(2, 1 + bins)[:, 1:]
    shares = encode(features, [np.arange(40)], bins)[0, :, :, 1:]
    assert ((shares >= 0) & (shares <= 1)).all()
    found = (shares * np.where(np.isinf(width), 0, width)).sum(axis=2)
    np.testing.assert_allclose(found, features - features.min(axis=0), atol=1e-3)


@given(VALUES, st.integers(1, 12))
def test_every_input_grows_with_the_feature(features, bins):
    ordered = np.sort(features, axis=0)
    inputs = encode(ordered, [np.arange(40)], bins)[0]
    assert (np.diff(inputs, axis=0) >= 0).all()


def test_a_value_that_fills_bins_leaves_them_empty():
    features = np.zeros((100, 1), np.float32)
    features[90:, 0] = np.arange(1, 11)
    inputs = encode(features, [np.arange(100)], 4)[0, :, 0]
    assert np.isfinite(inputs).all()
    assert (inputs[:, 1:4] == 0).all()
    assert inputs[-1, 4] == 1
    constant = encode(np.full((10, 1), 7, np.float32), [np.arange(10)], 3)
    assert (constant == 0).all()


def test_a_member_knows_its_own_rows_only():
    features = np.random.default_rng(1).normal(size=(60, 3)).astype(np.float32)
    rows = [np.arange(30), np.arange(30, 60)]
    changed = features.copy()
    changed[30:] += 5
    before, after = (fit_encoding(table, rows, 4) for table in (features, changed))
    np.testing.assert_array_equal(before.centre[0], after.centre[0])
    assert not np.allclose(before.centre[1], after.centre[1])
    np.testing.assert_array_equal(before.take([1, 0]).width, before.width[::-1])


def test_a_network_begins_as_one_without_bins():
    layout = Layout(3, (16, 8), bins=5)
    start = layout.initial(member_generator(4, CPU))[None]
    features = np.random.default_rng(2).normal(size=(200, 3)).astype(np.float32)
    encoding = fit_encoding(features, [np.arange(200)], 5)
    first, *_ = layout.layers(start)
    of_features = first.weight[0].view(3, 6, 16)
    assert (of_features[:, 1:] == 0).all()
    # As wide as those of a first layer that has the features alone.
    assert of_features[:, 0].abs().max().item() == pytest.approx(3**-0.5, rel=0.1)
    scores = Networks(layout, start, encoding).scores(features)
    moved = encoding._replace(centre=encoding.centre.copy())
    moved.centre.reshape(3, 6)[:, 1:] += 0.3
    np.testing.assert_array_equal(Networks(layout, start, moved).scores(features), scores)
