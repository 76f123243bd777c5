"""One trial: swapped halves, seeds, the best epoch, and who sees labels."""

import dataclasses
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import QUICK, toy_sample

from raysearch.errors import InputError
from raysearch.objectives import CHANCE
from raysearch.racing import Rung
from raysearch.seeds import number
from raysearch.trial import Setup, TrialPack, halves, run_trial, trial_epochs


def setup(detector="pretender", parameters=None):
    return Setup("idealised", "baseline", detector, parameters or {})


@pytest.fixture(scope="module")
def sample():
    return toy_sample()


@pytest.fixture(scope="module")
def unlabelled():
    return toy_sample(test=None)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 7), st.integers(0, 99))
def test_repeats_come_in_pairs_that_swap_their_halves(n_data, n_template, repeats, seed):
    members = halves(np.arange(n_data + n_template) < n_data, repeats, seed)
    assert len(members) == repeats
    for first, second in zip(members[::2], members[1::2], strict=False):
        np.testing.assert_array_equal(first.train, second.validation)
        np.testing.assert_array_equal(first.validation, second.train)


def test_two_pairs_are_split_differently():
    members = halves(np.arange(200) < 100, 4, 0)
    assert not np.array_equal(members[0].train, members[2].train)
    assert not np.array_equal(members[0].train, members[3].train)


@pytest.mark.parametrize("detector", QUICK)
def test_equal_seed_and_index_give_an_equal_result(detector, sample):
    chosen = setup(detector, QUICK[detector])
    first, again = (run_trial(chosen, sample, repeats=2, seed=3, index=5) for _ in range(2))
    for name, values in first.values.items():
        np.testing.assert_allclose(values, again.values[name], rtol=1e-5)


def test_the_index_changes_the_fits_but_not_the_halves(pretend, unlabelled):
    seen = []
    pretend(lambda member, epoch, x: seen.append(member) or x[:, 0])
    for index in (0, 1):
        run_trial(setup(), unlabelled, repeats=2, seed=3, index=index)
    first, second, third, fourth = seen
    assert len({member.seed for member in seen}) == 4
    np.testing.assert_array_equal(first.train, third.train)
    np.testing.assert_array_equal(second.train, fourth.train)


def test_the_seed_changes_fits_and_halves(pretend, unlabelled):
    seen = []
    pretend(lambda member, epoch, x: seen.append(member) or x[:, 0])
    for seed in (0, 1):
        run_trial(setup(), unlabelled, repeats=1, seed=seed)
    assert seen[0].seed != seen[1].seed
    assert not np.array_equal(seen[0].train, seen[1].train)


def test_each_metric_is_taken_at_its_own_best_epoch(pretend, sample):
    # Epoch 0 knows nothing, 1 ranks well with wild odds, 2 ranks as well with sober odds.
    steps = (0.0, 50.0, 0.01)
    pretend(lambda member, epoch, x: steps[epoch] * (x.sum(axis=1) - 4.5), epochs=3)
    by_epoch = [dict(r.values) for r in trial_epochs(setup(), sample, repeats=2, seed=0)]
    assert (by_epoch[1]["val_sic"] > by_epoch[0]["val_sic"]).all()
    np.testing.assert_array_equal(by_epoch[1]["val_loss"], by_epoch[0]["val_loss"])
    assert (by_epoch[2]["val_loss"] < by_epoch[1]["val_loss"]).all()
    np.testing.assert_allclose(by_epoch[2]["max_sic"], by_epoch[1]["max_sic"])


def test_max_sic_is_known_at_the_best_epoch_of_every_metric(pretend, sample):
    """Epoch 1 ranks by data against template alone, epoch 2 by signal, epoch 3 by nothing."""

    def rule(member, epoch, features):
        is_rows = len(features) == len(member.validation)
        data = sample.rows.is_data[member.validation] if is_rows else np.zeros(len(features))
        data = data | (np.arange(len(features)) % 50 == 0) if is_rows else data
        return [0.1 * features[:, 0], 9.0 * data, features.sum(axis=1), 0 * features[:, 0]][epoch]

    pretend(rule, epochs=4)
    by_epoch = [dict(r.values) for r in trial_epochs(setup(), sample, repeats=2, seed=0)]
    last = by_epoch[-1]
    # Only labels like epoch 2 best; data and template are told apart in epoch 1.
    assert (last["max_sic"] > 2).all()
    for name in ("max_sic_at_val_sic", "max_sic_at_val_loss"):
        np.testing.assert_allclose(last[name], 1.0)
        np.testing.assert_array_equal(by_epoch[0][name], by_epoch[0]["max_sic"])
        assert (by_epoch[0][name] > 1).all()


def test_a_worse_epoch_changes_nothing(pretend, sample):
    pretend(lambda member, epoch, x: (0.1, -0.1)[epoch] * x.sum(axis=1), epochs=2)
    first, last = trial_epochs(setup(), sample, repeats=2, seed=0)
    assert (first.epochs, last.epochs) == (1, 2)
    for name, values in first.values.items():
        np.testing.assert_array_equal(last.values[name], values)


def test_every_metric_has_one_value_a_repeat(sample):
    result = run_trial(setup("hgb", QUICK["hgb"]), sample, repeats=3)
    assert {name: len(values) for name, values in result.values.items()} == {
        "val_sic": 3,
        "val_loss": 3,
        "max_sic": 3,
        "max_sic_at_val_sic": 3,
        "max_sic_at_val_loss": 3,
    }
    assert result.epochs == 1
    assert result.seconds > 0


def test_metrics_beyond_those_of_every_fit_are_there_where_they_are_asked_for(sample):
    how = {"repeats": 2, "seed": 3}
    first, other = (
        run_trial(setup("hgb", {"max_iter": n}), sample, **how, also=("cross_sic", CHANCE.name))
        for n in (8, 8)
    )
    assert {"cross_sic", "max_sic_at_cross_sic", CHANCE.name} < set(first.values)
    assert first.values["cross_sic"][0] == first.values["cross_sic"][1]
    assert (first.values[CHANCE.name] < first.values["val_sic"]).all()
    np.testing.assert_array_equal(first.values[CHANCE.name], other.values[CHANCE.name])
    assert "cross_sic" not in run_trial(setup("hgb", {"max_iter": 8}), sample, **how).values


def test_without_test_events_there_is_no_supervised_metric(unlabelled):
    result = run_trial(setup("hgb", QUICK["hgb"]), unlabelled, repeats=2)
    assert set(result.values) == {"val_sic", "val_loss"}


@pytest.mark.parametrize("detector", QUICK)
def test_test_labels_move_the_supervised_metric_only(detector, sample):
    flipped = dataclasses.replace(sample, test_is_signal=~sample.test_is_signal)
    chosen = setup(detector, QUICK[detector])
    first, other = (run_trial(chosen, s, repeats=2) for s in (sample, flipped))
    for name in ("val_sic", "val_loss"):
        np.testing.assert_allclose(first.values[name], other.values[name], rtol=1e-5)
    assert not np.allclose(first.values["max_sic"], other.values["max_sic"])


def test_the_metrics_judge_rows_the_member_never_trained_on(pretend, unlabelled):
    asked = []
    pretend(lambda member, epoch, x: asked.append((member, x)) or x[:, 0])
    run_trial(setup(), unlabelled, repeats=3)
    for member, features in asked:
        trained = {row.tobytes() for row in unlabelled.rows.features[member.train]}
        assert not trained & {row.tobytes() for row in features}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_not_finite_ends_the_trial(bad, pretend, sample):
    pretend(lambda member, epoch, x: np.where(np.arange(len(x)) == 3, bad, x[:, 0]))
    with pytest.raises(ValueError, match="scores must be finite, but 1 of"):
        run_trial(setup(), sample)


def test_unknown_names_are_refused(sample):
    with pytest.raises(InputError, match="did you mean 'hgb'"):
        run_trial(setup("hgbt"), sample)
    with pytest.raises(InputError, match="did you mean 'max_iter'"):
        run_trial(setup("hgb", {"max_iters": 3}), sample)


def test_a_strong_signal_is_found_and_none_is_blind():
    chosen = setup("hgb", {"max_iter": 20})
    strong = run_trial(chosen, toy_sample(n_signal=200), repeats=2)
    absent = run_trial(chosen, toy_sample(n_signal=0), repeats=2)
    assert strong.values["val_loss"].mean() < np.log(2) - 0.02 < absent.values["val_loss"].mean()
    assert strong.values["val_sic"].mean() > 3 * absent.values["val_sic"].mean()
    assert strong.values["max_sic"].mean() > 3


def test_trials_of_a_pack_come_out_as_they_do_alone(sample):
    setups = {
        3: setup("mlp", {"width": 8, "layers": 1, "batch_size": 100}),
        5: setup("mlp", {"width": 8, "layers": 1, "learning_rate": 1e-2}),
    }
    pack = TrialPack(setups, sample, repeats=2, seed=4)
    while pack.living:
        together = pack.step()
    for index, own in setups.items():
        alone = run_trial(own, sample, repeats=2, seed=4, index=index)
        assert together[index].epochs == alone.epochs == 20
        assert together[index].finished
        for name, values in alone.values.items():
            np.testing.assert_allclose(together[index].values[name], values, rtol=1e-3)


def test_a_stopped_trial_leaves_the_others_as_they_were(pretend, sample):
    asked = []
    pretend(lambda member, epoch, x: asked.append((member.seed, epoch)) or x[:, 0], epochs=3)
    pack = TrialPack({1: setup(), 2: setup(), 3: setup()}, sample, repeats=1, seed=0)
    seeds = {i: number(0, "trial", i, "repeat", 0) for i in (1, 2, 3)}
    pack.step()
    pack.stop([2])
    assert pack.living == [1, 3]
    pack.step()
    last = pack.step()
    assert pack.living == []
    assert {i: r.epochs for i, r in last.items()} == {1: 3, 3: 3}
    assert max(epoch for seed, epoch in asked if seed == seeds[2]) == 0
    assert max(epoch for seed, epoch in asked if seed == seeds[3]) == 2


def test_a_trial_that_diverges_ends_alone(pretend, sample):
    bad = number(0, "trial", 2, "repeat", 0)
    pretend(lambda member, epoch, x: x[:, 0] * (np.nan if member.seed == bad else 1), epochs=2)
    pack = TrialPack({1: setup(), 2: setup()}, sample, repeats=1, seed=0)
    found = pack.step()
    assert isinstance(found[2], ValueError)
    assert pack.living == [1]
    assert pack.step()[1].finished


def test_a_ladder_changes_when_repeats_are_trained_and_not_what_comes_out(pretend, sample):
    pretend(lambda m, epoch, x: (epoch + m.seed % 7) * x[:, 0] + x[:, 1], epochs=4)
    rungs = (Rung(1, 2, 0.5), Rung(1, None, 0.5), Rung(3, None))
    whole = run_trial(setup(), sample, repeats=3, seed=2)
    steps = list(trial_epochs(setup(), sample, repeats=3, seed=2, rungs=rungs))
    assert [(s.epochs, len(s.values["val_sic"]), s.rung) for s in steps] == [
        (1, 1, None),
        (2, 1, rungs[0]),
        (3, 1, None),
        (4, 1, rungs[1]),
        *[(epoch, 3, None) for epoch in (1, 2, 3, 4)],
    ]
    assert [s.finished for s in steps] == [False] * 7 + [True]
    for name, values in whole.values.items():
        np.testing.assert_array_equal(steps[-1].values[name], values)


def test_a_trial_stopped_at_a_rung_costs_the_others_of_its_pack_nothing(pretend, sample):
    pretend(lambda m, epoch, x: (epoch + m.seed % 7) * x[:, 0] + x[:, 1], epochs=2)
    rungs = (Rung(1, None, 0.5), Rung(2, None))
    pack = TrialPack({1: setup(), 2: setup()}, sample, repeats=2, seed=0, rungs=rungs)
    pack.step()
    pack.step()
    pack.stop([1])
    pack.step()
    last = pack.step()
    assert pack.living == []
    alone = run_trial(setup(), sample, repeats=2, seed=0, index=2)
    np.testing.assert_array_equal(last[2].values["val_sic"], alone.values["val_sic"])


def test_the_seconds_of_a_pack_are_shared_among_its_living_trials(pretend, sample):
    pretend(lambda member, epoch, x: time.sleep(0.01) or x[:, 0], epochs=3)
    started = time.perf_counter()
    pack = TrialPack({i: setup() for i in range(4)}, sample, repeats=1, seed=0)
    seconds = {}
    while pack.living:
        seconds |= {index: result.seconds for index, result in pack.step().items()}
        pack.stop([3])
    wall = time.perf_counter() - started
    assert 0.8 * wall < sum(seconds.values()) <= wall
    assert seconds[0] == seconds[1] == seconds[2] > 2 * seconds[3]
