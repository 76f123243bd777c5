"""What a page tells of trials that have ended: counts, the best, failures, correlation, pace."""

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_studies import complete, failed, pruned
from scipy.stats import spearmanr

from raysearch.live.feed import Ended
from raysearch.live.pace import pace
from raysearch.live.plain import mean_and_spread, number, text
from raysearch.live.tally import METRICS, Tally
from raysearch.objectives import MAX_SIC, VAL_LOSS, VAL_SIC


def ended(*records, start=0):
    return [Ended(start + k, 100.0 + k, r._asdict()) for k, r in enumerate(records)]


def test_the_best_is_the_best_complete_one():
    tally = Tally(VAL_SIC)
    tally.add(ended(complete(0.3), complete(0.7), pruned(0.9), failed(), complete(0.5)))
    assert (tally.best.number, tally.best.means[0]) == (1, 0.7)
    assert tally.best.spread == pytest.approx(0.1)
    assert tally.counts == {"COMPLETE": 3, "PRUNED": 1, "FAIL": 1}


def test_of_a_loss_the_smallest_is_the_best():
    tally = Tally(VAL_LOSS)
    small = complete()._replace(metrics={"val_loss": [0.2]})
    tally.add(ended(complete(), small, complete()))
    assert tally.best.number == 1


def test_failures_are_grouped_by_reason_and_no_more_than_some():
    tally = Tally(VAL_SIC)
    tally.add(ended(*[failed("same")] * 40, *[failed(f"reason {k}") for k in range(100)]))
    assert tally.failures["same"].count == 40
    assert tally.failures["same"].trials[-1] == "00039"
    assert len(tally.failures["same"].trials) == 8
    assert len(tally.failures) <= 31
    assert sum(failure.count for failure in tally.failures.values()) == 140


def test_the_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 50)).round(1)
    tally = Tally(VAL_SIC)
    tally.add(ended(*[complete(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]))
    found = tally.correlation()
    assert found.trials == 50
    assert found.rank == pytest.approx(spearmanr(x, y).statistic, abs=1e-6)


def test_without_labels_there_is_no_correlation():
    tally = Tally(VAL_SIC)
    tally.add(ended(complete(0.1), complete(0.2)))
    assert tally.correlation() is None
    assert Tally(MAX_SIC).correlation() is None


def test_a_row_holds_what_charts_need():
    tally = Tally(VAL_SIC)
    tally.add(ended(complete(0.5, 4.0, seconds=2.0)))
    row = json.loads(tally.rows[0])
    assert row[:5] == [0, 0, 0, 100.0, 2.0]
    means = dict(zip(METRICS, row[6:], strict=True))
    assert {name: mean for name, mean in means.items() if mean is not None} == {
        "val_sic": 0.5,
        "val_loss": 0.65,
        "max_sic": 4.0,
    }


@pytest.mark.parametrize("n_workers", [1, 4])
def test_steady_trials_have_the_pace_of_their_workers(n_workers):
    ends = [k * 3.0 / n_workers for k in range(50)]
    found = pace(ends, [3.0] * 50)
    assert found.interval_s == pytest.approx(3.0 / n_workers)
    assert found.busy_workers == pytest.approx(n_workers)


def test_a_night_without_the_study_does_not_slow_its_pace():
    ends = [*range(20), *range(40_000, 40_020)]
    assert pace(list(map(float, ends)), [1.0] * 40).interval_s == pytest.approx(1.0)


def test_two_trials_have_no_pace():
    assert pace([1.0, 2.0], [1.0, 1.0]) is None
    assert pace([1.0, 1.0, 1.0], [1.0, 1.0, 1.0]) is None


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
RECORDS = st.dictionaries(
    st.sampled_from(["state", "metrics", "seconds", "error", "detector", "epochs"]),
    ANYTHING
    | st.sampled_from(["COMPLETE", "PRUNED", "FAIL"])
    | st.dictionaries(st.sampled_from(METRICS), st.lists(st.floats() | ANYTHING, max_size=3)),
)


@given(st.lists(RECORDS, max_size=8))
@settings(max_examples=300)
def test_whatever_a_record_holds_its_row_is_strict_json(records):
    tally = Tally(VAL_SIC)
    tally.add(Ended(k, None, record) for k, record in enumerate(records))
    assert sum(tally.counts.values()) == len(records)
    for row in tally.rows:
        json.loads(row, parse_constant=pytest.fail)
    json.dumps([tally.failures[key].count for key in tally.failures], allow_nan=False)


@given(ANYTHING)
def test_any_value_is_a_short_text_and_a_number_or_none(value):
    assert len(text(value).encode()) <= 4 * 300
    found = number(value)
    assert found is None or np.isfinite(found)
    assert all(x is None or np.isfinite(x) for x in mean_and_spread(value))


def test_numbers_beyond_all_bounds_are_texts_all_the_same():
    assert text(10**5000) == "not shown"
    assert number(10**400) is None
    assert mean_and_spread([1e308, 1e308])[1] in (None, 0.0)


def test_noting_a_trial_costs_the_same_after_5_000():
    tally = Tally(VAL_SIC)
    tally.add(ended(*[complete(0.5, 4.0)] * 5000))
    news = ended(*[complete(0.5, 4.0)] * 10, start=5000)
    started = time.process_time()
    tally.add(news)
    assert time.process_time() - started < 0.05
