"""Samples in the object store, as a worker sees them."""

import pickle

import pytest
import ray
from toys import VIEW, toy_sample

from raysearch.tuning.cluster import share

OTHER = VIEW._replace(features="baseline_dr")


@pytest.fixture
def fetched(monkeypatch):
    """What was fetched; the store is a list, a place in it a number."""
    store, found = [], []
    monkeypatch.setattr(ray, "put", lambda sample: store.append(sample) or len(store) - 1)
    monkeypatch.setattr(ray, "get", lambda place: found.append(place) or store[place])
    return found


def test_a_sample_is_fetched_once_and_only_if_it_is_asked_for(fetched):
    samples = {VIEW: toy_sample(), OTHER: toy_sample(seed=1)}
    shared = share(samples)
    assert list(shared) == [VIEW, OTHER]
    assert not fetched
    assert shared[OTHER] is shared[OTHER] is samples[OTHER]
    assert fetched == [1]


def test_a_copy_is_of_the_places_alone(fetched):
    shared = share({VIEW: toy_sample(n_data=10_000)})
    sample = shared[VIEW]
    sent = pickle.dumps(shared)
    assert len(sent) < 500
    assert pickle.loads(sent)[VIEW] is sample
    assert fetched == [0, 0]


def test_what_trees_bin_is_sorted_before_it_is_shared(fetched):
    sample = toy_sample()
    share({VIEW: sample})
    assert "ranks" in vars(sample.rows)
