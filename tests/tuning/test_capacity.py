"""Packs follow from what is trained, measured where it is trained."""

from types import SimpleNamespace

import pytest
import ray
from toys import VIEW, toy_sample

from raysearch.packs import packs, workload_of, worthwhile
from raysearch.settings import Resources
from raysearch.training import capacity as training_capacity
from raysearch.training.layout import Layout
from raysearch.trial import Setup
from raysearch.tuning import capacity
from raysearch.tuning.task import Task

SAMPLE = toy_sample(test=None)


def mlp(**parameters):
    return Setup("idealised", "baseline", "mlp", parameters)


@pytest.fixture
def sizes(monkeypatch):
    """Packs pay for networks as long as they are narrow; gives the workloads that were asked."""
    asked = []

    def pack_size(workload, judged, engine=None, share=1.0):
        asked.append((workload, share))
        return 1024 // max(workload.layout.hidden)

    monkeypatch.setattr(training_capacity, "pack_size", pack_size)
    return asked


def test_the_workload_is_that_of_the_setup_on_this_sample():
    workload = workload_of(mlp(width=8, layers=2, batch_size=999), SAMPLE)
    assert workload.layout == Layout(3, (8, 8))
    assert (workload.rows, workload.scored, workload.table_rows) == (1000, 1000, 2000)
    assert workload_of(Setup("", "", "hgb", {}), SAMPLE) is None


def test_a_pack_is_measured_for_the_layout_of_its_networks(sizes):
    task = Task({}, 2, 1, capacity=9, share=0.5)
    setups = {i: mlp(width=256 if i % 2 else 8) for i in range(8)}
    found = packs(setups, lambda setup: task.capacity_of(setup, SAMPLE))
    assert [list(pack) for pack in found] == [[0, 2, 4, 6], [1, 3], [5, 7]]
    assert {share for _, share in sizes} == {0.5}
    said = Task({}, 2, 1, capacity=3)
    assert said.capacity_of(mlp(width=256), SAMPLE) == 3


def test_trials_of_different_samples_share_no_pack():
    other = mlp()._replace(features="baseline_dr")
    found = packs({0: mlp(), 1: other, 2: mlp(), 3: other}, lambda setup: 4)
    assert [list(pack) for pack in found] == [[0, 2], [1, 3]]


def test_a_search_is_told_what_was_measured_and_what_gpus_would_hold(sizes, monkeypatch):
    monkeypatch.setattr(capacity, "hide_unassigned_gpus", lambda: None)
    monkeypatch.setattr(ray, "get", lambda found: found)
    monkeypatch.setattr(ray, "remote", lambda **needs: lambda f: SimpleNamespace(remote=f))
    told = []
    task = Task({VIEW: SAMPLE}, 2, 1)
    found = capacity.with_capacity(task, Resources(gpus_per_trial=0.25), told.append)
    assert (found.capacity, found.share) == (8, 0.25)
    assert "16 GiB" in told[0]
    assert "80 GiB" in told[0]
    fixed = capacity.with_capacity(task, Resources(trials_per_pack=5), told.append)
    assert (fixed.capacity, fixed.share, len(told)) == (5, None, 1)


def test_trials_with_a_time_limit_are_trained_alone():
    task = Task({VIEW: SAMPLE}, 2, 1)
    limited = Resources(gpus_per_trial=1, trial_timeout_s=60.0)
    assert capacity.with_capacity(task, limited, print).capacity == 1


def test_it_is_measured_in_earnest():
    assert worthwhile(mlp(width=8, layers=1), SAMPLE, repeats=1) >= 1
