"""The rules: published choices, and a reason for each."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from raysearch.errors import InputError
from raysearch.nplm import rules

NORMAL = np.random.default_rng(0).normal(size=(3000, 2))
ONES = np.ones(3000)


def test_sigma_is_the_ninetieth_percentile_and_not_rounded():
    choice = rules.kernel_width(NORMAL, ONES)
    assert choice.value == np.quantile(pdist(NORMAL[:2000]), 0.9)
    # |x - y|^2 / 2 of normal points is chi2 with 2 degrees of freedom.
    assert choice.value == pytest.approx(np.sqrt(2 * -2 * np.log(0.1)), rel=0.03)
    assert "90th percentile" in choice.why


def test_sigma_zero_is_refused():
    with pytest.raises(InputError, match="must be positive, but got sigma = 0"):
        rules.kernel_width(np.ones((100, 1)), np.ones(100))


def test_centres_grow_until_the_degrees_of_freedom_are_stable():
    wide = rules.centre_count(NORMAL, ONES, 3.0, 1e-6, 40_000, 2000)
    narrow = rules.centre_count(NORMAL, ONES, 0.2, 1e-6, 40_000, 2000)
    assert wide.value == 200
    assert narrow.value > wide.value
    assert "sqrt(40000)" in wide.why


def test_lambda_is_the_published_one_unless_too_many_degrees_of_freedom_are_left():
    assert rules.penalty(NORMAL, ONES, 3.0, 22_000, 2000).value == 1e-6
    few = rules.penalty(NORMAL, ONES, 0.3, 550, 50)
    assert few.value > 1e-6
    assert "degrees of freedom to 50 data" in few.why


def test_weights_count_as_so_many_events():
    """Events of weight 0 are not there, whatever their distances."""
    apart = np.concatenate([NORMAL[:1000], 50 + 9 * NORMAL[1000:2000]])
    order = np.random.default_rng(1).permutation(2000)
    weights = np.repeat([1.0, 0.0], 1000)
    few = NORMAL[:1000]
    width = rules.kernel_width(apart[order], weights[order])
    assert width.value == pytest.approx(rules.kernel_width(few, np.ones(1000)).value, rel=0.01)
    found = rules.penalty(apart[order], weights[order], 0.3, 550, 50)
    with_all = rules.penalty(apart, np.ones(2000), 0.3, 550, 50)
    assert found.why != with_all.why


def test_centres_are_at_least_the_root_of_the_events_however_many_there_are():
    choice = rules.centre_count(NORMAL, ONES, 3.0, 1e-6, 1_500**2, 2000)
    assert choice.value >= 1500
