"""Who has which trial."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raysearch.tuning.ledger import Ledger

TRIALS = 6


@pytest.fixture
def dead():
    return set()


@pytest.fixture
def ledger(dead):
    return Ledger(TRIALS, "me", lambda driver: driver not in dead)


def test_the_first_that_nobody_has_is_free(ledger):
    assert (ledger.free(), ledger.left) == (0, TRIALS)
    ledger.take(0, "other")
    ledger.take(2, "me")
    ledger.end(1)
    assert (ledger.free(), ledger.left) == (3, TRIALS - 3)
    assert ledger.mine == [2]


def test_what_a_dead_driver_has_is_free_once_it_was_looked_for(ledger, dead):
    for index in range(3):
        ledger.take(index, "other")
    dead.add("other")
    assert (ledger.free(), ledger.left) == (3, 3)
    ledger.look()
    assert (ledger.free(), ledger.left) == (0, TRIALS)
    ledger.take(0, "me")
    assert (ledger.free(), ledger.left) == (1, TRIALS - 1)


def test_what_has_ended_is_taken_by_nobody(ledger):
    ledger.take(0, "me")
    ledger.end(0)
    ledger.take(0, "other")
    assert ledger.has_ended(0)
    assert ledger.mine == []
    assert ledger.free() == 1


def test_it_is_over_when_all_have_ended(ledger):
    for index in range(TRIALS):
        assert not ledger.is_over
        ledger.take(index, "other")
        ledger.end(index)
    assert ledger.is_over
    assert (ledger.free(), ledger.left) == (None, 0)


DRIVERS = ("me", "one", "two")
STEPS = st.tuples(st.sampled_from(["take", "end"]), st.integers(0, 5), st.sampled_from(DRIVERS))


@given(st.lists(STEPS), st.sets(st.sampled_from(DRIVERS[1:])))
def test_every_trial_is_left_held_or_ended(steps, dead):
    ledger, holders, ended = Ledger(TRIALS, "me", lambda name: name not in dead), {}, set()
    for what, index, driver in steps:
        if what == "end":
            ledger.end(index)
            ended.add(index)
        elif index not in ended:
            ledger.take(index, driver)
            holders[index] = driver
    ledger.look()
    held = {i for i, name in holders.items() if name not in dead and i not in ended}
    left = [index for index in range(TRIALS) if index not in held | ended]
    assert ledger.left == len(left)
    assert ledger.free() == (left[0] if left else None)
    assert ledger.mine == sorted(i for i in held if holders[i] == "me")
