import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raysearch.errors import InputError
from raysearch.events import Events, shared_rows


def sample(values):
    features = np.array(values, np.float32).reshape(-1, 1)
    return Events(features, ("x",), ("1",), np.ones(len(features), np.float32))


@given(st.lists(st.integers(0, 20)), st.lists(st.integers(0, 20)))
def test_counts_events_of_b_that_occur_in_a(a, b):
    assert shared_rows(sample(a), sample(b)) == sum(value in set(a) for value in b)


def test_every_byte_counts_and_labels_do_not(events):
    assert shared_rows(events, events.without_labels()) == len(events)
    features = events.features.copy()
    features[:, -1] = np.nextafter(features[:, -1], np.float32(9))
    moved = Events(features, events.columns, events.units, events.mjj_tev)
    assert shared_rows(events, moved) == 0


def test_equal_hashes_are_not_enough(monkeypatch):
    monkeypatch.setattr(
        "raysearch.events.identity._hashes", lambda events: np.zeros(len(events), np.uint64)
    )
    assert shared_rows(sample([1, 2, 3]), sample([3, 4, 3])) == 2


def test_columns_must_agree(events):
    with pytest.raises(InputError, match="same columns"):
        shared_rows(events, sample([1]))
