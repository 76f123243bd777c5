"""The metrics against scikit-learn, closed forms and the published noise floor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import log_loss, roc_auc_score, roc_curve

from raysearch.events import surrogate
from raysearch.metrics import (
    auc,
    efficiencies,
    max_sic,
    rejection_at,
    sic_at,
    sic_curve,
    smallest_background_efficiency,
    supervised_summary,
    val_loss,
    val_sic,
)

RULES = {"val_sic": val_sic, "max_sic": max_sic, "val_loss": val_loss}


@st.composite
def classes_and_ranks(draw):
    """Both classes, and integer scores with many ties."""
    n_each = draw(st.integers(26, 200))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    ranks = rng.integers(0, draw(st.integers(1, 60)), 2 * n_each)
    return rng.permutation(2 * n_each) < n_each, ranks


def quantiles(n, shift=0.0):
    """A normal sample without noise."""
    return norm.ppf((np.arange(n) + 0.5) / n) + shift


def gaussian_toy(n, shift):
    return np.arange(2 * n) < n, np.concatenate([quantiles(n, shift), quantiles(n)])


def brute_force_val_sic(is_data, scores):
    fpr, tpr, _ = roc_curve(is_data, scores, drop_intermediate=False)
    return np.max((tpr / np.sqrt(fpr) - np.sqrt(fpr))[fpr > 0]) if (fpr > 0).any() else np.nan


def brute_force_max_sic(is_signal, scores):
    fpr, tpr, _ = roc_curve(is_signal, scores, drop_intermediate=False)
    known = fpr > smallest_background_efficiency(np.count_nonzero(~is_signal))
    return np.max(tpr[known] / np.sqrt(fpr[known]))


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@given(classes_and_ranks())
def test_the_figures_equal_those_from_sklearns_roc_curve(problem):
    classes, ranks = problem
    scores = ranks.astype(np.float32)
    assert val_sic(classes, scores) == pytest.approx(brute_force_val_sic(classes, scores))
    assert max_sic(classes, scores) == pytest.approx(brute_force_max_sic(classes, scores))
    assert auc(efficiencies(classes, scores)) == pytest.approx(roc_auc_score(classes, scores))


@given(st.integers(0, 2**32), st.integers(1, 300), st.integers(1, 300), st.floats(0.1, 12))
def test_val_loss_is_sklearns_balanced_log_loss(seed, n_data, n_template, scale):
    is_data = np.arange(n_data + n_template) < n_data
    log_odds = scale * np.random.default_rng(seed).normal(size=len(is_data)).clip(-3, 3) / 3
    weight = np.where(is_data, 1 / n_data, 1 / n_template)
    expected = log_loss(is_data, 1 / (1 + np.exp(-log_odds)), sample_weight=weight)
    assert val_loss(is_data, log_odds) == pytest.approx(expected, rel=1e-6)


@given(classes_and_ranks(), st.data())
def test_sic_ignores_every_strictly_rising_map_of_the_scores(problem, data):
    classes, ranks = problem
    n = int(ranks.max()) + 1
    # Distinct in float32, so that no map makes new ties.
    floats = st.floats(-(2.0**100), 2.0**100, width=32)
    steps = data.draw(st.lists(floats, min_size=n, max_size=n, unique=True))
    mapped = np.sort(np.array(steps, np.float32))[ranks]
    assert val_sic(classes, mapped) == pytest.approx(val_sic(classes, ranks.astype(np.float32)))
    assert max_sic(classes, mapped) == pytest.approx(max_sic(classes, ranks.astype(np.float32)))


@given(classes_and_ranks(), st.integers(0, 2**32))
def test_the_order_of_the_events_changes_nothing(problem, seed):
    classes, ranks = problem
    order = np.random.default_rng(seed).permutation(len(ranks))
    for rule in RULES.values():
        expected = rule(classes, ranks / 10)
        assert rule(classes[order], ranks[order] / 10) == pytest.approx(expected)


@pytest.mark.parametrize("shift", [0.5, 1.0])
def test_max_sic_of_two_gaussians_is_the_known_maximum(shift):
    threshold = np.linspace(-3, 3.5, 20001)
    # sf(t - shift) / sqrt(sf(t)) has its maximum near t = 2 shift, far above the floor.
    known = np.max(norm.sf(threshold - shift) / np.sqrt(norm.sf(threshold)))
    assert max_sic(*gaussian_toy(200_000, shift)) == pytest.approx(known, rel=1e-4)


def test_val_sic_of_two_gaussians_is_the_known_maximum():
    threshold = np.linspace(-3, 3.5, 20001)
    tpr, fpr = norm.sf(threshold - 1), norm.sf(threshold)
    known = np.max(tpr / np.sqrt(fpr) - np.sqrt(fpr))
    assert val_sic(*gaussian_toy(200_000, 1.0)) == pytest.approx(known, rel=1e-4)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_auc_of_two_gaussians_is_known(shift):
    curve = efficiencies(*gaussian_toy(20_000, shift))
    assert auc(curve) == pytest.approx(norm.cdf(shift / np.sqrt(2)), abs=1e-4)


def test_sic_at_fixed_background_is_known_for_two_gaussians():
    curve = efficiencies(*gaussian_toy(200_000, 2.0))
    signal = norm.sf(norm.isf(1e-2) - 2)
    assert sic_at(curve, 1e-2) == pytest.approx(signal / 0.1, rel=1e-3)
    assert rejection_at(curve, 0.5) == pytest.approx(1 / norm.sf(2), rel=1e-3)


@pytest.mark.parametrize(("n_data", "n_template"), [(1, 1), (10, 990), (700, 300)])
def test_a_blind_classifier_loses_ln_2_however_unequal_the_classes(n_data, n_template):
    is_data = np.arange(n_data + n_template) < n_data
    assert val_loss(is_data, np.zeros(len(is_data))) == pytest.approx(np.log(2), abs=1e-12)


@pytest.mark.parametrize("fraction", [0.005, 0.02])
def test_the_best_loss_of_a_weak_signal_is_ln_2_less_f_squared_chi_squared_over_8(fraction):
    n, n_signal = 200_000, round(200_000 * fraction)
    background, signal = quantiles(n - n_signal), quantiles(n_signal, 1.0)
    x = np.concatenate([background, signal, quantiles(n)])
    log_odds = np.log1p(fraction * np.expm1(x - 0.5))  # the likelihood ratio of unit shift
    gained = np.log(2) - val_loss(np.arange(2 * n) < n, log_odds)
    assert gained == pytest.approx(fraction**2 * np.expm1(1.0) / 8, rel=0.1)


def test_the_best_loss_at_one_percent_signal_is_about_the_published_one():
    n, window = 25_000, (3.3, 3.7)
    events = surrogate.surrogate_events(2 * n - n // 100, n // 100, 1, window)
    ratio = surrogate.log_likelihood_ratio(events, window)
    order = np.argsort(~events.labels, kind="stable")  # all signal among the data
    log_odds = np.log1p(0.01 * np.expm1(ratio))[order]
    # Published: about 0.6924, for other events; the surrogate's own value is 0.6919.
    assert val_loss(np.arange(2 * n) < n, log_odds) == pytest.approx(0.6924, abs=7e-4)


@pytest.mark.parametrize(("eps_s", "eps_b", "f"), [(0.5, 0.01, 0.02), (0.2, 0.002, 0.1)])
def test_val_sic_of_a_perfect_template_is_f_times_sic_less_root_eps_b(eps_s, eps_b, f):
    n = 100_000
    n_signal = round(f * n)
    passed = [round(eps_s * n_signal), round(eps_b * (n - n_signal)), round(eps_b * n)]
    sizes = [n_signal, n - n_signal, n]
    scores = np.concatenate([np.arange(m) < k for m, k in zip(sizes, passed, strict=True)])
    expected = f * (eps_s / np.sqrt(eps_b) - np.sqrt(eps_b))
    found = val_sic(np.arange(2 * n) < n, scores.astype(float))
    assert found == pytest.approx(expected, rel=1e-3)


def test_val_sic_of_random_scores_has_the_published_noise_floor():
    rng = np.random.default_rng(0)
    is_data = np.arange(10_000) < 5000
    values = [val_sic(is_data, rng.random(10_000)) for _ in range(600)]
    assert np.mean(values) == pytest.approx(0.036, abs=0.004)
    assert np.quantile(values, 0.95) == pytest.approx(0.070, abs=0.010)


@pytest.mark.parametrize("n_background", [26, 100, 400, 10_000])
def test_the_floor_follows_from_the_test_sets_own_background(n_background):
    # All signal and exactly k background events lie above the rest.
    fewest = n_background * smallest_background_efficiency(n_background)
    assert fewest == pytest.approx(25)
    for k, counts in ((25, False), (26, True)):
        scores = np.r_[np.full(50, 2.0), np.arange(n_background) < k]
        is_signal = np.arange(50 + n_background) < 50
        sic = np.sqrt(n_background / k) if counts else 1.0
        assert max_sic(is_signal, scores) == pytest.approx(sic)


def test_ties_pass_together():
    is_positive = np.array([True, False, True, False])
    curve = efficiencies(is_positive, np.array([2.0, 2.0, 1.0, 1.0]))
    np.testing.assert_array_equal(curve.positive, [0.5, 1.0])
    np.testing.assert_array_equal(curve.negative, [0.5, 1.0])
    assert val_sic(is_positive, np.zeros(4)) == 0.0


def test_scores_equal_in_float32_are_ties():
    curve = efficiencies(np.array([True, False]), np.array([1.0 + 1e-12, 1.0]))
    assert len(curve.positive) == 1


def test_sic_without_a_negative_above_the_threshold_is_unknown():
    curve = efficiencies(np.array([True, False]), np.array([1.0, 0.0]))
    np.testing.assert_array_equal(sic_curve(curve), [np.nan, 1.0])
    assert rejection_at(curve, 0.5) == np.inf
    assert np.isnan(sic_at(curve, 0.5))


@pytest.mark.parametrize("scores", [np.arange(200.0), -np.arange(200.0)])
def test_a_score_and_its_reverse_share_one_auc(scores):
    classes = np.random.default_rng(0).random(200) < 0.4
    total = auc(efficiencies(classes, scores)) + auc(efficiencies(classes, -scores))
    assert total == pytest.approx(1.0)


def test_the_summary_agrees_with_its_parts():
    classes, scores = gaussian_toy(5000, 1.5)
    summary, curve = supervised_summary(classes, scores), efficiencies(classes, scores)
    assert summary["max_sic"] == pytest.approx(max_sic(classes, scores))
    assert summary["auc"] == auc(curve)
    assert summary["rejection_at_eps_s_0.2"] == rejection_at(curve, 0.2)
    assert summary["sic_at_eps_b_1e-3"] == sic_at(curve, 1e-3)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("present", [True, False])
def test_an_absent_class_is_refused(name, present):
    with pytest.raises(ValueError, match="both classes must be present"):
        RULES[name](np.full(60, present), np.arange(60.0))


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused(name, bad):
    scores = np.arange(60.0)
    scores[7] = bad
    with pytest.raises(ValueError, match="finite"):
        RULES[name](np.arange(60) < 30, scores)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("shape", [(61,), (59,), (2, 30), (60, 1)])
def test_classes_and_scores_of_different_shapes_are_refused(name, shape):
    with pytest.raises(ValueError, match="shape"):
        RULES[name](np.arange(60) < 30, np.zeros(shape))


@pytest.mark.parametrize("n_background", [1, 24, 25])
def test_too_little_background_for_a_supervised_sic_is_refused(n_background):
    is_signal = np.arange(100 + n_background) < 100
    with pytest.raises(ValueError, match=f"more than 25 background events .* {n_background};"):
        max_sic(is_signal, np.arange(100.0 + n_background))
