"""Samples in the object store, as a worker sees them."""

import pickle

import pytest
import ray
from toys import VIEW, toy_sample

from raysearch.tuning.cluster import is_lost, renew, share

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
    shared = pickle.loads(pickle.dumps(share(samples)))
    assert list(shared) == [VIEW, OTHER]
    assert not fetched
    assert shared[OTHER] is shared[OTHER] is samples[OTHER]
    assert fetched == [1]


def test_who_shared_it_has_it_already(fetched):
    samples = {VIEW: toy_sample()}
    assert share(samples)[VIEW] is samples[VIEW]
    assert not fetched


def test_what_was_lost_is_put_again_and_nothing_else(fetched, monkeypatch):
    samples = {VIEW: toy_sample(), OTHER: toy_sample(seed=1)}
    shared = share(samples)

    def get(place, timeout=None):
        fetched.append(place)
        if place == 1:
            raise ray.exceptions.ObjectLostError("01" * 28, "here", "there")
        return place

    monkeypatch.setattr(ray, "get", get)
    shared.renew()
    assert fetched == [0, 1]
    copy = pickle.loads(pickle.dumps(shared))
    assert (copy[VIEW], copy[OTHER]) == (0, 2)
    renew(samples)  # what lies in no store cannot be lost


def test_what_is_lost_is_told_from_what_has_failed():
    lost = ray.exceptions.ObjectLostError("01" * 28, "here", "there")
    assert is_lost(lost)
    assert is_lost(ray.exceptions.RayTaskError("run", "", lost))
    assert not is_lost(ray.exceptions.RayTaskError("run", "", ValueError("wrong")))
    assert not is_lost(ValueError("wrong"))


def test_a_copy_is_of_the_places_alone(fetched):
    shared = share({VIEW: toy_sample(n_data=10_000)})
    sample = shared[VIEW]
    sent = pickle.dumps(shared)
    assert len(sent) < 500
    assert pickle.loads(sent)[VIEW] is sample
    assert fetched == [0]


def test_what_trees_bin_is_sorted_before_it_is_shared(fetched):
    sample = toy_sample()
    share({VIEW: sample})
    assert "ranks" in vars(sample.rows)
