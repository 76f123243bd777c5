"""CPU seconds of training networks, against a plain loop and against the machine's own peak.

Both train the published classifier (5 inputs, 3 x 64), score validation and test events and
compute val_sic, val_loss and max_sic after every epoch; setting up is included. Runs of both
alternate, so that a busy machine slows both.
"""

from __future__ import annotations

import statistics
import time
from typing import NamedTuple

import numpy as np
import torch

from raysearch import metrics
from raysearch.benchmarks.measurement import Measurement, cpu_s, measured
from raysearch.benchmarks.plain import FEATURES, Problem, make_problem, plain_fit, plain_training
from raysearch.detectors.base import Member
from raysearch.detectors.mlp import MLPDetector
from raysearch.threads import one_thread
from raysearch.training.kernel import kernel
from raysearch.training.packed import ENGINES

_TARGETS = {128: 15.0, 1024: 12.0}
_PEAK_TARGET = 0.4
_SINGLE_TARGET = 0.95
# Multiply-adds of one row in the products of 5 -> 64 -> 64 -> 64 -> 1: forward and the gradient of
# the weights for every layer, the gradient of the input for all but the first.
_PRODUCTS = 3 * (FEATURES * 64 + 2 * 64 * 64 + 64) - FEATURES * 64


class Size(NamedTuple):
    """How much is trained."""

    train: int = 60_000
    validation: int = 60_000
    test: int = 42_000
    members: int = 10
    epochs: int = 2
    runs: int = 5


QUICK = Size(2_000, 2_000, 2_000, 2, 1, 1)


def measure(*, quick: bool = False) -> list[Measurement]:
    """CPU seconds per member and epoch relative to the plain loop, and the share of the peak."""
    size = QUICK if quick else Size()
    problem = make_problem(size.train, size.validation, size.test)
    found: list[Measurement] = []
    with one_thread():
        for batch_size in _TARGETS:
            for engine in ENGINES if kernel() is not None else ("eager",):
                found.append(_against_plain(problem, size, batch_size, engine))
            found.append(_against_peak(problem, size, batch_size))
            found.append(_single_against_pack(problem, size, batch_size))
            found.append(_single_against_plain(problem, size, batch_size))
    return found


def _fit_and_judge(
    problem: Problem, members: int, batch_size: int, epochs: int, engine: str | None = None
) -> None:
    """Train members as one pack and judge each after every epoch."""
    own = _members(problem, members)
    parameters = [{"batch_size": batch_size}] * members
    fit = MLPDetector(device="cpu", engine=engine).fit
    for snapshot in fit(problem.train, own, parameters, epochs=epochs):
        for scores in snapshot.scores(problem.validation.features):
            metrics.val_sic(problem.validation.is_data, scores)
            metrics.val_loss(problem.validation.is_data, scores)
        for scores in snapshot.scores(problem.test.features):
            metrics.max_sic(problem.test.is_data, scores)


def _members(problem: Problem, members: int) -> list[Member]:
    rows = np.arange(len(problem.train.features))
    return [Member(rows, np.arange(0), k) for k in range(members)]


def _against_plain(problem: Problem, size: Size, batch_size: int, engine: str) -> Measurement:
    ours, theirs = [], []
    for _ in range(size.runs):
        theirs.append(cpu_s(lambda: plain_fit(problem, batch_size, size.epochs)) / size.epochs)
        seconds = cpu_s(
            lambda: _fit_and_judge(problem, size.members, batch_size, size.epochs, engine)
        )
        ours.append(seconds / size.epochs / size.members)
    return measured(
        f"MLP, {size.members} members, batch {batch_size}, all metrics each epoch ({engine})",
        [their / our for their, our in zip(theirs, ours, strict=True)],
        "plain torch loop per member",
        _TARGETS[batch_size] if engine == "native" else None,
        f"{statistics.median(ours):.3f} against {statistics.median(theirs):.3f} CPU s a member "
        "and epoch",
    )


def _against_peak(problem: Problem, size: Size, batch_size: int) -> Measurement:
    work = _PRODUCTS * len(problem.train.features) * size.members * size.epochs
    shares, peaks = [], []
    for _ in range(size.runs):
        peaks.append(matmul_peak(size.members, batch_size))
        shares.append(work / _training_s(problem, size.members, batch_size, size.epochs))
    return measured(
        f"products inside MLP training, batch {batch_size}",
        [share / peak for share, peak in zip(shares, peaks, strict=True)],
        "measured peak of batched products",
        _PEAK_TARGET,
        f"peak {2e-9 * statistics.median(peaks):.0f} GF/s",
    )


def _single_against_pack(problem: Problem, size: Size, batch_size: int) -> Measurement:
    """What a pack of one costs a member, against the same member in a large pack."""
    ratios = []
    for _ in range(size.runs):
        pack = _training_s(problem, size.members, batch_size, size.epochs) / size.members
        ratios.append(pack / _training_s(problem, 1, batch_size, size.epochs))
    name = f"a pack of one, batch {batch_size}: speed of each member"
    return measured(name, ratios, f"in a pack of {size.members}", _SINGLE_TARGET)


def _single_against_plain(problem: Problem, size: Size, batch_size: int) -> Measurement:
    """What a pack of one costs in torch, against a loop that knows of no packs."""
    ratios = []
    for _ in range(size.runs):
        plain = cpu_s(lambda: plain_training(problem, batch_size, size.epochs))
        ratios.append(plain / _training_s(problem, 1, batch_size, size.epochs, "eager"))
    name = f"a pack of one in torch, batch {batch_size}: training alone"
    return measured(name, ratios, "plain torch loop per member", _SINGLE_TARGET)


def _training_s(
    problem: Problem, members: int, batch_size: int, epochs: int, engine: str | None = None
) -> float:
    """CPU seconds of training alone, without scores and metrics."""
    own, fit = _members(problem, members), MLPDetector(device="cpu", engine=engine).fit
    parameters = [{"batch_size": batch_size}] * members
    return cpu_s(lambda: list(fit(problem.train, own, parameters, epochs=epochs)))


def matmul_peak(members: int, batch_size: int, seconds: float = 0.3) -> float:
    """Multiply-adds per CPU second of nothing but batched 64 x 64 products, the best of several."""
    a, w = torch.randn(members, batch_size, 64), torch.randn(members, 64, 64)
    out = torch.empty(members, batch_size, 64)
    repeats = max(1, 20_000 // batch_size)
    best, end = np.inf, time.process_time() + seconds
    while time.process_time() < end:
        best = min(best, cpu_s(lambda: [torch.bmm(a, w, out=out) for _ in range(repeats)]))
    return float(members * batch_size * 64 * 64 * repeats / best)
