"""Preferring nobody where there is nothing."""

import numpy as np
import pytest
from scipy import stats

from raysearch.preference import ALARM_RATE, Preference, in_words, preference

N = 1500
IS_DATA = np.arange(2 * N) < N


def scores(seed, detectors=3, excess=0.0):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=2 * N)
    found = 0.8 * common + 0.6 * rng.normal(size=(detectors, 2 * N))
    found[:, : round(excess * N)] += 3
    return found


def test_a_clear_excess_is_preferred():
    found = preference(IS_DATA, scores(1, excess=0.02), 1, 200)
    assert found.p_value == pytest.approx(1 / 201)
    assert found.is_clear
    assert found.significance > 3


def test_without_an_excess_p_is_uniform_although_the_largest_of_several_is_taken():
    # Exact: each value k / 60 is as likely as any other.
    p = [preference(IS_DATA, scores(seed), seed, 59).p_value for seed in range(200)]
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert stats.binomtest(sum(x <= ALARM_RATE for x in p), len(p), ALARM_RATE).pvalue > 0.01


def test_equal_seeds_give_equal_answers_and_the_classes_are_left_alone():
    before = IS_DATA.copy()
    assert preference(IS_DATA, scores(2), 5, 30) == preference(IS_DATA, scores(2), 5, 30)
    np.testing.assert_array_equal(IS_DATA, before)


def test_ties_are_no_thresholds():
    # All events alike: the only threshold passes everything, an excess of nothing.
    assert preference(IS_DATA, np.zeros((1, 2 * N)), 1, 20).significance == 0
    assert preference(IS_DATA, np.zeros((1, 2 * N)), 1, 20).p_value == 1


def test_a_deficit_is_no_excess():
    lack = np.where(IS_DATA, -1.0, 1.0) * np.arange(1.0, 2 * N + 1)
    assert preference(IS_DATA, lack[None], 1, 20)[:2] == (0.0, 1.0)


def test_too_few_template_events_allow_no_preference():
    is_data = np.arange(100) < 60
    assert preference(is_data, -np.arange(100.0)[None], 1, 5) == (0.0, 1.0, 5, 60, 40)


@pytest.mark.parametrize(
    ("p", "headline", "words"),
    [
        (0.31, "No preference", "above 0.05. Without more data every choice may be arbitrary"),
        (0.0025, "Preference", "p = 0.0025 among 400 permutations of the classes, at most 0.05"),
        (0.0025, "Preference", "globally, for this study alone, p = 0.0025"),
    ],
)
def test_the_verdict_is_told_with_its_figures(p, headline, words):
    found = Preference(2.345, p, 400, 2000, 3000)
    asked = {**found._asdict(), "is_clear": found.is_clear, "alarm_rate": ALARM_RATE}
    said = in_words(asked, "idealised")
    assert said.headline == headline
    assert words in said.sentence
    assert "2,000 data and 3,000 template events that nothing was chosen by" in said.sentence
    assert "2.3" in said.sentence


@pytest.mark.parametrize(
    ("mode", "words"),
    [("cwola", "features that change with the mass"), ("cathode", "what its density gets wrong")],
)
def test_a_preference_says_what_else_than_signal_may_be_behind_it(mode, words):
    found = Preference(2.345, 0.0025, 400, 2000, 3000)
    asked = {**found._asdict(), "is_clear": True, "alarm_rate": ALARM_RATE}
    assert words in in_words(asked, mode).sentence
    assert in_words(asked, "idealised").sentence.endswith("data and template are alike.")
    assert words not in in_words({**asked, "is_clear": False}, mode).sentence


def test_who_did_not_ask_is_told_so():
    said = in_words(None, "idealised")
    assert said.headline == "No verdict"
    assert "verdict_share = 0" in said.sentence


def test_where_classes_are_labels_there_is_no_verdict():
    assert in_words(None, "supervised") is None
