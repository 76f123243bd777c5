"""The mean of the best trials: which they are, and that it is one detector."""

import numpy as np
import pytest
from toys import QUICK, fitted, toy_sample, two_members, with_verdict

from raysearch.detectors import detector
from raysearch.metrics import max_sic
from raysearch.objectives import CROSS_SIC
from raysearch.preference import ALARM_RATE, preference
from raysearch.recommend import Contender, ask, best_trials, ranked_by, recommend
from raysearch.records import Record
from raysearch.refit import Final
from raysearch.settings import Settings
from raysearch.trial import Setup

SETUP = Setup("idealised", "baseline", "hgb", {})


def record(state="COMPLETE", **metrics):
    return {}, Record(state, {k: [v] for k, v in metrics.items()}, 1, 1.0, None, "hgb")


def contender(sample, noise, seed=0):
    """Scores that know the first feature, and noise of their own."""
    rng = np.random.default_rng(seed)
    rows, test = (
        x[:, 0] + noise * rng.normal(size=len(x)) for x in (sample.rows.features, sample.test)
    )
    return Contender(seed, SETUP, Final(None, rows, test, 1.0, 5))


def asked(sample):
    """Ranks of the verdict rows by someone who knows the first feature."""
    return sample.rows.features[sample.verdict, 0].astype(float)


def test_the_best_complete_trials_by_val_sic_contend_the_best_first():
    records = {i: record(val_sic=0.01 * i) for i in range(8)} | {8: record("PRUNED", val_sic=1.0)}
    assert best_trials(records, Settings()) == [7, 6, 5, 4, 3]
    assert best_trials(records, Settings(contenders=2)) == [7, 6]
    assert best_trials({8: records[8]}, Settings()) == []


def test_an_objective_of_calibrated_scores_ranks_the_contenders_itself():
    records = {i: record(val_sic=0.01 * i, cross_sic=-0.01 * i) for i in range(4)}
    assert best_trials(records, Settings(contenders=3), CROSS_SIC) == [0, 1, 2]
    assert ranked_by("cross_sic") is CROSS_SIC
    # Labels rank nobody.
    assert {ranked_by(name).name for name in ("val_sic", "val_loss", "max_sic")} == {"val_sic"}


@pytest.mark.parametrize(
    ("modes", "expected"),
    # The second best is of another mode; a density is of one feature set.
    [(("idealised", "cwola"), [5, 3, 2]), (("cathode", "cwola"), [5, 3])],
)
def test_contenders_have_the_template_of_the_best(modes, expected):
    settings = Settings(mode=modes, features=("baseline", "baseline_dr"))
    views = [(1, 0), (1, 1), (0, 1), (0, 0), (1, 0), (0, 0)]
    records = {
        i: ({"mode": modes[m], "features": settings.features[f]}, record(val_sic=0.01 * i)[1])
        for i, (m, f) in enumerate(views)
    }
    assert best_trials(records, settings) == expected


def test_labels_of_the_test_set_have_no_part_in_the_choice():
    sample = with_verdict(toy_sample())
    found = recommend([contender(sample, 0.5)], [asked(sample)], sample, 1)
    flipped = type(sample)(**{**vars(sample), "test_is_signal": ~sample.test_is_signal})
    again = recommend([contender(sample, 0.5)], [asked(flipped)], flipped, 1)
    np.testing.assert_array_equal(found.rows, again.rows)
    assert found.preference == again.preference


def test_the_mean_of_noisy_contenders_is_better_than_most_of_them():
    sample = toy_sample(shift=1.5)
    parts = [contender(sample, 1.0, seed) for seed in range(5)]
    found = recommend(parts, [], sample, 1)
    each = [max_sic(sample.test_is_signal, part.final.test) for part in parts]
    assert max_sic(sample.test_is_signal, found.test) > np.median(each)


def test_nothing_is_preferred_where_scores_know_nothing():
    sample = with_verdict(toy_sample(shift=0.0))
    rng = np.random.default_rng(4)
    blind = Final(None, rng.normal(size=len(sample.mjj_tev)), None, 1.0, 5)
    found = recommend([Contender(0, SETUP, blind)], [rng.normal(size=400)], sample, 1)
    assert found.test is None
    assert found.preference.p_value > ALARM_RATE
    assert not found.preference.is_clear


def test_the_verdict_is_that_of_the_largest_excess_of_the_contenders_and_their_mean():
    sample = with_verdict(toy_sample())
    knows, blind = asked(sample), np.random.default_rng(4).normal(size=len(sample.verdict))
    is_data, mean = sample.rows.is_data[sample.verdict], (knows + blind) / 2
    expected = preference(is_data, np.stack([knows, blind, mean]), 1)
    assert ask([knows, blind], sample, 1) == expected
    assert expected.is_clear


def test_without_verdict_rows_nobody_is_asked():
    sample = toy_sample()
    assert recommend([contender(sample, 0.5)], [], sample, 1).preference is None


@pytest.mark.parametrize("name", ["hgb"])
def test_the_mixture_scores_new_events_as_the_contenders_do(name):
    sample = toy_sample()
    snapshot = fitted(detector(name), sample.rows, two_members(len(sample.mjj_tev)), QUICK[name])
    rows = snapshot.scores(sample.rows.features).mean(axis=0).astype(float)
    final = Final(snapshot, rows, None, 1.0, 2)
    found = recommend([Contender(0, SETUP, final), Contender(1, SETUP, final)], [], sample, 1)
    mixture = found.mixture(sample.rows.is_data, {SETUP.view: None})
    assert len(mixture.parts) == 2
    assert mixture.parts[0].template.shape == (int((~sample.rows.is_data).sum()),)
