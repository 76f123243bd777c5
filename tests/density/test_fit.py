"""The density at masses it never saw, against the truth."""

import numpy as np
import pytest
from densities import CORRELATION, moving_gaussian

from raysearch.density import ESTIMATORS
from raysearch.density.fit import fit_density
from raysearch.events.surrogate import surrogate_events
from raysearch.regions import SIGNAL_REGION
from raysearch.separability import separability

MID = {
    "maf": {"blocks": 3, "hidden": 32, "batch_size": 256, "epochs": 8, "learning_rate": 1e-2},
    "flow_matching": {"hidden": 64, "batch_size": 256, "epochs": 15, "learning_rate": 1e-2},
}


def outside(events):
    return events.take(~SIGNAL_REGION.contains(events.mjj_tev))


@pytest.fixture(scope="module", params=ESTIMATORS)
def interpolated(request):
    """Samples in the signal region of a density that saw the sidebands only."""
    training, validation = outside(moving_gaussian(12_000, 1)), outside(moving_gaussian(4000, 2))
    density = fit_density(training, validation, request.param, MID[request.param], 1)
    masses = np.random.default_rng(3).uniform(3.3, 3.69, 6000).astype(np.float32)
    return density.sample(masses, 4)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_training_asks_after_each_epoch_whether_to_end(name):
    few, answers = outside(moving_gaussian(600, 1)), [False, False, True]
    with pytest.raises(KeyboardInterrupt):
        fit_density(few, few, name, {"epochs": 5}, 1, halt=lambda: answers.pop(0))
    assert answers == []


def test_the_mean_moves_with_the_mass(interpolated):
    m = interpolated.mjj_tev - 3.5
    x, y = interpolated.features.T
    for values, slope in ((x, 1.0), (y, -2.0)):
        found, offset = np.polyfit(m, values, 1)
        assert found == pytest.approx(slope, abs=0.4)
        assert offset == pytest.approx(0, abs=0.12)


def test_widths_and_correlation_are_the_true_ones(interpolated):
    m = interpolated.mjj_tev - 3.5
    x, y = interpolated.features[:, 0] - m, interpolated.features[:, 1] + 2 * m
    assert np.std(x) == pytest.approx(1, abs=0.08)
    assert np.std(y) == pytest.approx(1, abs=0.08)
    assert np.corrcoef(x, y)[0, 1] == pytest.approx(CORRELATION, abs=0.05)


def test_a_classifier_hardly_tells_them_from_the_truth(interpolated):
    truth = moving_gaussian(6000, 5, interpolated.mjj_tev)
    found = separability(truth, interpolated, 0)
    assert abs(found.value - 0.5) < 4 * found.error + 0.02


def test_a_classifier_tells_a_density_that_ignores_the_mass(interpolated):
    shuffled = np.random.default_rng(6).uniform(2.5, 4.5, 6000)
    wrong = moving_gaussian(6000, 5, shuffled)
    masses = interpolated.mjj_tev
    wrong = type(wrong)(wrong.features, wrong.columns, wrong.units, masses)
    assert separability(moving_gaussian(6000, 7, masses), wrong, 0).value > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATORS)
def test_on_the_surrogate_the_samples_pass_for_background_of_the_region(name):
    events = outside(surrogate_events(60_000, 0, 1))
    n = round(0.75 * len(events))
    training, validation = events.take(np.arange(n)), events.take(np.arange(n, len(events)))
    density = fit_density(training, validation, name, {}, 1)
    truth = surrogate_events(20_000, 0, 2, (3.3, 3.7))
    found = separability(truth, density.sample(truth.mjj_tev, 3), 0)
    assert found.value < 0.53
