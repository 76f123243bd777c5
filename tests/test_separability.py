"""The AUC between real and generated events, and its error."""

import numpy as np
import pytest
from densities import moving_gaussian

from raysearch.separability import auc_with_error, separability


def test_the_auc_of_shifted_normals_is_the_closed_form():
    from scipy.stats import norm

    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(1, 1, 20_000), rng.normal(0, 1, 20_000)])
    found = auc_with_error(np.arange(40_000) < 20_000, scores)
    assert abs(found.value - norm.cdf(1 / np.sqrt(2))) < 4 * found.error


def test_its_error_under_no_difference_is_the_closed_form():
    # Mann-Whitney: variance (n + m + 1) / (12 n m).
    scores = np.random.default_rng(1).normal(size=5000)
    found = auc_with_error(np.arange(5000) < 2000, scores)
    assert found.error == pytest.approx(np.sqrt(5001 / (12 * 2000 * 3000)), rel=0.05)


def test_ties_count_half():
    assert auc_with_error(np.array([True, True, False, False]), np.zeros(4)).value == 0.5


@pytest.mark.parametrize("seed", range(3))
def test_events_of_one_density_are_not_told_apart(seed):
    found = separability(moving_gaussian(3000, 2 * seed), moving_gaussian(3000, 2 * seed + 1), seed)
    assert abs(found.value - 0.5) < 4 * found.error


def test_a_shift_shows_with_any_seed_and_equal_seeds_agree():
    real, moved = moving_gaussian(2000, 1), moving_gaussian(2000, 2)
    features = moved.features + np.float32([0.7, 0])
    moved = type(moved)(features, moved.columns, moved.units, moved.mjj_tev)
    found = separability(real, moved, 0)
    assert found.value > 0.5 + 10 * found.error
    assert separability(real, moved, 0) == found
