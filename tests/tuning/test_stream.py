"""What has ended is sent at once, whatever comes after it."""

from threading import Event
from types import SimpleNamespace

import pytest

from raysearch.tuning import worker
from raysearch.tuning.stream import as_they_come


def test_an_item_does_not_wait_for_the_next():
    taken = Event()

    def source():
        yield "A"
        # B ends only after A was taken; it would time out if A waited for it.
        yield "B" if taken.wait(5) else "too late"

    items = as_they_come(source())
    assert next(items) == ["A"]
    taken.set()
    assert list(items) == [["B"]]


def test_what_comes_while_nobody_takes_it_goes_together():
    made = Event()

    def source():
        yield 0
        yield from range(1, 100)
        made.set()

    items = as_they_come(source())
    first = next(items)
    assert made.wait(5)
    rest = list(items)
    assert len(rest) <= 2
    assert [*first, *(item for some in rest for item in some)] == list(range(100))


def test_an_error_comes_after_the_items_before_it():
    def source():
        yield 1
        raise KeyError("lost")

    found = []
    with pytest.raises(KeyError, match="lost"):
        found.extend(as_they_come(source()))
    assert found == [[1]]
    assert list(as_they_come(())) == []


def test_a_finished_trial_is_sent_while_a_slow_second_one_runs(monkeypatch):
    received = Event()

    def trials(batch, sample, task):
        yield batch[0]
        yield received.wait(5)

    monkeypatch.setattr(worker, "run_assignments", trials)
    monkeypatch.setattr(worker, "hide_unassigned_gpus", lambda: None)
    batch = [SimpleNamespace(name=name, setup=SimpleNamespace(detector="hgb")) for name in "AB"]
    ends = worker.TrialWorker(SimpleNamespace(samples={})).run(batch)
    assert next(ends) == batch[:1]
    received.set()
    assert next(ends) == [True]
