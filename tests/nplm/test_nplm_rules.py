"""The rules: published choices, and a reason for each."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from raysearch.errors import InputError
from raysearch.nplm import rules

NORMAL = np.random.default_rng(0).normal(size=(3000, 2))


def test_sigma_is_the_ninetieth_percentile_and_not_rounded():
    choice = rules.kernel_width(NORMAL)
    assert choice.value == np.quantile(pdist(NORMAL[:2000]), 0.9)
    # |x - y|^2 / 2 of normal points is chi2 with 2 degrees of freedom.
    assert choice.value == pytest.approx(np.sqrt(2 * -2 * np.log(0.1)), rel=0.03)
    assert "90th percentile" in choice.why


def test_sigma_zero_is_refused():
    with pytest.raises(InputError, match="must be positive, but got sigma = 0"):
        rules.kernel_width(np.ones((100, 1)))


def test_centres_grow_until_the_degrees_of_freedom_are_stable():
    wide = rules.centre_count(NORMAL, 3.0, 1e-6, 40_000, 2000)
    narrow = rules.centre_count(NORMAL, 0.2, 1e-6, 40_000, 2000)
    assert wide.value == 200
    assert narrow.value > wide.value
    assert "sqrt(40000)" in wide.why


def test_lambda_is_the_published_one_unless_too_many_degrees_of_freedom_are_left():
    assert rules.penalty(NORMAL, 3.0, 22_000, 2000).value == 1e-6
    few = rules.penalty(NORMAL, 0.3, 550, 50)
    assert few.value > 1e-6
    assert "degrees of freedom to 50 data" in few.why
