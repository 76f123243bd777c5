"""Figures of the excess of data over template."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from raysearch.excess import (
    MIN_TEMPLATE,
    cross_sic,
    excess_significance,
    likelihood_ratio,
    sic_area,
    sic_bound,
    template_rank,
)
from raysearch.metrics import val_sic

FIGURES = (cross_sic, sic_bound, sic_area, excess_significance)


def two_samples(n, excess, seed=0):
    """n data, of which a share lies in a tail that the template has not, and n template events."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=2 * n)
    scores[: round(excess * n)] += 4
    return np.arange(2 * n) < n, scores


@pytest.mark.parametrize("figure", FIGURES)
def test_an_excess_raises_the_figure_and_a_monotone_map_changes_nothing(figure):
    is_data, scores = two_samples(5000, 0.02)
    assert figure(is_data, scores) > 2 * abs(figure(*two_samples(5000, 0.0)))
    np.testing.assert_allclose(figure(is_data, np.exp(scores / 3)), figure(is_data, scores), 1e-6)


@pytest.mark.parametrize("figure", FIGURES)
def test_too_small_a_template_is_refused(figure):
    is_data = np.arange(30) < 15
    if figure is sic_bound:
        assert np.isfinite(figure(is_data, np.arange(30.0)))
    else:
        with pytest.raises(ValueError, match="at least 20 template events"):
            figure(is_data, np.arange(30.0))


def test_with_the_floor_the_cross_sic_is_val_sic_over_looser_thresholds():
    is_data, scores = two_samples(2000, 0.02)
    passing = np.sort(scores[~is_data])[-MIN_TEMPLATE]
    # Whatever lies above the threshold of 20 template events is put together there.
    assert cross_sic(is_data, scores) == pytest.approx(
        val_sic(is_data, np.minimum(scores, passing))
    )
    assert cross_sic(is_data, scores) <= val_sic(is_data, scores)


def test_the_bound_lies_below_what_it_bounds_and_nears_it_with_more_events():
    gaps = []
    for n in (2_000, 200_000):  # a tenth of the data and a hundredth of the template pass
        is_data, number = np.arange(2 * n) < n, np.arange(2 * n) % n
        scores = (number < np.where(is_data, n // 10, n // 100)).astype(float)
        gaps.append(val_sic(is_data, scores) - sic_bound(is_data, scores))
    assert gaps[0] == pytest.approx(10 * gaps[1], rel=1e-6)
    assert gaps[1] > 0


@pytest.mark.parametrize(("on", "off"), [(200, 25), (100, 25)])
def test_the_truth_lies_above_the_bound_at_a_threshold_in_84_of_100_experiments(on, off):
    n, experiments = 2000, 1500
    rng = np.random.default_rng(0)
    tpr, fpr = on / n, off / n
    truth = (tpr - fpr) / np.sqrt(fpr)
    is_data, covered = np.arange(2 * n) < n, 0
    for passing_data, passing_template in rng.binomial(n, [tpr, fpr], (experiments, 2)):
        scores = np.zeros(2 * n)
        scores[:passing_data] = scores[n : n + passing_template] = 1
        covered += sic_bound(is_data, scores) <= truth
    # Binomial error .009; the rest is what a linear error leaves out at 25 events.
    assert covered / experiments == pytest.approx(0.841, abs=0.035)


def test_the_area_of_a_plateau_is_its_height():
    # A share s of the data passes whatever the threshold: (s - fpr (1 - ...)) / sqrt(fpr) is known.
    n, share = 100_000, 0.3
    is_data = np.arange(2 * n) < n
    scores = np.random.default_rng(1).uniform(size=2 * n)
    scores[: round(share * n)] = 2.0
    grid = np.geomspace(MIN_TEMPLATE / n, 0.05, 64)
    expected = np.mean((share + (1 - share) * grid - grid) / np.sqrt(grid))
    assert sic_area(is_data, scores) == pytest.approx(expected, rel=0.02)


def test_the_significance_is_that_of_li_and_ma():
    # Table 1 of the paper, within its rounding: on, off, alpha = t_on / t_off.
    assert likelihood_ratio(np.array([140]), np.array([100]), 100, 100)[0] == pytest.approx(
        2.6, 0.01
    )
    # Far from the Gaussian limit: all of ten events are data, p = 2^-10 by likelihood 10 ln 2.
    almost = likelihood_ratio(np.array([10]), np.array([0.0]), 1, 1)[0]
    assert almost == pytest.approx(np.sqrt(2 * 10 * np.log(2)))


@given(st.integers(0, 500), st.integers(1, 500), st.integers(600, 5000), st.integers(600, 5000))
def test_the_significance_has_the_sign_of_the_excess(on, off, n_data, n_template):
    found = likelihood_ratio(np.array([on]), np.array([off]), n_data, n_template)[0]
    assert (
        np.sign(round(on * n_template - off * n_data)) in (np.sign(found), 0) or abs(found) < 1e-6
    )


def test_a_small_excess_has_the_gaussian_significance():
    n = 1_000_000
    on, off = np.array([10_200]), np.array([10_000])
    assert likelihood_ratio(on, off, n, n)[0] == pytest.approx(200 / np.sqrt(20_200), rel=0.01)


@given(hnp.arrays(np.float64, 50, elements=st.floats(-5, 5)))
def test_ranks_rise_with_the_score_and_stay_within_what_the_template_can_show(scores):
    template = np.random.default_rng(2).normal(size=200)
    ranks = template_rank(scores, template)
    order = np.argsort(scores)
    assert (np.diff(ranks[order]) >= 0).all()
    assert (ranks <= np.log10(400) + 1e-6).all()
    assert (ranks >= -0.01).all()


def test_the_template_itself_has_uniform_shares():
    template = np.random.default_rng(3).normal(size=1000)
    shares = np.sort(10.0 ** -template_rank(template, template))
    np.testing.assert_allclose(shares, (np.arange(1000) + 1.5) / 1000, atol=1e-6)
