"""What samplers see of many finished trials."""

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from raysearch.tuning.window import Window

BOTH = (TrialState.COMPLETE, TrialState.PRUNED)


def made(values, direction=StudyDirection.MAXIMIZE, size=60, pruned=()):
    study = optuna.create_study(storage=Window(direction, size), direction=direction)
    for number, value in enumerate(values):
        x = {"params": {"x": 0.5}, "distributions": {"x": FloatDistribution(0, 1)}}
        if number in pruned:
            x |= {"state": TrialState.PRUNED, "intermediate_values": {5: value}}
        else:
            x |= {"value": value}
        study.add_trial(create_trial(**x))
    return study


def shown(study, states=BOTH):
    return [trial.number for trial in study.get_trials(states=states)]


def test_few_trials_are_all_shown():
    assert shown(made(range(60))) == list(range(60))


@pytest.mark.parametrize("direction", [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE])
def test_of_many_the_best_and_the_last_are_shown(direction):
    values = np.random.default_rng(0).normal(size=500)
    found = shown(made(values, direction))
    order = np.argsort(values if direction == StudyDirection.MINIMIZE else -values)
    assert len(found) == 60
    assert found == sorted(found)
    assert set(order[:25].tolist()) <= set(found)
    assert set(range(480, 500)) <= set(found)


def test_the_others_are_thinned_evenly():
    values = np.r_[np.full(25, 9.0), np.zeros(1000)]
    rest = [number for number in shown(made(values, size=250)) if 25 <= number < 1000]
    assert np.ptp(np.diff(rest)) <= 1


def test_complete_trials_are_better_than_any_stopped_early():
    values = np.r_[np.full(100, 5.0), np.zeros(100)]
    found = shown(made(values, pruned=range(100)))
    assert set(range(100, 125)) <= set(found)


def test_the_choice_does_not_depend_on_the_order_of_the_ends():
    values = np.random.default_rng(1).normal(size=200)
    found = []
    for order in (range(200), reversed(range(200))):
        study = optuna.create_study(
            storage=Window(StudyDirection.MAXIMIZE, 60), direction="maximize"
        )
        trials = [study.ask() for _ in range(200)]
        for number in order:
            study.tell(trials[number], values[number])
        found.append(shown(study))
    assert found[0] == found[1]


def with_waiting(trials, waiting):
    study = made(range(trials))
    for _ in range(waiting):
        study.enqueue_trial({})
    return study, study._storage


def ask(study, number, params):
    study._storage.offer(number, params)
    return study.ask()


def test_running_trials_are_shown_and_those_begin_that_are_offered():
    study, _ = with_waiting(100, 3)
    first, second = ask(study, 101, {"x": 0.25}), ask(study, 100, {})
    assert (first.number, second.number) == (101, 100)
    assert first.suggest_float("x", 0, 1) == 0.25
    assert shown(study, (TrialState.RUNNING,)) == [100, 101]
    assert shown(study, (TrialState.WAITING,)) == []
    study.tell(first, state=TrialState.FAIL)
    assert shown(study, (TrialState.RUNNING,)) == [100]


@pytest.mark.parametrize("pruned", [False, True])
def test_a_trial_that_ended_elsewhere_is_shown_like_any_other(pruned):
    elsewhere = made([0.75], pruned=[0] if pruned else []).trials[0]
    study, storage = with_waiting(2, 3)
    storage.enter(3, elsewhere)
    assert shown(study) == [0, 1, 3]
    found = storage.get_trial(3)
    for part in ("state", "params", "distributions", "values", "intermediate_values"):
        assert getattr(found, part) == getattr(elsewhere, part)


def test_the_best_trial_is_the_best_of_all():
    assert made(np.arange(300) % 77).best_value == 76
