"""p-values against closed forms and scipy's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from raysearch.nplm import pvalues
from raysearch.nplm.aggregate import (
    AGGREGATES,
    combine_counted,
    combine_fitted,
    leave_one_out,
    leave_one_out_fit,
)
from raysearch.nplm.pvalues import (
    ONE_SIGMA,
    SMALLEST_P,
    Chi2,
    asymptotic,
    empirical_p,
    excludes,
    fit_chi2,
    uniformity,
    z_of_p,
)


@given(n=st.integers(1, 5000), share=st.floats(0, 1))
def test_an_empirical_p_is_never_zero_and_in_its_interval(n, share):
    k = round(share * n)
    p = empirical_p(k, n)
    assert 0 < p.value <= 1
    interval = stats.binomtest(k, n).proportion_ci(ONE_SIGMA, method="exact")
    # The exact test gives the same ends but where k is 0 or n, which it makes one-sided.
    if 0 < k < n:
        assert p.low == pytest.approx(interval.low)
        assert p.high == pytest.approx(interval.high)
    assert p.low <= p.value <= max(p.high, (k + 1) / (n + 1))


def test_no_toy_above_gives_a_limit():
    p = empirical_p(0, 1000)
    assert p.low == 0
    assert z_of_p(p).high == np.inf
    assert z_of_p(p).low < z_of_p(p).value


def test_the_scaled_chi2_is_found():
    toys = 0.9 * np.random.default_rng(0).chisquare(20, 50_000)
    fit = fit_chi2(toys)
    assert fit.dof == pytest.approx(20, rel=0.02)
    assert fit.scale == pytest.approx(0.9, rel=0.02)
    assert float(fit.p(30.0)) == pytest.approx(stats.chi2.sf(30 / 0.9, 20), rel=0.05)
    assert float(Chi2(5, 1).p(-1.0)) == 1


def test_the_ks_test_tells_a_good_fit_from_a_bad_one():
    rng = np.random.default_rng(1)
    good = asymptotic(0.9 * rng.chisquare(12, 2000), 30.0, 0)
    assert good.ks_p > 0.05
    assert good.dof.low < 12 < good.dof.high
    assert good.p.low < good.p.value < good.p.high
    bad = asymptotic(np.r_[rng.chisquare(5, 1000), rng.chisquare(25, 1000)], 30.0, 0)
    assert bad.ks_p < 0.01


def test_the_ks_test_of_a_fit_is_calibrated():
    """Against the same toys a plain KS test would hardly ever give a small p."""
    rng = np.random.default_rng(2)
    p = [asymptotic(rng.chisquare(8, 200), 10.0, k).ks_p for k in range(60)]
    assert uniformity(np.array(p)) > 0.01


def test_leave_one_out_counts_the_others():
    t = np.random.default_rng(3).normal(size=(20, 3))
    p = leave_one_out(t)
    for k in range(3):
        for i in range(20):
            larger = np.delete(t[:, k], i) >= t[i, k]
            assert p[i, k] == pytest.approx((larger.sum() + 1) / 20)


@pytest.mark.parametrize("name", AGGREGATES)
class TestAggregate:
    def test_it_grows_when_a_p_falls(self, name):
        p = np.array([[0.5, 0.2], [0.5, 0.1], [0.05, 0.1]])
        assert (np.diff(AGGREGATES[name](np.log(p))) > 0).all()

    def test_p_is_uniform_for_correlated_tests(self, name):
        rng = np.random.default_rng(4)
        p = {"counted": [], "fitted": []}
        for _ in range(200):
            common = rng.chisquare(5, (100, 1))
            t = common + rng.chisquare(5, (100, 3))
            counted = combine_counted(t[1:], t[0], name).n_larger
            fitted = combine_fitted(t[1:], t[:1], name)
            p["counted"].append(empirical_p(counted, 99).value)
            larger = int((fitted.toys >= fitted.tests[0]).sum())
            p["fitted"].append(empirical_p(larger, 99).value)
        for values in p.values():
            assert uniformity(np.array(values) - rng.uniform(0, 0.01, 200)) > 0.01

    def test_no_test_has_a_part_in_the_fit_that_judges_it(self, name):
        t = np.random.default_rng(5).chisquare(6, (30, 2))
        found = combine_fitted(t, np.array([[400.0, 3.0], [5.0, 6.0]]), name)
        for i in (0, 17):
            others = combine_fitted(np.delete(t, i, axis=0), t[i : i + 1], name)
            assert found.toys[i] == pytest.approx(others.tests[0])
        np.testing.assert_array_equal(found.toys, combine_fitted(t, t[:0], name).toys)

    def test_a_single_width_is_t_itself(self, name):
        toys = np.arange(5.0)[:, None]
        assert combine_counted(toys, np.array([2.5]), name).observed == 2.5


def test_aggregates_have_their_values():
    p = np.array([[0.1, 0.4]])
    expected = {"min-p": 0.1, "prod-p": 0.04, "average-p": 0.25, "smooth-max": 1 / 6.25}
    for name, value in expected.items():
        assert AGGREGATES[name](np.log(p))[0] == pytest.approx(-np.log(value))


@pytest.mark.parametrize("name", AGGREGATES)
def test_data_above_all_toys_at_one_width_tie_with_none(name):
    """Some toy is the largest at each other width; a fit tells it from what is far above all."""
    toys = np.random.default_rng(6).chisquare(8, (300, 3))
    found = combine_counted(toys, np.array([90.0, 20.0, 20.0]), name)
    assert found.n_larger == 0
    assert empirical_p(found.n_larger, 300).value == 1 / 301
    modest = combine_counted(toys, np.median(toys, axis=0), name)
    assert 20 < modest.n_larger < 280


def test_the_fit_to_the_others_leaves_each_out():
    t = np.random.default_rng(7).chisquare(5, (30, 2))
    found = leave_one_out_fit(t)
    for i in (0, 7):
        for k in range(2):
            expected = fit_chi2(np.delete(t[:, k], i)).log_p(t[i, k])
            assert found[i, k] == pytest.approx(float(expected))


@pytest.mark.parametrize("dof", [0.5, 7.0, 200.0])
def test_a_tail_that_no_double_holds_has_its_logarithm(dof):
    """Where p is 1e-300 the two ways meet; far beyond, the leading term of the tail remains."""
    t = np.linspace(1340, 1500, 9) + 3 * dof
    log_p = Chi2(dof, 1.0).log_p(t)
    assert np.isfinite(log_p).all()
    leading = stats.chi2.logpdf(t, dof) + np.log(2 * t / (t + 2 - dof))
    np.testing.assert_allclose(log_p, leading, rtol=2e-3)
    assert (np.diff(log_p) < 0).all()
    np.testing.assert_allclose(np.diff(log_p, 2), 0, atol=0.02)


def test_the_fraction_is_computed_only_where_it_is_needed(monkeypatch):
    taken, fraction = [], pvalues._by_fraction
    monkeypatch.setattr(
        pvalues, "_by_fraction", lambda shape, x: taken.append(len(x)) or fraction(shape, x)
    )
    near = Chi2(9.0, 1.0).log_p(np.linspace(0, 900, 50))
    assert not taken
    both = Chi2(9.0, 1.0).log_p(np.r_[np.linspace(0, 900, 50), 5000.0])
    assert taken == [1]
    np.testing.assert_array_equal(both[:50], near)


def test_a_huge_t_has_a_finite_z_and_a_limit_of_p():
    found = asymptotic(np.random.default_rng(8).chisquare(10, 500), 1e5, 0)
    assert found.p.value == found.p.low == SMALLEST_P
    assert 200 < found.z.low < found.z.value < found.z.high < 500


@pytest.mark.parametrize("p", [0.3, 0.02])
def test_a_true_p_is_excluded_as_rarely_as_said_however_often_one_looks(p):
    counts = np.cumsum(np.random.default_rng(9).random((800, 1000)) < p, axis=1)
    looks = range(20, 1001, 20)
    wrong = [any(excludes(int(row[n - 1]), n, p, 0.05) for n in looks) for row in counts]
    assert np.mean(wrong) < 0.05
    assert sum(excludes(int(row[-1]), 1000, 3 * p, 0.05) for row in counts) > 700
