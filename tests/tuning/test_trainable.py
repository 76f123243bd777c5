"""A trial as Tune sees it, without Tune: when it reports, and how it fails."""

import time
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
import ray
from toys import QUICK, VIEW, toy_sample

from raysearch.racing import Rung
from raysearch.tuning import trainable
from raysearch.tuning.trainable import TrialActor
from raysearch.tuning.tuned import _beside_trainers


@pytest.fixture
def actor(monkeypatch):
    """A trial's actor that has begun a trial of a detector."""
    monkeypatch.setattr(trainable, "hide_unassigned_gpus", lambda: None)
    monkeypatch.setattr(ray, "get", lambda reference: reference)

    def of(detector, parameters, *rungs, races=True, trainers=(), timeout_s=None):
        def task_rungs(family):
            if family not in ("pretender", "hgb"):
                raise KeyError(f"no rungs for {family}")
            return rungs

        task = SimpleNamespace(
            families=frozenset(),
            samples={VIEW: toy_sample(n_data=200, n_template=200, n_signal=20)},
            **{"repeats": 1, "seed": 1, "objective": "val_sic", "also": (), "capacity": 4},
            setup=lambda config: trainable.Setup(*VIEW, config["detector"], config["parameters"]),
            rungs=task_rungs,
            trainers=trainers,
            timeout_s=timeout_s,
        )
        made = TrialActor.__new__(TrialActor)
        made.setup({"index": 0, "detector": detector, "parameters": parameters}, task)
        return made

    return of


def reports(actor):
    found = [actor.step()]
    while not found[-1]["done"]:
        found.append(actor.step())
    return found


def test_a_short_trial_reports_once_and_where_it_is_compared(actor, pretend):
    pretend(lambda member, epoch, x: x[:, 0], epochs=20)
    assert [r["epoch"] for r in reports(actor("pretender", {}))] == [20]
    rungs = Rung(1, 5, 0.5), Rung(1, None)
    found = reports(actor("pretender", {}, *rungs))
    assert [r["epoch"] for r in found] == [5, 20]
    assert ["rung_value" in r for r in found] == [True, False]
    assert found[-1]["reached"] == ((1, 5, 0.5, found[0]["rung_value"]),)


def test_training_begins_with_the_trial(actor, pretend):
    began = Event()

    def scores(member, epoch, x):
        began.set()
        return x[:, 0]

    pretend(scores, epochs=1)
    made = actor("pretender", {})
    assert began.wait(60)  # nobody has asked for it to train
    assert made.step()["finished"]


def test_what_is_left_of_a_trial_has_ended_before_the_next_begins(actor, pretend):
    running, most = [], []

    def scores(member, epoch, x):
        running.append(epoch)
        most.append(len(running))
        time.sleep(0.05)
        running.pop()
        return x[:, 0]

    pretend(scores, epochs=1)
    made = actor("pretender", {})
    for index in range(1, 4):
        assert made.reset_config({"index": index, "detector": "pretender", "parameters": {}})
    assert made.step()["finished"]
    assert max(most) == 1


def test_a_trial_that_takes_too_long_has_failed_and_what_hangs_ends_with_its_process(
    actor, pretend, monkeypatch
):
    goes_on, ended = Event(), []
    pretend(lambda member, epoch, x: goes_on.wait(60) and x[:, 0], epochs=1)
    monkeypatch.setattr(trainable, "_GRACE_S", 0.1)
    monkeypatch.setattr("os._exit", ended.append)
    made = actor("pretender", {}, timeout_s=0.2)
    (only,) = reports(made)
    assert only["error"] == "OverdueError: it took longer than trial_timeout_s = 0.2"
    assert not ended  # the failure is told first
    made.cleanup()
    assert ended == [1]
    goes_on.set()


def test_a_trial_that_comes_to_its_end_late_leaves_its_process_to_the_next(
    actor, pretend, monkeypatch
):
    pretend(lambda member, epoch, x: time.sleep(0.4) or x[:, 0], epochs=1)
    monkeypatch.setattr("os._exit", None)
    made = actor("pretender", {}, timeout_s=0.2)
    assert "OverdueError" in made.step()["error"]
    made._task.timeout_s = 60
    assert made.reset_config({"index": 1, "detector": "pretender", "parameters": {}})
    assert made.step()["finished"]


def test_a_long_trial_reports_often_enough_to_be_ended(actor, pretend, monkeypatch):
    monkeypatch.setattr(trainable, "_REPORT_S", -1.0)
    pretend(lambda member, epoch, x: x[:, 0], epochs=3)
    assert [r["epoch"] for r in reports(actor("pretender", {}))] == [1, 2, 3]


def test_a_detector_that_nobody_knows_fails_with_its_own_reason(actor):
    (only,) = reports(actor("hgbt", {}, races=True))
    assert "no rungs for hgbt" in only["error"]
    assert only["done"]


def test_lost_events_are_no_fault_of_the_trial(actor):
    class Lost(dict):
        def __getitem__(self, view):
            raise ray.exceptions.ObjectLostError("01" * 28, "here", "there")

    made = actor("hgb", {"max_iter": 2}, races=False)
    reports(made)
    made._task.samples = Lost()
    made.reset_config({"index": 1, "detector": "hgb", "parameters": {"max_iter": 2}})
    (told,) = reports(made)
    assert told["lost"]
    assert "error" not in told


def test_trees_train_by_themselves_beside_trainers(actor):
    (only,) = reports(actor("hgb", QUICK["hgb"], trainers=(None,)))
    assert only["finished"]
    assert np.isfinite(only["val_sic"])


@pytest.mark.parametrize(
    ("detector", "parameters", "cpus"),
    [("mlp", {}, 0.25), ("hgb", {}, 1), ("hgbt", {}, 1), ("mlp", {"width": "wide"}, 1)],
)
def test_a_trial_that_trains_by_itself_has_a_cpu(detector, parameters, cpus):
    needs = _beside_trainers({"detector": detector, "parameters": parameters}, capacity=4)
    assert needs.required_resources == {"CPU": cpus}
