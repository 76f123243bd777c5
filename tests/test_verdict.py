"""Verdict rows choose nothing, and what is thought of them depends on none of their classes."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import QUICK, toy_rows, toy_sample, with_verdict

from raysearch.objectives import VAL_SIC
from raysearch.preference import ALARM_RATE
from raysearch.recommend import ask, best_trials
from raysearch.records import Record
from raysearch.refit import final_members
from raysearch.samples import TwoSample
from raysearch.settings import Settings
from raysearch.trial import Setup, run_trial, trial_members
from raysearch.verdict import VERDICT_MEMBERS, Opinion, joined, retrain, verdict_members


def setup(name="pretender", **parameters):
    return Setup("idealised", "baseline", name, {**QUICK.get(name, {}), **parameters})


@pytest.fixture(scope="module")
def sample():
    return with_verdict(toy_sample(n_data=300, n_template=300, n_signal=60))


def with_classes(sample, rows):
    """The sample with the classes of these rows turned round."""
    is_data = sample.rows.is_data.copy()
    is_data[rows] = ~is_data[rows]
    return dataclasses.replace(sample, rows=dataclasses.replace(sample.rows, is_data=is_data))


def blank(n_data, n_template, share, seed):
    rows = toy_rows(n_data, n_template, 0, d=1)
    bare = TwoSample(rows, np.zeros(len(rows.is_data), np.float32), ("x0",))
    return with_verdict(bare, share, seed)


SHAPES = (st.integers(10, 60), st.integers(10, 60), st.floats(0.1, 0.5), st.integers(0, 99))


@settings(max_examples=50)
@given(*SHAPES, st.integers(1, 7))
def test_no_trial_trains_on_a_verdict_row_or_is_judged_by_one(n, m, share, seed, repeats):
    sample = blank(n, m, share, seed)
    for member in trial_members(sample, repeats, seed, index=3):
        both = np.concatenate([member.train, member.validation])
        np.testing.assert_array_equal(np.sort(both), sample.deciding)
        assert not np.isin(sample.verdict, both).any()


@settings(max_examples=50)
@given(*SHAPES)
def test_verdict_members_train_on_deciding_rows_and_choose_epochs_by_others(n, m, share, seed):
    sample = blank(n, m, share, seed)
    members = verdict_members(sample, seed, 3)
    assert len(members) == VERDICT_MEMBERS
    for member in members:
        both = np.concatenate([member.train, member.validation])
        np.testing.assert_array_equal(np.sort(both), sample.deciding)
        assert not np.isin(sample.verdict, both).any()
    held = Counter(np.concatenate([member.validation for member in members]).tolist())
    assert set(held.values()) == {1}


def test_verdict_members_share_no_seed_with_others_or_other_trials(sample):
    own, others = (verdict_members(sample, 1, index) for index in (3, 4))
    finals = final_members(sample.rows.is_data, 5, 1, 3)
    assert len({member.seed for member in (*own, *others, *finals)}) == 9


def test_without_verdict_rows_all_rows_choose_and_nobody_is_asked():
    plain = toy_sample()
    np.testing.assert_array_equal(plain.deciding, np.arange(len(plain.mjj_tev)))
    assert verdict_members(plain, 1, 0) == []


def study(sample, name):
    """Metrics of some trials, which contend, and what they think of the verdict rows."""
    key = "max_iter" if name in ("hgb", "lightgbm") else "n_estimators"
    values = {"learning_rate": (0.2, 0.01)} if name.endswith("mlp") else {key: (2, 6)}
    tried = [setup(name, **{key: value}) for key, own in values.items() for value in own]
    results = [run_trial(s, sample, repeats=2, seed=4, index=i) for i, s in enumerate(tried)]
    metrics = [{k: v.tolist() for k, v in result.values.items()} for result in results]
    records = {i: ({}, Record("COMPLETE", m, 1, 1.0, None, name)) for i, m in enumerate(metrics)}
    chosen = best_trials(records, Settings())
    finals = [final_members(sample.rows.is_data, 1, 4, index) for index in chosen]
    made = [
        retrain(tried[index], sample, final, VAL_SIC, verdict_members(sample, 4, index))
        for index, final in zip(chosen, finals, strict=True)
    ]
    return metrics, chosen, [joined([of.opinion]) for of in made], made[0].refit.held_out


@pytest.mark.parametrize("name", QUICK)
def test_classes_of_verdict_rows_move_no_metric_no_choice_and_no_score_of_theirs(name, sample):
    metrics, chosen, verdicts, held_out = study(sample, name)
    flipped = study(with_classes(sample, sample.verdict), name)
    assert flipped[:2] == (metrics, chosen)
    np.testing.assert_array_equal(flipped[2], verdicts)
    # As many deciding rows move all of it, and the ensemble that is kept does learn from both.
    assert (flipped[3] != held_out).any()
    other = study(with_classes(sample, sample.deciding[::5][: len(sample.verdict)]), name)
    assert other[0] != metrics
    assert (np.array(other[2]) != np.array(verdicts)).any()


@pytest.mark.parametrize("name", ["mlp", "hgb"])
def test_an_opinion_is_the_same_in_whatever_company(name, sample):
    members, asked = final_members(sample.rows.is_data, 2, 1, 0), verdict_members(sample, 1, 0)
    together = retrain(setup(name), sample, members, VAL_SIC, asked)
    alone = [retrain(setup(name), sample, [], VAL_SIC, [member]) for member in asked]
    assert all(of.refit is None for of in alone)
    np.testing.assert_allclose(
        joined([of.opinion for of in alone]), joined([together.opinion]), rtol=1e-5
    )
    kept = retrain(setup(name), sample, members, VAL_SIC)
    assert kept.opinion is None
    np.testing.assert_allclose(kept.refit.held_out, together.refit.held_out, rtol=1e-4)


def test_a_rank_is_among_template_rows_that_decided_but_did_not_train(pretend, sample):
    pretend(lambda member, epoch, x: x.sum(axis=1))
    (member, _) = verdict_members(sample, 1, 0)
    found = retrain(setup(), sample, [], VAL_SIC, [member]).opinion.ranks
    known = sample.rows.features.sum(axis=1)
    template = known[[row for row in member.validation if not sample.rows.is_data[row]]]
    passing = np.array([(template >= known[row]).sum() for row in sample.verdict])
    np.testing.assert_allclose(found, -np.log10((passing + 0.5) / len(template)), rtol=1e-5)


def test_opinions_count_by_their_members():
    opinions = [Opinion(np.array([2.0, 4.0]), 2, 1.0), Opinion(np.array([4.0, 5.0]), 1, 1.0)]
    np.testing.assert_allclose(joined(opinions), [2.0, 3.0])


@pytest.mark.parametrize("fails", ["ensemble", "verdict"])
def test_members_that_fail_cost_the_others_nothing(fails, pretend, sample):
    members, asked = final_members(sample.rows.is_data, 2, 1, 0), verdict_members(sample, 1, 0)
    bad = (members if fails == "ensemble" else asked)[1].seed
    pretend(lambda m, epoch, x: x.sum(axis=1) * (np.nan if m.seed == bad else 1))
    found = retrain(setup(), sample, members, VAL_SIC, asked)
    failed, whole = found if fails == "ensemble" else found[::-1]
    assert "must be finite in some epoch" in failed
    assert whole.members == 2


@pytest.mark.parametrize("name", ["mlp", "hgb"])
@pytest.mark.parametrize(("n_signal", "is_clear"), [(150, True), (0, False)])
def test_a_strong_signal_is_preferred_and_nothing_is_not(n_signal, is_clear, name):
    sample = with_verdict(toy_sample(n_data=1500, n_template=1500, n_signal=n_signal, test=None))
    asked = verdict_members(sample, 1, 0)
    found = retrain(setup(name), sample, [], VAL_SIC, asked)
    preference = ask([joined([found.opinion])], sample, 1)
    assert (preference.data, preference.template) == (300, 300)
    assert preference.is_clear == (preference.p_value <= ALARM_RATE) == is_clear


def test_too_few_template_events_or_nobody_to_ask_give_no_preference(sample):
    small = with_verdict(toy_sample(n_data=60, n_template=60, n_signal=30, test=None))
    scores = small.rows.features.sum(axis=1)[small.verdict]
    assert ask([scores], small, 1)[:2] == (0.0, 1.0)
    assert ask([], sample, 1)[:2] == (0.0, 1.0)
