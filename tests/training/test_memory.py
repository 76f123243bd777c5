"""The memory model against what torch has allocated, and the choice of the pack's size."""

import gc
import weakref
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from raysearch import judge
from raysearch.detectors import Member
from raysearch.detectors.mlp import MLP
from raysearch.errors import InputError
from raysearch.samples import Rows, TwoSample
from raysearch.training import capacity, networks
from raysearch.training.adam import Adam
from raysearch.training.batches import Table
from raysearch.training.capacity import pack_size
from raysearch.training.eager import EagerPack
from raysearch.training.layout import Layout
from raysearch.training.memory import GIB, Workload, expected_packs, members_judged_at_once
from raysearch.training.packed import train
from raysearch.training.settings import MemberSettings, PackSettings

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
    table = Table(features, is_data, torch.device("cpu"))
    return EagerPack(table, own, workload.layout.hidden, workload.layout.bins)


class SeenError(Exception):
    """All steps that are looked at were taken."""


def most_allocated(members, workload, features, is_data, monkeypatch):
    """Bytes that a pack holds in the middle of an epoch, which is not trained to its end."""
    before, seen = allocated(), []
    update = Adam.update

    def watched(self, step, gradients):
        if step in (0, 3):
            seen.append(allocated() - before)
        if len(seen) == 2:
            raise SeenError
        update(self, step, gradients)

    monkeypatch.setattr(Adam, "update", watched)
    # No raises() of pytest, which would keep the tensors of the frames.
    with suppress(SeenError):
        pack_of(members, workload, features, is_data).run_epoch(0)
    monkeypatch.undo()
    assert len(seen) == 2
    return max(seen)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("batch_size", [128, 2048])
@pytest.mark.parametrize("bins", [0, pytest.param(16, marks=pytest.mark.slow)])
def test_the_model_is_an_upper_bound_and_not_far_above(batch_size, dropout, bins, monkeypatch):
    layout = replace(LAYOUT, bins=bins)
    workload = Workload(layout, batch_size, 20_000, 20_000, dropout)
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
    # What does not grow with the pack weighs more on the small one.
    assert 5 < large / small < 6
    assert workload.largest_pack(1, judged=10) == 1


def test_the_memory_shared_by_a_pack_is_the_whole_table_once():
    workload = Workload(LAYOUT, 128, 1_000, 1_000, dropout=False, table_rows=400_000)
    features = np.zeros((400_000, 5), dtype=np.float32)
    features[::2] = 1
    is_data = np.arange(400_000) % 2 == 0
    members = [
        MemberSettings(np.arange(1_000), seed, batch_size=size)
        for seed, size in enumerate((64, 128, 256))
    ]
    before = allocated()
    training = train(
        features, is_data, members, PackSettings(LAYOUT.hidden, 1), device="cpu", engine="eager"
    )
    # The block of inputs is gathered only within an epoch.
    found = allocated() - before
    assert 0.5 * workload.shared_bytes() < found
    assert found <= workload.shared_bytes() + 3 * workload.bytes_per_member()
    del training


class Peak(TorchDispatchMode):
    """The most bytes that results of operations held at one time."""

    def __init__(self):
        super().__init__()
        self.alive, self.most = {}, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        for tensor in found if isinstance(found, tuple | list) else (found,):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self.alive[storage.data_ptr()] = weakref.ref(tensor), storage.nbytes()
        self.alive = {k: (r, n) for k, (r, n) in self.alive.items() if r() is not None}
        self.most = max(self.most, sum(size for _, size in self.alive.values()))
        return found


def test_judging_and_scoring_take_no_more_than_the_model_says(monkeypatch):
    n, members, trials = 4_000, 2, 6
    workload = Workload(LAYOUT, 128, 1_000, n)
    monkeypatch.setattr(networks, "CPU_BLOCK_BYTES", networks.ACCELERATOR_BLOCK_BYTES)
    monkeypatch.setattr(judge, "on_accelerator", lambda snapshot: True)
    rng = np.random.default_rng(0)
    is_data = np.arange(2 * n) % 2 == 0
    rows = Rows(rng.normal(size=(2 * n, 5)).astype(np.float32), is_data)
    sample = TwoSample(rows, np.zeros(2 * n), tuple("abcde"), rows.features[:n], is_data[:n], None)
    own = [Member(np.arange(n), np.arange(n, 2 * n), seed) for seed in range(members)]
    count = members * trials
    snapshot = next(MLP.fit(rows, own * trials, [{}] * count, epochs=1))
    with Peak() as peak:
        judge.Judge(sample, own).of_trials(snapshot, trials)
    fixed = n * ((members + 1) * 5 * 4 + 2 * members)
    # With so few networks a block of activations is bounded by the events, not by its limit.
    scratch = min(2 * networks.ACCELERATOR_BLOCK_BYTES, 2 * count * n * 64 * 4) * (1 + 2 * 5 / 64)
    most = fixed + scratch + count * workload.judging_bytes_per_member()
    assert 0.3 * most < peak.most <= most
    assert workload.scoring_bytes(members) >= fixed + scratch


@pytest.mark.parametrize("gib", [1.5, 4, 16, 80])
def test_the_largest_pack_fits_and_one_more_does_not(gib):
    workload = Workload(LAYOUT, 128, 60_000, 60_000, table_rows=120_000)
    size = workload.largest_pack(int(gib * GIB), judged=10)

    def total(size):
        judged = min(size, max(10, members_judged_at_once(60_000)))
        judging = judged * workload.judging_bytes_per_member() + workload.scoring_bytes(10)
        return size * workload.bytes_per_member() + judging + workload.shared_bytes()

    assert total(size) <= 0.8 * gib * GIB < total(size + 1)


def test_a_share_of_a_gpu_leaves_the_rest_of_its_memory_to_others(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (8 * GIB, 16 * GIB))
    cuda = torch.device("cuda")
    found = [capacity._free_bytes(cuda, share) for share in (0.25, 1.0, 2.0)]
    assert found == [2 * GIB, 8 * GIB, 8 * GIB]


def test_the_expected_pack_sizes_are_said():
    told = expected_packs(Workload(LAYOUT, 128, 60_000, 60_000), judged=3)
    assert "networks on 16 GiB and" in told
    assert "networks on 80 GiB" in told


def test_a_pack_grows_while_each_member_gets_cheaper():
    def seconds(size):
        return 1.0 + 0.1 * size  # a fixed cost, shared

    # 1/k + .1 a member: from 64 to 128 it falls by 7% only.
    assert capacity._doubled_while_it_pays(seconds, most=1000) == 64
    assert capacity._doubled_while_it_pays(seconds, most=10) == 8
    assert capacity._doubled_while_it_pays(lambda size: size, most=1000) == 1


def test_the_measurement_is_real_and_the_kernel_needs_no_pack():
    workload = Workload(Layout(3, (8, 8)), 16, 200, 200)
    # What else runs on the machine may spoil a measurement; a process keeps its first.
    measure = pack_size.__wrapped__
    assert any(measure(workload, 2, "cpu", "eager") > 1 for _ in range(50))
    if capacity.resolve_engine(None, torch.device("cpu")) == "native":
        assert pack_size(workload, 2, "cpu") == 1
    with pytest.raises(InputError, match="engine"):
        pack_size(workload, 2, "cpu", "nativ")
