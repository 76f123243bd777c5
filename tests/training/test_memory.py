"""The memory model against what torch has allocated, and the choice of the pack's size."""

import gc

import numpy as np
import pytest
import torch

from raysearch.errors import InputError
from raysearch.training import capacity
from raysearch.training.adam import Adam
from raysearch.training.capacity import pack_size
from raysearch.training.eager import EagerPack
from raysearch.training.layout import Layout
from raysearch.training.memory import GIB, Workload, log_pack_sizes
from raysearch.training.settings import MemberSettings

LAYOUT = Layout(5, (64, 64, 64))


def allocated():
    """Bytes of all storages that tensors hold now."""
    gc.collect()
    storages = [t.untyped_storage() for t in gc.get_objects() if type(t) is torch.Tensor]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def pack_of(members, workload, features, is_data):
    dropout = 0.2 if workload.dropout else 0.0
    own = [
        MemberSettings(np.arange(workload.rows), seed, workload.batch_size, dropout=dropout)
        for seed in range(members)
    ]
    return EagerPack(features, is_data, own, workload.layout.hidden, torch.device("cpu"))


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("batch_size", [128, 2048])
def most_allocated(members, workload, features, is_data, monkeypatch):
    """Bytes that a pack holds in the middle of an epoch."""
    before, seen = allocated(), []
    update = Adam.update

    def watched(self, step, gradients):
        if step in (0, 3):
            seen.append(allocated() - before)
        update(self, step, gradients)

    monkeypatch.setattr(Adam, "update", watched)
    pack_of(members, workload, features, is_data).run_epoch(0)
    monkeypatch.undo()
    return max(seen)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("batch_size", [128, 2048])
def test_the_model_is_an_upper_bound_and_not_far_above(batch_size, dropout, monkeypatch):
    workload = Workload(LAYOUT, batch_size, 20_000, 20_000, dropout)
    features = np.random.default_rng(0).normal(size=(20_000, 5)).astype(np.float32)
    is_data = np.arange(20_000) % 2 == 0
    # From 11 members on the block of gathered inputs has its full size.
    few, many = (most_allocated(k, workload, features, is_data, monkeypatch) for k in (12, 20))
    per_member = (many - few) / 8
    assert 0.5 * workload.bytes_per_member() < per_member <= workload.bytes_per_member()


def test_a_larger_device_holds_a_larger_pack_in_proportion():
    workload = Workload(LAYOUT, 1024, 60_000, 100_000)
    small, large = (workload.largest_pack(gib * GIB, judged=10) for gib in (16, 80))
    assert small > 100
    assert large / small == pytest.approx(5, rel=0.05)
    assert workload.largest_pack(1, judged=10) == 1


def test_the_log_names_the_expected_pack_sizes(caplog):
    with caplog.at_level("INFO"):
        log_pack_sizes(Workload(LAYOUT, 128, 60_000, 60_000), judged=3)
    assert "16 GiB holds a pack of up to" in caplog.text
    assert "80 GiB holds a pack of up to" in caplog.text


def test_a_pack_grows_while_each_member_gets_cheaper():
    def seconds(size):
        return 1.0 + 0.1 * size  # a fixed cost, shared

    # 1/k + .1 a member: from 64 to 128 it falls by 7% only.
    assert capacity._doubled_while_it_pays(seconds, most=1000) == 64
    assert capacity._doubled_while_it_pays(seconds, most=10) == 8
    assert capacity._doubled_while_it_pays(lambda size: size, most=1000) == 1


def test_the_measurement_is_real_and_the_kernel_needs_no_pack():
    workload = Workload(Layout(3, (8, 8)), 16, 200, 200)
    assert pack_size(workload, 2, "cpu", "eager") > 1
    if capacity.resolve_engine(None, torch.device("cpu")) == "native":
        assert pack_size(workload, 2, "cpu") == 1
    with pytest.raises(InputError, match="engine"):
        pack_size(workload, 2, "cpu", "nativ")
