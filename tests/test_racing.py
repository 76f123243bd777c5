"""Racing: who goes on at a rung, from what is known, in any order; and the ladder itself."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raysearch.errors import InputError
from raysearch.racing import Race, Rule, Rung, ladder

HALF = Rung(1, None, 0.5)
FINITE = st.floats(-1e6, 1e6)
VALUES = st.lists(FINITE, min_size=1, max_size=60)
SHARES = st.sampled_from([0.1, 1 / 3, 0.5, 2 / 3, 0.9, 1.0])
DIRECTIONS = st.sampled_from(["max", "min"])


def rule_of(values, rung=HALF, direction="max"):
    race = Race(direction)
    for index, value in enumerate(values):
        race.reached(index, rung, value)
    return race.rule()


@pytest.mark.parametrize(("direction", "sign"), [("max", 1), ("min", -1)])
def test_contenders_survive_and_hopeless_ones_are_stopped(direction, sign):
    rule = rule_of([sign * v for v in range(1, 10)], direction=direction)
    goes_on = {v: rule.goes_on(HALF, sign * v) for v in (0, 4, 5, 6, 20)}
    assert goes_on == {0: False, 4: False, 5: True, 6: True, 20: True}


@pytest.mark.parametrize(("share", "n_on"), [(0.1, 2), (1 / 3, 4), (0.5, 6), (0.75, 9), (1.0, 12)])
def test_the_share_of_a_pack_goes_on(share, n_on):
    on = Rule("max").contenders(Rung(1, None, share), np.arange(12.0))
    np.testing.assert_array_equal(np.flatnonzero(on), np.arange(12 - n_on, 12))


def test_a_pack_is_judged_against_itself_and_what_is_known():
    rule = rule_of([10.0, 11.0, 12.0, 13.0])
    np.testing.assert_array_equal(rule.contenders(HALF, [1.0, 20.0, 2.0, 9.0]), [0, 1, 0, 0])
    assert not rule.contenders(HALF, [1.0, 2.0, 3.0, 4.0]).any()


def test_where_nothing_is_known_the_first_goes_on():
    assert Rule("min").goes_on(HALF, 1e9)
    assert rule_of([5.0]).goes_on(Rung(3, None, 0.5), -1e9)  # known at another rung


@given(VALUES, SHARES, DIRECTIONS)
def test_the_best_always_goes_on(values, share, direction):
    rung = Rung(2, 5, share)
    best = max(values) if direction == "max" else min(values)
    assert rule_of(values, rung, direction).goes_on(rung, best)
    assert Rule(direction).contenders(rung, values)[values.index(best)]


@given(VALUES, FINITE, FINITE, SHARES, DIRECTIONS)
def test_a_better_value_is_never_stopped_where_a_worse_one_goes_on(values, a, b, share, direction):
    rung = Rung(1, 5, share)
    rule = rule_of(values, rung, direction)
    worse, better = sorted((a, b), reverse=direction == "min")
    assert rule.goes_on(rung, better) >= rule.goes_on(rung, worse)


@given(st.lists(FINITE, min_size=1, max_size=40, unique=True), SHARES, DIRECTIONS)
def test_no_more_than_the_share_goes_on(values, share, direction):
    on = Rule(direction).contenders(Rung(1, None, share), values)
    assert np.count_nonzero(on) == np.ceil(share * len(values) - 1e-9)


@given(VALUES, VALUES, SHARES, DIRECTIONS)
def test_max_of_the_negative_is_min(values, asked, share, direction):
    rung, other = Rung(1, None, share), {"max": "min", "min": "max"}[direction]
    mirrored = rule_of([-v for v in values], rung, other)
    np.testing.assert_array_equal(
        rule_of(values, rung, direction).contenders(rung, asked),
        mirrored.contenders(rung, [-v for v in asked]),
    )


@given(st.dictionaries(st.integers(0, 99), FINITE, max_size=30), st.randoms())
def test_the_order_of_the_news_plays_no_part(values, random):
    news = list(values.items())
    first, second = Race("max"), Race("max")
    for index, value in news:
        first.reached(index, HALF, value)
    random.shuffle(news)
    for index, value in news:
        second.reached(index, HALF, value)
    assert first.rule() == second.rule()


def test_a_trial_that_runs_again_counts_once():
    race = Race("max")
    for value in (3.0, 3.0, 4.0):
        race.reached(7, HALF, value)
    assert race.rule() == rule_of([4.0])


def test_a_rule_stays_as_it_was_made():
    race = Race("max")
    before = race.rule()
    race.reached(0, HALF, 5.0)
    assert before.goes_on(HALF, 1.0)
    assert not race.rule().goes_on(HALF, 1.0)


def test_nan_loses_and_is_not_counted():
    race = Race("max")
    race.reached(0, HALF, np.nan)
    assert race.rule() == Rule("max")
    assert not race.rule().goes_on(HALF, np.nan)
    np.testing.assert_array_equal(Rule("min").contenders(HALF, [np.nan, 2.0, 1.0]), [0, 0, 1])


@given(VALUES, VALUES, SHARES, DIRECTIONS)
def test_a_rule_travels(values, asked, share, direction):
    rung = Rung(3, 5, share)
    rule = rule_of(values, rung, direction)
    arrived = pickle.loads(pickle.dumps(rule))
    assert arrived == rule
    np.testing.assert_array_equal(arrived.contenders(rung, asked), rule.contenders(rung, asked))


def test_a_rule_of_many_trials_is_small_and_still_right():
    values = np.random.default_rng(0).normal(size=20_000)
    rule = rule_of(values)
    assert len(pickle.dumps(rule)) < 4096
    on = np.array([rule.goes_on(HALF, value) for value in values[:2000]])
    wrong = on != (values[:2000] >= np.median(values))
    assert wrong.mean() < 0.01
    assert rule.goes_on(HALF, values.max())


@given(st.integers(1, 30), st.integers(1, 200))
def test_a_ladder_rises_and_ends_with_the_whole_trial(repeats, search_epochs):
    rungs = ladder(repeats, search_epochs)
    assert rungs[-1] == Rung(repeats, None)
    lengths = [(r.repeats, r.epochs or search_epochs) for r in rungs]
    for (r0, e0), (r1, e1) in pairwise(lengths):
        assert r0 <= r1
        assert e0 <= e1
        assert (r0, e0) != (r1, e1)
    assert all(0 < rung.share <= 1 for rung in rungs)


@given(st.integers(1, 60), st.integers(1, 200))
def test_repeats_are_added_only_to_those_that_are_complete(repeats, search_epochs):
    # A pack then never holds fits of different age.
    for rung, following in pairwise(ladder(repeats, search_epochs)):
        assert rung.repeats == following.repeats or rung.epochs is None


@pytest.mark.parametrize(
    ("repeats", "search_epochs", "rungs"),
    [
        (1, 1, []),
        (1, 20, [(1, 5), (1, 10)]),
        (2, 1, [(1, None)]),
        (3, 2, [(1, None)]),
        (5, 1, [(2, None)]),
        (5, 40, [(5, 10), (5, 20)]),
        (20, 100, [(8, 25), (8, None)]),
    ],
)
def test_rungs_of_a_ladder(repeats, search_epochs, rungs):
    found = ladder(repeats, search_epochs)
    assert [(rung.repeats, rung.epochs) for rung in found] == [*rungs, (repeats, None)]


def test_a_single_fit_of_several_stops_fewer():
    assert ladder(3, 1)[0].share > ladder(10, 1)[0].share


def test_a_ladder_of_nothing_is_refused():
    with pytest.raises(InputError, match="repeats >= 1"):
        ladder(0, 20)
    with pytest.raises(InputError, match="search_epochs >= 1"):
        ladder(3, 0)


@pytest.mark.parametrize("numbers", [(0, None, 0.5), (1, 0, 0.5), (1, 1, 0.0), (1, 1, 1.1)])
def test_a_rung_of_nothing_is_refused(numbers):
    with pytest.raises(InputError, match="must hold"):
        Rung(*numbers)


def test_a_rung_compares_the_first_repeats():
    assert Rung(2, None).value(np.array([1.0, 2.0, 100.0])) == 1.5
