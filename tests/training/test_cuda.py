"""The same code on a GPU; reported as skipped where there is none."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from raysearch.detectors.mlp_snapshot import MLPSnapshot
from raysearch.judge import Judge
from raysearch.samples import Rows, TwoSample
from raysearch.training.batches import Table
from raysearch.training.capacity import pack_size
from raysearch.training.eager import EagerPack
from raysearch.training.layout import Layout
from raysearch.training.memory import Workload
from raysearch.training.settings import MemberSettings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


def problem(n=4000):
    rng = np.random.default_rng(0)
    is_data = rng.random(n) < 0.5
    features = rng.normal(size=(n, 4)) + (is_data & (rng.random(n) < 0.2))[:, None]
    return features.astype(np.float32), is_data


def pack(device, dropout=0.2):
    features, is_data = problem()
    member = MemberSettings(np.arange(3000), seed=1, dropout=dropout)
    members = [member, replace(member, seed=2, rows=np.arange(100, 2500))]
    return EagerPack(Table(features, is_data, torch.device(device)), members, (16, 16))


def test_no_step_of_an_epoch_waits_for_the_host():
    training = pack("cuda")
    training.run_epoch(0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        training.run_epoch(1)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.isfinite(training.networks().parameters).all()


def test_metrics_on_the_device_equal_those_of_the_host():
    features, is_data = problem()
    training = pack("cuda")
    training.run_epoch(0)
    held = np.arange(3000, 4000)
    sample = TwoSample(
        Rows(features, is_data), np.zeros(4000, np.float32), ("a", "b", "c", "d"), features, is_data
    )

    class Held:
        validation = held

    judge = Judge(sample, [Held, Held])
    networks = training.networks()
    on_device = judge.values(MLPSnapshot(networks))
    on_host = judge.values(MLPSnapshot(replace(networks, parameters=networks.parameters.cpu())))
    for name, values in on_host.items():
        np.testing.assert_allclose(on_device[name], values, rtol=2e-2)


def test_the_pack_size_is_measured_there():
    workload = Workload(Layout(4, (16, 16)), 128, 3000, 3000)
    assert pack_size(workload, judged=2, device="cuda") > 1
