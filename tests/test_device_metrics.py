"""Metrics in torch against those in numpy, which have their own tests against closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from raysearch.device_judge import judged_on_device
from raysearch.objectives import OBJECTIVES


def of_numpy(objective, classes, scores):
    return [objective.function(c, s) for c, s in zip(classes, scores, strict=True)]


@pytest.mark.parametrize("name", OBJECTIVES)
@settings(max_examples=60)
@given(
    scores=arrays(np.float32, (3, 90), elements=st.floats(-5, 5, width=16)),
    n_positive=st.integers(1, 50),
)
def test_torch_and_numpy_agree_ties_included(name, scores, n_positive):
    classes = np.broadcast_to(np.arange(90) < n_positive, scores.shape)
    objective = OBJECTIVES[name]
    tensors = torch.from_numpy(classes.copy()), torch.from_numpy(scores)
    found = judged_on_device([objective], *tensors)[name]
    np.testing.assert_allclose(found, of_numpy(objective, classes, scores), rtol=1e-6, atol=1e-9)


def test_all_objectives_at_once():
    rng = np.random.default_rng(0)
    classes, scores = rng.random((2, 500)) < 0.5, rng.normal(size=(2, 500)).astype(np.float32)
    objectives = list(OBJECTIVES.values())
    found = judged_on_device(objectives, torch.from_numpy(classes), torch.from_numpy(scores))
    assert set(found) == set(OBJECTIVES)
    for o in (OBJECTIVES["val_sic"], OBJECTIVES["val_loss"]):
        np.testing.assert_allclose(found[o.name], of_numpy(o, classes, scores), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_member_whose_scores_are_not_finite_has_no_value(bad):
    scores = torch.zeros(2, 90)
    scores[1, 3] = bad
    classes = (torch.arange(90) < 40).repeat(2, 1)
    for name, values in judged_on_device(list(OBJECTIVES.values()), classes, scores).items():
        assert np.isnan(values).tolist() == [False, True], name
