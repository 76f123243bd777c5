"""Masses drawn from the smoothed spectrum of the signal region."""

import numpy as np
import pytest
from scipy.stats import kstest

from raysearch.density import draw_masses
from raysearch.regions import SIGNAL_REGION, Window


def drawn(masses, n, bandwidth=0.01, window=SIGNAL_REGION, seed=0):
    masses = np.asarray(masses, np.float32)
    return draw_masses(masses, n, bandwidth, window, np.random.default_rng(seed))


def test_one_mass_becomes_a_gaussian_of_the_bandwidth():
    masses = drawn([3.5], 4000)
    assert kstest((masses - 3.5) / 0.01, "norm").pvalue > 0.01


def test_no_mass_leaves_the_window_and_none_piles_up_at_its_edge():
    masses = drawn([3.3, np.nextafter(np.float32(3.7), np.float32(0))], 5000)
    assert SIGNAL_REGION.contains(masses).all()
    # Reflected at the edge, the kernel becomes a half normal.
    low = masses[masses < 3.5]
    assert kstest((low - np.float32(3.3)) / 0.01, "halfnorm").pvalue > 0.01


def test_a_flat_spectrum_stays_flat_up_to_the_edges():
    flat = np.random.default_rng(3).uniform(3.3, 3.7 - 1e-6, 200_000)
    masses = drawn(flat, 100_000, bandwidth=0.05)
    at_edge = np.count_nonzero(masses < 3.31) / 100_000
    assert at_edge == pytest.approx(0.025, abs=4 * np.sqrt(0.025 / 100_000))


def test_a_bandwidth_wider_than_the_window_still_stays_inside():
    window = Window(3.0, 3.1)
    assert window.contains(drawn([3.05], 1000, bandwidth=1.0, window=window)).all()


def test_equal_seeds_draw_equal_masses():
    np.testing.assert_array_equal(drawn([3.4, 3.5], 50), drawn([3.4, 3.5], 50))
    assert (drawn([3.4, 3.5], 50) != drawn([3.4, 3.5], 50, seed=1)).any()
