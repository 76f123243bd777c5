"""What every density estimator owes."""

import numpy as np
import pytest
import torch
from densities import QUICK, moving_gaussian

from raysearch.density import ESTIMATORS
from raysearch.density.fit import fit_density
from raysearch.errors import InputError


def fitted(name, seed=1, **parameters):
    training, validation = moving_gaussian(1500, 1), moving_gaussian(500, 2)
    return fit_density(training, validation, name, {**QUICK[name], **parameters}, seed)


@pytest.fixture(scope="module")
def densities():
    return {name: fitted(name) for name in ESTIMATORS}


MASSES = np.linspace(3.3, 3.69, 400, dtype=np.float32)


@pytest.mark.parametrize("name", ESTIMATORS)
class TestDensity:
    def test_it_samples_one_finite_event_per_mass(self, name, densities):
        events = densities[name].sample(MASSES, 0)
        assert events.columns == moving_gaussian(10, 0).columns
        np.testing.assert_array_equal(events.mjj_tev, MASSES)
        assert np.isfinite(events.features).all()

    def test_equal_seeds_give_equal_samples(self, name, densities):
        first, again = densities[name].sample(MASSES, 3), fitted(name).sample(MASSES, 3)
        np.testing.assert_array_equal(first.features, again.features)
        assert (first.features != densities[name].sample(MASSES, 4).features).any()
        assert (first.features != fitted(name, seed=2).sample(MASSES, 3).features).any()

    def test_torchs_global_stream_is_left_alone(self, name):
        torch.manual_seed(5)
        before = torch.random.get_rng_state()
        fitted(name, epochs=1).sample(MASSES, 0)
        assert torch.equal(before, torch.random.get_rng_state())

    def test_training_lowers_the_validation_loss(self, name, densities):
        losses = densities[name].trained.losses
        assert densities[name].validation_loss == min(losses) < losses[0]

    def test_it_keeps_as_many_of_the_best_epochs_as_asked(self, name):
        assert len(fitted(name, epochs=4, best_epochs=2).trained.states) == 2
        assert len(fitted(name, epochs=1, best_epochs=3).trained.states) == 1

    def test_it_stops_when_the_loss_no_longer_falls(self, name):
        # Without a learning rate the first epoch stays the best.
        stuck = fitted(name, learning_rate=0.0, epochs=50, patience=3)
        assert len(stuck.trained.losses) == 4

    def test_a_diverged_training_is_refused(self, name):
        with pytest.raises(ValueError, match="finite in some epoch"):
            fitted(name, learning_rate=1e30, epochs=2, patience=5)

    def test_an_unknown_or_wrong_parameter_is_refused(self, name):
        with pytest.raises(InputError, match=r"'hiden'; did you mean 'hidden'"):
            fitted(name, hiden=3)
        for wrong in ({"hidden": 0}, {"epochs": 2.5}, {"learning_rate": -1.0}):
            with pytest.raises(InputError, match="but got"):
                fitted(name, **wrong)
