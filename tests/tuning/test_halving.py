"""Asynchronous halving against hand-made courses."""

import numpy as np
import pytest

from raysearch.objectives import objective
from raysearch.tuning.halving import AlwaysOn, Halving, NoRacing


def values(mean, name="val_sic"):
    return {name: np.array([mean - 0.1, mean + 0.1])}


def course(*at, name="val_sic"):
    return {name: list(at)}


def test_the_first_trial_to_reach_a_rung_goes_on():
    assert Halving(objective("val_sic")).rule().goes_on(5, values(-9))


def test_a_trial_worse_than_the_better_half_ends_at_the_rung_and_only_there():
    halving = Halving(objective("val_sic"))
    for final in (1.0, 2.0, 3.0, 4.0):
        halving.learn(course(*[final] * 20))
    rule = halving.rule()
    assert [rule.goes_on(epoch, values(2.4)) for epoch in (4, 5, 6, 9, 10, 20)] == [
        True,
        False,
        True,
        True,
        False,
        False,
    ]
    assert rule.goes_on(5, values(2.6))


def test_for_a_loss_smaller_is_better():
    halving = Halving(objective("val_loss"))
    for final in (0.1, 0.2, 0.3):
        halving.learn(course(*[final] * 5, name="val_loss"))
    assert halving.rule().goes_on(5, values(0.15, "val_loss"))
    assert not halving.rule().goes_on(5, values(0.25, "val_loss"))


def test_a_rung_is_judged_by_those_that_reached_it():
    halving = Halving(objective("val_sic"))
    halving.learn(course(*[5.0] * 5))
    halving.learn(course(*[1.0] * 10))
    assert sorted(halving.rule().at) == [5, 10]
    assert halving.rule().at[10] == pytest.approx(1.0)


def test_trees_and_failed_trials_say_nothing():
    halving = Halving(objective("val_sic"))
    halving.learn(course(3.0))
    halving.learn({})
    assert halving.rule().at == {}


def test_a_rule_keeps_what_was_known_when_it_was_made():
    halving = Halving(objective("val_sic"))
    rule = halving.rule()
    halving.learn(course(*[9.0] * 5))
    assert rule.goes_on(5, values(1.0))
    assert not halving.rule().goes_on(5, values(1.0))


def test_without_racing_every_trial_goes_on():
    racing = NoRacing()
    racing.learn(course(*[9.0] * 5))
    assert racing.rule() == AlwaysOn()
    assert racing.rule().goes_on(5, values(-9.0))


def test_it_agrees_with_the_asha_of_ray_tune():
    """Trials that run one after the other: the same are stopped, at the same epochs."""
    schedulers = pytest.importorskip("ray.tune.schedulers")
    asha = schedulers.ASHAScheduler(
        time_attr="epoch",
        metric="val_sic",
        mode="max",
        max_t=10_000,
        grace_period=5,
        reduction_factor=2,
    )
    halving = Halving(objective("val_sic"))
    rng = np.random.default_rng(3)
    for number in range(40):
        curve = np.maximum.accumulate(rng.normal(0, 1, 25) + rng.normal())
        assert _stopped_by_rule(halving, curve) == _stopped_by_asha(asha, curve, number)


def _stopped_by_rule(halving, curve):
    rule = halving.rule()
    ended = next(
        (e for e, v in enumerate(curve, 1) if not rule.goes_on(e, {"val_sic": np.array([v])})),
        len(curve),
    )
    halving.learn(course(*curve[:ended]))
    return ended


def _stopped_by_asha(asha, curve, number):
    trial = type("Trial", (), {"trial_id": str(number), "config": {}})()
    asha.on_trial_add(None, trial)
    for epoch, value in enumerate(curve, 1):
        result = {"epoch": epoch, "val_sic": value}
        if asha.on_trial_result(None, trial, result) != "CONTINUE":
            asha.on_trial_complete(None, trial, result)
            return epoch
    asha.on_trial_complete(None, trial, result)
    return len(curve)
