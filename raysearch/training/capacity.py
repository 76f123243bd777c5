"""How many networks to train together: as many as pay, and as fit into memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from raysearch.training.memory import Workload, expected_packs
from raysearch.training.packed import resolve_device, resolve_engine, train
from raysearch.training.settings import MemberSettings, PackSettings

_LOG = logging.getLogger(__name__)
# Twice the pack has to save at least this share of the time of each member.
MIN_GAIN = 0.1
# Few steps tell the time of a step; more would only tell it better.
_STEPS = 16
# A pack on a CPU must leave memory to events and other workers.
_MOST_ON_CPU_BYTES = 2 << 30


@cache
def pack_size(
    workload: Workload,
    judged: int,
    device: str | None = None,
    engine: str | None = None,
    share: float = 1.0,
) -> int:
    """Networks worth training together on this device.

    The compiled kernel trains one after another, so that a pack brings nothing there. In torch
    the pack is doubled as long as a short measurement says that each member gets cheaper and the
    memory model says that it fits.

    Args:
        workload: what is trained.
        judged: networks of one trial, which are judged at the same time.
        device: as `train` takes it.
        engine: as `train` takes it.
        share: of a GPU that may be used; others run beside it.

    Raises:
        InputError: if the engine is unknown.
    """
    where = resolve_device(device)
    if resolve_engine(engine, where) == "native":
        return 1
    _LOG.info(expected_packs(workload, judged))
    most = workload.largest_pack(_free_bytes(where, share), judged, accelerator=where.type != "cpu")
    best = _doubled_while_it_pays(lambda size: _seconds(workload, size, where), most)
    _LOG.info("packs of %d networks: memory allows %d", best, most)
    return best


def _doubled_while_it_pays(seconds: Callable[[int], float], most: int) -> int:
    """The last pack that beat the one of half its size by `MIN_GAIN` a member."""
    size, each = 1, seconds(1)
    while 2 * size <= most:
        of_double = seconds(2 * size) / (2 * size)
        if of_double > (1 - MIN_GAIN) * each:
            break
        size, each = 2 * size, of_double
    return size


def _seconds(workload: Workload, size: int, device: torch.device) -> float:
    """Time of a short epoch of a pack of this size, after one to warm up."""
    rows = min(workload.rows, _STEPS * workload.batch_size)
    features = np.zeros((max(rows, 2), workload.layout.inputs), dtype=np.float32)
    is_data = np.arange(len(features)) % 2 == 0
    dropout = 0.1 if workload.dropout else 0.0
    members = [
        MemberSettings(np.arange(len(features)), seed, workload.batch_size, dropout=dropout)
        for seed in range(size)
    ]
    settings = PackSettings(workload.layout.hidden, epochs=3, bins=workload.layout.bins)
    training = train(features, is_data, members, settings, device=str(device), engine="eager")
    next(training)
    started = _now(device)
    for _ in training:
        pass
    return _now(device) - started


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _free_bytes(device: torch.device, share: float) -> int:
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)  # of the whole device, whoever else is on it
        return int(free * min(1.0, share))
    return _MOST_ON_CPU_BYTES
