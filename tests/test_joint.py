"""The joint space: hyperparameters, mode and features, in one study."""

import optuna
import pytest

from raysearch.errors import InputError
from raysearch.joint import as_setup, joint_space, replay, view_of
from raysearch.samples import View
from raysearch.settings import Settings
from raysearch.spaces import space

SEVERAL = Settings(
    mode=("idealised", "cwola"), features=("baseline", "baseline_dr", "extended_1"), space="hgb"
)


def asked(settings, trials=40):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    found = [study.ask() for _ in range(trials)]
    return [(trial, as_setup(joint_space(settings)(trial))) for trial in found]


def test_every_mode_meets_every_feature_set():
    assert {setup.view for _, setup in asked(SEVERAL)} == set(SEVERAL.views)
    assert len(SEVERAL.views) == 6


def test_the_only_one_of_its_kind_is_no_parameter():
    for trial, setup in asked(Settings(space="hgb"), 3):
        assert not {"mode", "features"} & trial.params.keys()
        assert setup.view == View("idealised", "baseline")
    (trial, setup), *_ = asked(Settings(space="hgb", features=SEVERAL.features), 1)
    assert trial.params["features"] == setup.features
    assert "mode" not in trial.params


def test_hyperparameters_do_not_depend_on_what_else_is_chosen():
    (_, alone), *_ = asked(Settings(space="hgb"), 1)
    (_, joint), *_ = asked(SEVERAL, 1)
    assert joint.parameters == alone.parameters


@pytest.mark.parametrize("settings", [Settings(space="hgb"), SEVERAL])
def test_a_setup_is_found_again_from_its_recorded_parameters(settings):
    for trial, setup in asked(settings, 10):
        assert replay(settings, trial.params) == setup
        assert view_of(settings, trial.params) == setup.view


def test_a_space_that_takes_the_names_of_the_joint_space_is_refused():
    with pytest.raises(InputError, match="must leave the names features, mode to the study"):
        space("own_spaces:taken")
