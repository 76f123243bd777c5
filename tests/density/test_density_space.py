"""The search space of the density estimators."""

import optuna
import pytest
from densities import QUICK, moving_gaussian

from raysearch.density import ESTIMATORS
from raysearch.density.fit import fit_density
from search_spaces import density


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_suggestion_is_a_complete_setting_of_its_estimator(name):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        suggested = density.space(study.ask(), (name,))
        assert suggested["estimator"] == name
        ESTIMATORS[name].complete(suggested["parameters"])


def test_a_study_can_minimise_the_validation_loss():
    training, validation = moving_gaussian(600, 1), moving_gaussian(300, 2)

    def loss(trial):
        suggested = density.space(trial, ("flow_matching",))
        parameters = {**suggested["parameters"], **QUICK["flow_matching"], "epochs": 2}
        parameters["learning_rate"] = suggested["parameters"]["learning_rate"]
        return fit_density(training, validation, "flow_matching", parameters, 1).validation_loss

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(loss, n_trials=4)
    assert study.best_value < max(trial.value for trial in study.trials)
