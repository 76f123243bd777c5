"""Winners, regret and the noise floor of a choice."""

import json

import numpy as np
import pytest
from toys import VIEW, toy_sample, with_verdict

from raysearch.recommend import Contender, recommend
from raysearch.records import Record
from raysearch.refit import Final
from raysearch.selection import choices, noise_floor, winners
from raysearch.trial import Setup


def record(state="COMPLETE", error=None, **metrics):
    values = {name: list(np.atleast_1d(value)) for name, value in metrics.items()}
    return ({}, Record(state, values, 1, 1.0, error, "hgb"))


RECORDS = {
    0: record(val_sic=0.1, val_loss=0.69, max_sic=8.0),
    1: record(
        val_sic=[0.3, 0.1], val_loss=0.692, max_sic=[9.0, 11.0], max_sic_at_val_sic=[2.0, 4.0]
    ),
    2: record("PRUNED", val_sic=9.0, val_loss=0.1, max_sic=99.0),
    3: record(val_sic=0.15, val_loss=0.68, max_sic=[20.0, 1.0]),
    4: record("FAIL", "ValueError: no"),
}


def final(sample, quality=1.0):
    rows, test = sample.rows.features, sample.test
    return Final(None, quality * rows.sum(axis=1), quality * test.sum(axis=1), 1.0, 10)


def test_each_objective_picks_by_its_mean_and_direction():
    assert winners(RECORDS) == {"val_sic": 1, "val_loss": 3, "max_sic": 3}


def test_stopped_and_failed_trials_cannot_win():
    assert not winners({2: RECORDS[2], 4: RECORDS[4]})
    assert not winners({})


def test_without_labels_nobody_wins_by_the_supervised_metric():
    records = {0: record(val_sic=0.1, val_loss=0.69), 1: record(val_sic=0.2, val_loss=0.70)}
    assert winners(records) == {"val_sic": 1, "val_loss": 0}


def test_the_noise_floor_is_that_of_random_scores():
    rng = np.random.default_rng(0)
    is_data = np.arange(10_000) < 5000
    mean, quantile = noise_floor(is_data, rng.normal(size=10_000) + 2 * is_data, seed=1)
    # Published for 5k + 5k: 0.036 and 0.070; fifty permutations know them this well.
    assert mean == pytest.approx(0.036, abs=0.009)
    assert quantile == pytest.approx(0.070, abs=0.03)


def test_the_noise_floor_of_a_study_is_reproducible():
    is_data, scores = np.arange(400) < 200, np.random.default_rng(0).normal(size=400)
    assert noise_floor(is_data, scores, 1) == noise_floor(is_data, scores, 1)
    assert noise_floor(is_data, scores, 1) != noise_floor(is_data, scores, 2)


def chosen(sample, finals):
    setups = {n: Setup("idealised", "baseline", "hgb", {"max_iter": 5}) for n in winners(RECORDS)}
    return choices(RECORDS, setups, finals, None, {VIEW: sample}, seed=1)


def test_a_choice_says_trial_setup_regret_and_ensemble():
    sample = toy_sample()
    found = chosen(sample, {"val_sic": final(sample, -1.0), "max_sic": final(sample)})
    assert found["val_sic"]["trial_id"] == "00001"
    assert "regret" not in found["val_sic"]
    # At the epochs that val_sic likes best; with labels one would have found 10.
    assert (found["val_sic"]["trial"]["max_sic"], found["val_sic"]["trial"]["max_sic_std"]) == (
        3,
        1,
    )
    assert found["max_sic"]["trial"]["max_sic"] == 10.5
    assert found["val_sic"]["setup"]["parameters"] == {"max_iter": 5}
    assert found["val_sic"]["ensemble"]["regret"] < 0.5
    assert found["max_sic"]["ensemble"]["regret"] == 1.0
    assert found["val_loss"]["ensemble"] is None


def test_a_choice_is_plain_json_without_nan_or_infinity():
    sample = toy_sample(shift=30.0)  # no background passes: rejections are infinite
    found = chosen(sample, {"val_sic": final(sample), "max_sic": final(sample)})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["val_sic"]["ensemble"]["metrics"]["rejection_at_eps_s_0.5"] is None


def test_without_labels_an_ensemble_has_no_supervised_figures():
    sample = toy_sample(test=None)
    blind = Final(None, sample.rows.features[:, 0], None, 1.0, 10)
    ensemble = chosen(sample, {"val_sic": blind})["val_sic"]["ensemble"]
    assert ensemble["metrics"] is None
    assert ensemble["regret"] is None
    assert ensemble["val_sic"] >= 0


def test_the_recommended_mean_stands_beside_the_choices_with_its_preference():
    sample = with_verdict(toy_sample())
    setup = Setup("idealised", "baseline", "hgb", {"max_iter": 5})
    contenders = [Contender(k, setup, final(sample, 1.0 + k)) for k in (3, 1)]
    ranks = sample.rows.features[sample.verdict].sum(axis=1)
    mean = recommend(contenders, [ranks], sample, seed=1)
    best = {"max_sic": final(sample)}
    setups = {n: setup for n in winners(RECORDS)}
    found = choices(RECORDS, setups, best, mean, {VIEW: sample}, seed=1)["recommended"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["trials"] == ["00003", "00001"]
    assert found["setup"]["detector"] == "2 hgb"
    assert found["preference"]["is_clear"]
    assert found["preference"]["alarm_rate"] == 0.05
    assert found["preference"]["data"] == found["preference"]["template"] == 200
    silent = recommend(contenders, [], toy_sample(), seed=1)
    found = choices(RECORDS, setups, best, silent, {VIEW: sample}, seed=1)["recommended"]
    assert found["preference"] is None
    # Both parts rank events as the reference does.
    assert found["ensemble"]["regret"] == pytest.approx(1.0, abs=0.02)
