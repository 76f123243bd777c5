"""The surrogate looks like the simulation, and its likelihood ratio is exact.

tests/data/simulated_dijets_sr.npz holds simulated signal-region events that the fit did not use:
mjj, mj1, delta_mj (TeV), tau21j1, tau21j2 of 5,000 background and 3,000 signal events.
"""

from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import trapezoid
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_predict

from raysearch.errors import InputError
from raysearch.events.base import Events
from raysearch.events.surrogate import (
    LARGEST_TAU21,
    Mixture,
    from_normal,
    load_surrogate,
    log_likelihood_ratio,
    surrogate_events,
    to_normal,
    variables,
)
from raysearch.events.surrogate_fit import (
    fit_mixture,
    fit_surrogate,
    save_surrogate,
    training_rows,
)
from raysearch.metrics import auc, efficiencies, max_sic

SR = (3.3, 3.7)
SIMULATED = Path(__file__).parents[1] / "data" / "simulated_dijets_sr.npz"
# Of the simulation, all masses, used or not by the fit.
SIMULATED_SR_SHARE = {"background": 0.1435, "signal": 0.8262}
TOY = Mixture(
    np.array([0.3, 0.7]),
    np.array([[0.0, 1.0], [2.0, -1.0]]),
    np.array([[[1.0, 0.6], [0.6, 0.8]], [[0.5, -0.2], [-0.2, 0.4]]]),
)


def tree_auc(is_positive, values, seed=0):
    """AUC of boosted trees on events they were not trained on."""
    model = HistGradientBoostingClassifier(max_iter=60, random_state=seed)
    scores = cross_val_predict(model, values, is_positive, cv=4, method="predict_proba")[:, 1]
    return auc(efficiencies(is_positive, scores))


def normal_mass(mjj):
    """The mixtures' first variable for these masses."""
    return to_normal(np.column_stack([mjj, np.full((len(mjj), 4), 0.1)]))[:, 0]


def row_of_zeros(n):
    return Events(
        np.zeros((n, 4), np.float32),
        ("mj1", "delta_mj", "tau21j1", "tau21j2"),
        ("TeV", "TeV", "1", "1"),
        np.full(n, 3.5, np.float32),
    )


@pytest.fixture(scope="module")
def labelled_sr():
    return surrogate_events(40_000, 10_000, seed=1, window_tev=SR)


class TestAgainstSimulation:
    @pytest.mark.parametrize("name", ["background", "signal"])
    def test_trees_cannot_tell_surrogate_from_held_out_simulation(self, name):
        with np.load(SIMULATED, allow_pickle=False) as file:
            simulated = file[name]
        n = len(simulated)
        counts = (n, 0) if name == "background" else (0, n)
        surrogate = variables(surrogate_events(*counts, seed=5, window_tev=SR))
        assert tree_auc(np.repeat([True, False], n), np.concatenate([surrogate, simulated])) < 0.54

    @pytest.mark.parametrize("name", ["background", "signal"])
    def test_share_of_events_in_the_signal_region(self, name):
        share = getattr(load_surrogate(), name).shares(normal_mass(SR)).sum()
        assert share == pytest.approx(SIMULATED_SR_SHARE[name], rel=0.02)

    def test_background_mass_spectrum_falls_smoothly_over_the_sidebands(self):
        mixture = load_surrogate().background
        edges = normal_mass(np.linspace(2.8, 7.0, 43))
        counts = [mixture.shares(pair).sum() for pair in pairwise(edges)]
        slopes = np.diff(np.log(counts))
        assert (slopes < 0).all()
        # One bump of 3% in a 100 GeV bin would bend the log spectrum by .06.
        assert np.abs(np.diff(slopes)).max() < 0.03

    def test_signal_peaks_at_its_mass(self):
        mjj = surrogate_events(0, 20_000, seed=2).mjj_tev
        counts, edges = np.histogram(mjj, bins=np.arange(2.0, 5.0, 0.05))
        assert abs(edges[np.argmax(counts)] + 0.025 - 3.5) < 0.06


class TestLikelihoodRatio:
    def test_density_integrates_to_one(self):
        axis = np.linspace(-9, 9, 401)
        grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
        density = np.exp(TOY.log_density(grid.reshape(-1, 2))).reshape(401, 401)
        assert trapezoid(trapezoid(density, axis), axis) == pytest.approx(1.0, abs=1e-6)

    def test_density_inside_edges_integrates_to_one(self):
        axis = np.linspace(-9, 9, 2001)
        points = np.column_stack([np.zeros_like(axis), axis])
        density = np.exp(TOY.log_density(points, (0.4, 0.9)))
        assert trapezoid(density, axis) == pytest.approx(1.0, abs=1e-8)

    def test_no_edges_at_all_leave_the_marginal_density(self):
        points = np.random.default_rng(0).normal(size=(5, 2))
        normals = [
            weight
            * np.exp(-((points[:, 1] - mean[1]) ** 2) / (2 * covariance[1, 1]))
            / np.sqrt(2 * np.pi * covariance[1, 1])
            for weight, mean, covariance in zip(
                TOY.weights, TOY.means, TOY.covariances, strict=True
            )
        ]
        assert_allclose(np.exp(TOY.log_density(points, (-np.inf, np.inf))), sum(normals))

    @pytest.mark.parametrize("name", ["background", "signal"])
    def test_window_density_equals_the_integral_over_the_mass(self, name, labelled_sr):
        mixture = getattr(load_surrogate(), name)
        points = to_normal(variables(labelled_sr))[:40]
        mass = np.linspace(*normal_mass(SR), 2001)
        joint = np.array(
            [
                trapezoid(np.exp(mixture.log_density(np.column_stack([mass, rows]))), mass)
                for rows in np.repeat(points[:, None, 1:], len(mass), axis=1)
            ]
        )
        share = mixture.shares((mass[0], mass[-1])).sum()
        assert_allclose(
            mixture.log_density(points, (mass[0], mass[-1])), np.log(joint / share), atol=1e-4
        )

    @pytest.mark.parametrize("window", [None, SR, (2.5, 3.0)])
    def test_importance_weights_average_to_one(self, window):
        # E_B[r] = 1 has an enormous variance; drawn from (B + S)/2 the weight of S is at most 2.
        events = surrogate_events(20_000, 20_000, seed=3, window_tev=window)
        weights = 2 / (1 + np.exp(-log_likelihood_ratio(events, window)))
        assert abs(weights.mean() - 1) < 4 * weights.std() / np.sqrt(len(weights))

    @pytest.mark.parametrize("window", [None, SR])
    def test_ratio_is_calibrated(self, window):
        # For balanced classes r/(1+r) is the probability of signal: in each bin it is the share.
        events = surrogate_events(20_000, 20_000, seed=4, window_tev=window)
        probability = 1 / (1 + np.exp(-log_likelihood_ratio(events, window)))
        place = np.digitize(probability, np.linspace(0, 1, 11)[1:-1])
        excess = np.bincount(place, events.labels - probability)
        variance = np.bincount(place, probability * (1 - probability))
        assert (np.abs(excess) < 4.5 * np.sqrt(variance)).all()

    def test_no_trained_classifier_is_better(self, labelled_sr):
        best = auc(efficiencies(labelled_sr.labels, log_likelihood_ratio(labelled_sr, SR)))
        assert best > tree_auc(labelled_sr.labels, labelled_sr.features)

    def test_max_sic_of_the_best_statistic(self, labelled_sr):
        assert max_sic(labelled_sr.labels, log_likelihood_ratio(labelled_sr, SR)) > 8

    def test_the_window_ratio_does_not_see_the_mass(self, labelled_sr):
        moved = Events(
            labelled_sr.features,
            labelled_sr.columns,
            labelled_sr.units,
            labelled_sr.mjj_tev[::-1].copy(),
        )
        ratio = log_likelihood_ratio(labelled_sr, SR)
        assert_array_equal(log_likelihood_ratio(moved, SR), ratio)

    def test_values_at_the_edge_of_the_range_have_finite_ratios(self):
        assert np.isfinite(log_likelihood_ratio(row_of_zeros(2))).all()
        assert np.isfinite(log_likelihood_ratio(row_of_zeros(2), SR)).all()


class TestEvents:
    @settings(max_examples=30)
    @given(
        st.integers(0, 300),
        st.integers(0, 300),
        st.integers(0, 2**63),
        st.none() | st.tuples(st.floats(2.5, 4.0), st.floats(0.05, 2.0)),
    )
    def test_values_are_physical(self, n_background, n_signal, seed, window):
        window = None if window is None else (window[0], window[0] + window[1])
        events = surrogate_events(n_background, n_signal, seed, window)
        assert len(events) == n_background + n_signal
        assert np.count_nonzero(events.labels) == n_signal
        assert (events.features >= 0).all()
        assert (events.column("mj1") > 0).all()
        assert (events.features[:, 2:] <= LARGEST_TAU21).all()
        low, high = (0, 13) if window is None else window
        mjj = events.mjj_tev.astype(np.float64)
        assert ((mjj > low) & (mjj < high)).all()

    def test_equal_seeds_give_equal_events(self):
        first, again, other = (surrogate_events(500, 50, seed) for seed in (1, 1, 2))
        assert_array_equal(first.features, again.features)
        assert_array_equal(first.mjj_tev, again.mjj_tev)
        assert_array_equal(first.labels, again.labels)
        assert not np.array_equal(first.mjj_tev, other.mjj_tev)

    def test_events_are_shuffled(self, labelled_sr):
        quarters = np.array_split(labelled_sr.labels, 4)
        assert_allclose([quarter.mean() for quarter in quarters], 0.2, atol=0.02)
        mass = labelled_sr.column("mj1")
        assert abs(np.corrcoef(mass[1:], mass[:-1])[0, 1]) < 0.03

    def test_events_in_a_window_are_the_ones_of_all_masses(self):
        everywhere = variables(surrogate_events(60_000, 0, seed=6))
        inside = everywhere[(everywhere[:, 0] > SR[0]) & (everywhere[:, 0] < SR[1])]
        direct = variables(surrogate_events(len(inside), 0, seed=7, window_tev=SR))
        is_direct = np.repeat([True, False], len(inside))
        assert tree_auc(is_direct, np.concatenate([direct, inside])) < 0.52

    @pytest.mark.parametrize("window", [None, SR])
    def test_no_events(self, window):
        events = surrogate_events(0, 0, seed=0, window_tev=window)
        assert len(events) == 0
        assert log_likelihood_ratio(events, window).shape == (0,)

    @pytest.mark.parametrize(
        ("arguments", "rule"),
        [
            ((-1, 0, 0), "n_background must not be negative"),
            ((0, -2, 0), "n_signal must not be negative"),
            ((0, 0, -3), "seed must not be negative"),
            ((1, 1, 0, (3.7, 3.3)), "0 < low < high"),
            ((1, 1, 0, (0.0, 3.3)), "0 < low < high"),
            ((1, 1, 0, (3.3, np.nan)), "0 < low < high"),
            ((1, 1, 0, (30.0, 40.0)), "must hold at least"),
        ],
    )
    def test_impossible_requests(self, arguments, rule):
        with pytest.raises(InputError, match=rule):
            surrogate_events(*arguments)

    def test_a_missing_column_is_named(self):
        events = row_of_zeros(1)
        without = Events(
            events.features[:, :3], events.columns[:3], events.units[:3], events.mjj_tev
        )
        with pytest.raises(InputError, match="tau21j2"):
            log_likelihood_ratio(without)


class TestTransform:
    @given(
        st.lists(
            st.tuples(
                st.floats(0.5, 13),
                st.floats(1e-3, 2),
                st.floats(1e-6, 3),
                st.floats(1e-3, 1.5),
                st.floats(1e-3, 1.5),
            ),
            min_size=1,
        )
    )
    def test_inverts(self, rows):
        values = np.array(rows)
        assert_allclose(from_normal(to_normal(values)), values, rtol=1e-7)


class TestFit:
    def test_finds_a_mixture_and_is_reproducible(self):
        points = TOY.sample(4000, np.random.default_rng(0), (-np.inf, np.inf))
        first, again = (fit_mixture(points, 2, seed=0) for _ in range(2))
        assert_array_equal(first.means, again.means)
        order = np.argsort(first.weights)
        assert_allclose(first.weights[order], TOY.weights, atol=0.05)
        assert_allclose(first.means[order], TOY.means, atol=0.15)

    def test_saved_parameters_are_the_stored_ones(self, tmp_path):
        path = tmp_path / "surrogate.npz"
        save_surrogate(load_surrogate(), path)
        stored = resources.files("raysearch.events") / "surrogate.npz"
        assert [file.name for file in tmp_path.iterdir()] == ["surrogate.npz"]
        with stored.open("rb") as file, np.load(path) as new, np.load(file) as old:
            for name in old.files:
                assert_array_equal(new[name], old[name])

    def test_the_stored_file_is_small(self):
        stored = resources.files("raysearch.events") / "surrogate.npz"
        assert len(stored.read_bytes()) < 100_000

    def test_training_rows_leave_some_events_for_tests(self):
        rows = training_rows(20_000, seed=0)
        assert_array_equal(rows, training_rows(20_000, seed=0))
        assert rows.mean() == pytest.approx(0.85, abs=0.02)

    def test_labels_are_needed(self):
        with pytest.raises(InputError, match="no labels"):
            fit_surrogate(row_of_zeros(3), seed=0)

    def test_too_few_events(self):
        with pytest.raises(InputError, match="at least"):
            fit_surrogate(surrogate_events(30, 30, seed=0), seed=0)
