"""Batches and the choice of backend follow from the seconds of trials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raysearch.records import Record
from raysearch.tuning.pace import Pace


def paced(*seconds, state="COMPLETE"):
    pace = Pace()
    for s in seconds:
        pace.add(Record(state, {}, 1, s, None, "hgb"))
    return pace


def test_nothing_is_known_before_the_first_trials():
    for pace in (Pace(), paced(9.0, 9.0), paced(*[9.0] * 10, state="FAIL")):
        assert not pace.is_known
        assert not pace.is_long
        assert pace.batch(100, 2) == 1
    assert Pace().batches_ahead == 0


@pytest.mark.parametrize(("seconds", "is_long"), [([1.9] * 5, False), ([2.1] * 5, True)])
def test_the_median_decides(seconds, is_long):
    assert paced(*seconds).is_long == is_long
    assert paced(*seconds, 100.0, 0.0).is_long == is_long


def test_only_the_last_trials_count():
    assert paced(*[0.1] * 100, *[5.0] * 20).is_long


def test_short_trials_come_in_batches_and_long_ones_alone():
    assert paced(1e-4).batch(1000, 2) == 32
    assert paced(0.5).batch(1000, 2) == 8
    assert paced(5.0).batch(1000, 2) == 1


@given(st.floats(0, 10), st.integers(1, 1000), st.integers(0, 64))
def test_a_batch_leaves_work_for_the_others(seconds, left, workers):
    size = paced(seconds).batch(left, workers)
    assert 1 <= size <= max(1, -(-left // max(1, 2 * workers)))
