"""A process of Ray that holds no GPU sees none."""

import os
from types import SimpleNamespace

import pytest
import ray
from toys import QUICK, VIEW, toy_sample

from raysearch.refit import final_members
from raysearch.scanning.parallel import without_gpus
from raysearch.training.packed import resolve_device
from raysearch.trial import Setup
from raysearch.tuning import capacity, refits, tuned
from raysearch.tuning.devices import hide_unassigned_gpus
from raysearch.tuning.task import Task
from raysearch.tuning.trainable import TrialActor
from raysearch.tuning.worker import TrialWorker

MLP = {**VIEW._asdict(), "detector": "mlp", "parameters": QUICK["mlp"]}


@pytest.fixture
def worker(monkeypatch):
    """This process as a worker of a machine with one GPU, which holds `held` of it."""

    def of(*held):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        context = SimpleNamespace(get_accelerator_ids=lambda: {"GPU": list(held)})
        monkeypatch.setattr(ray, "get_runtime_context", lambda: context)
        monkeypatch.setattr(ray, "get", lambda sample: sample)
        monkeypatch.setattr(
            "torch.cuda.is_available", lambda: os.environ.get("CUDA_VISIBLE_DEVICES") != ""
        )

    return of


def test_who_holds_a_gpu_trains_on_it_and_who_does_not_on_the_cpu(worker):
    worker("0")
    hide_unassigned_gpus()
    assert resolve_device(None).type == "cuda"
    worker()
    assert resolve_device(None).type == "cuda"
    hide_unassigned_gpus()
    assert resolve_device(None).type == "cpu"


def run_refit(sample, task):
    members = final_members(sample.rows.is_data, 1, 1, 0)
    setup = Setup("idealised", "baseline", "hgb", QUICK["hgb"])
    refits._refit(setup, {VIEW: sample}, members, [], "val_sic")


@pytest.mark.parametrize(
    "start",
    [
        lambda sample, task: TrialWorker(task),
        lambda sample, task: tuned._TrainerActor({VIEW: sample}, task),
        lambda sample, task: TrialActor.setup(TrialActor.__new__(TrialActor), CONFIG, task),
        lambda sample, task: capacity.measured_capacity({VIEW: sample}, 1),
        run_refit,
        lambda sample, task: without_gpus(resolve_device)(None),
    ],
    ids=["direct", "trainer", "tune", "capacity", "refit", "scan"],
)
def test_each_kind_of_worker_looks_before_it_computes(worker, start):
    worker()
    sample = toy_sample(n_data=100, n_template=100, n_signal=10)
    start(sample, Task({VIEW: sample}, 1, 1))
    assert resolve_device(None).type == "cpu"


CONFIG = {"index": 0, **MLP}
