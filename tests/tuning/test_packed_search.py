"""Trials that are trained together in either backend end as they do alone."""

from contextlib import contextmanager

import numpy as np
import pytest
import ray
from toys import VIEW, toy_sample

from raysearch.settings import Resources, Settings
from raysearch.tuning import tuned
from raysearch.tuning.cluster import share
from raysearch.tuning.history import History
from raysearch.tuning.run import run_search
from raysearch.tuning.task import Task

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.usefixtures("local_ray"),
    pytest.mark.filterwarnings("default"),
]
SETTINGS = Settings(
    space="failing_space:small_networks", sampler="random", trials=8, repeats=2, seed=5
)


@pytest.fixture(scope="module")
def alone(local_ray, tmp_path_factory):
    return records(tmp_path_factory.mktemp("alone"), backend="direct", trials_per_pack=1)


def records(folder, on_record=lambda *_: None, **resources):
    history = History(folder, SETTINGS)
    task = Task(share({VIEW: toy_sample()}), SETTINGS.repeats, SETTINGS.seed)
    run_search(history, task, SETTINGS, Resources(**resources), on_record, lambda line: None)
    return {index: record for index, (_, record) in history.records().items()}


def check_equal(found, expected):
    assert {i: r.state for i, r in found.items()} == {i: r.state for i, r in expected.items()}
    assert {record.state for record in found.values()} == {"COMPLETE", "FAIL"}
    for index, record in found.items():
        assert record.epochs == expected[index].epochs
        for metric, values in record.metrics.items():
            np.testing.assert_allclose(values, expected[index].metrics[metric], rtol=1e-3)


@pytest.mark.parametrize("backend", [pytest.param("tune", marks=pytest.mark.slow), "direct"])
def test_packs_change_nothing_beyond_rounding(backend, alone, tmp_path):
    check_equal(records(tmp_path, backend=backend, trials_per_pack=3), alone)


@pytest.mark.slow
def test_a_trainer_that_dies_costs_no_trial(alone, tmp_path, monkeypatch):
    trainers = []
    make = tuned._trainers

    @contextmanager
    def remembered(*arguments):
        with make(*arguments) as made:
            trainers.extend(made)
            yield made

    def kill_one(index, record):
        if trainers:
            ray.kill(trainers.pop(), no_restart=False)

    monkeypatch.setattr(tuned, "_trainers", remembered)
    found = records(tmp_path, kill_one, backend="tune", trials_per_pack=3)
    assert not trainers
    check_equal(found, alone)
