"""The final ensemble: trained on everything, each row scored by members that never saw it."""

import numpy as np
import pytest
from scipy.special import expit, logit
from toys import QUICK, fitted, toy_sample

from raysearch.detectors import detector
from raysearch.metrics import max_sic, val_sic
from raysearch.objectives import MAX_SIC, VAL_SIC
from raysearch.refit import combine, final_members, refit
from raysearch.trial import Setup


def setup(name="pretender"):
    return Setup("idealised", "baseline", name, QUICK.get(name, {}))


@pytest.fixture(scope="module")
def sample():
    return toy_sample(n_data=300, n_template=300, n_signal=60)


@pytest.fixture(scope="module")
def final(sample):
    """Ten HGB members."""
    return combine(setup("hgb"), [refit(setup("hgb"), sample, members_of(sample, 10), VAL_SIC)])


def members_of(sample, size, index=0, seed=1):
    return final_members(sample.rows.is_data, size, seed, index)


@pytest.mark.parametrize("size", [5, 10, 50])
def test_every_row_is_held_out_equally_often(size, sample):
    held = np.concatenate([m.validation for m in members_of(sample, size)])
    np.testing.assert_array_equal(np.bincount(held), size // 5)


def test_a_member_trains_on_four_fifths_and_never_on_what_it_holds_out(sample):
    for member in members_of(sample, 10):
        both = np.sort(np.concatenate([member.train, member.validation]))
        np.testing.assert_array_equal(both, np.arange(600))
        assert len(member.train) == 480


def test_no_two_members_share_seed_or_rows(sample):
    members = members_of(sample, 10)
    assert len({m.seed for m in members}) == 10
    assert len({m.train.tobytes() for m in members}) == 10
    assert not {m.seed for m in members} & {m.seed for m in members_of(sample, 10, index=1)}


def test_the_first_members_do_not_depend_on_how_many_follow(sample):
    few, many = members_of(sample, 5), members_of(sample, 20)
    for a, b in zip(few, many, strict=False):
        assert a.seed == b.seed
        np.testing.assert_array_equal(a.train, b.train)


def test_held_out_scores_come_from_members_that_never_saw_the_row(pretend, sample):
    def knows(member, epoch, x):
        seen = {row.tobytes() for row in sample.rows.features[member.train]}
        return np.array([5.0 if row.tobytes() in seen else -1.0 for row in x])

    pretend(knows)
    members = members_of(sample, 10)
    final = combine(setup(), [refit(setup(), sample, members, VAL_SIC)])
    np.testing.assert_allclose(final.rows, -1.0, rtol=1e-6)


@pytest.mark.parametrize("name", QUICK)
def test_parts_combine_to_what_one_part_gives(name, sample, monkeypatch):
    monkeypatch.setattr(type(detector(name)), "final_epochs", None, raising=False)
    members = members_of(sample, 5)
    whole = combine(setup(name), [refit(setup(name), sample, members, VAL_SIC)])
    halves = [refit(setup(name), sample, part, VAL_SIC) for part in (members[:2], members[2:])]
    parts = combine(setup(name), halves)
    np.testing.assert_allclose(parts.rows, whole.rows, rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(parts.test, whole.test, rtol=1e-3, atol=2e-3)


def test_scores_are_the_log_odds_of_mean_probabilities(final, sample):
    probability = expit(final.snapshot.scores(sample.test).astype(float)).mean(axis=0)
    np.testing.assert_allclose(final.test, logit(probability), rtol=1e-6)


def test_a_row_is_scored_by_the_mean_of_the_members_that_held_it_out(final, sample):
    members = members_of(sample, 10)
    fits = fitted(detector("hgb"), sample.rows, members, QUICK["hgb"])
    probability = expit(fits.scores(sample.rows.features).astype(float))
    held = np.array([np.isin(np.arange(600), m.validation) for m in members])
    expected = logit((probability * held).sum(axis=0) / held.sum(axis=0))
    np.testing.assert_allclose(final.rows, expected, rtol=1e-5)


def test_each_member_keeps_its_ten_best_epochs(pretend, sample):
    # Member k ranks best when its epoch is near k; otherwise noise hides the signal.
    members = members_of(sample, 5)
    place = {member.seed: 3 * k for k, member in enumerate(members)}

    def best_near(member, epoch, x):
        noise = np.random.default_rng(epoch).normal(size=len(x))
        return x.sum(axis=1) + abs(epoch - place[member.seed]) * 3 * noise

    pretend(best_near, final_epochs=30)
    done = refit(setup(), sample, members, VAL_SIC)
    epochs = {m.seed: [e for _, n, e in done.snapshot.parts if n is m] for m in members}
    assert all(len(set(kept)) == 10 for kept in epochs.values())
    assert all(place[seed] in kept for seed, kept in epochs.items())


def test_the_objective_picks_the_epochs(pretend, sample):
    made = pretend(
        lambda m, epoch, x: x.sum(axis=1) * (1 if epoch % 2 else -1) * (1 + epoch), final_epochs=20
    )
    done = refit(setup(), sample, members_of(sample, 5), MAX_SIC)
    assert {epoch % 2 for _, _, epoch in done.snapshot.parts} == {1}
    assert made.asked == [20]


def test_without_a_test_there_are_no_test_scores():
    sample = toy_sample(test=None, n_data=300, n_template=300, n_signal=60)
    members = members_of(sample, 5)
    final = combine(setup("hgb"), [refit(setup("hgb"), sample, members, VAL_SIC)])
    assert final.test is None
    assert np.isfinite(final.rows).all()


def test_the_ensemble_is_better_than_a_member_and_finds_the_signal(final, sample):
    alone = [max_sic(sample.test_is_signal, s) for s in final.snapshot.scores(sample.test)]
    assert max_sic(sample.test_is_signal, final.test) > np.median(alone)
    assert val_sic(sample.rows.is_data, final.rows) > 0.2


def test_a_member_that_diverges_costs_the_others_no_epoch(pretend, sample):
    members = members_of(sample, 5)
    bad = members[2].seed

    def scores(member, epoch, x):
        diverged = member.seed == bad and epoch >= 3
        return np.full(len(x), np.nan) if diverged else x.sum(axis=1) * (1 + epoch)

    pretend(scores, final_epochs=12)
    done = refit(setup(), sample, members, VAL_SIC)
    kept = {m.seed: sorted(e for _, n, e in done.snapshot.parts if n is m) for m in members}
    assert kept[bad] == [0, 1, 2]
    assert all(len(epochs) == 10 for seed, epochs in kept.items() if seed != bad)
