"""CPU seconds of packed MLP training, as ratios to a plain per-member torch loop in the same run.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_packed.py

Both train the published classifier (5 inputs, 3 x 64), score validation and test events and
compute val_sic, val_loss and max_sic after every epoch; setting up is included. The plain loop is
what the published code does: DataLoader, nn.Sequential, Adam, and scikit-learn's ROC curve. Runs
of both alternate, so that a busy machine slows both.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from sklearn.metrics import log_loss, roc_curve
from sklearn.utils.class_weight import compute_sample_weight
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from raysearch import metrics
from raysearch.detectors.base import Member
from raysearch.detectors.mlp import MLPDetector
from raysearch.samples import Rows

_FEATURES = 5
_TARGETS = {128: 15.0, 1024: 12.0}
_PEAK_TARGET = 0.4
_RUNS = 3
# Multiply-adds of one row in the products of 5 -> 64 -> 64 -> 64 -> 1: forward and the gradient of
# the weights for every layer, the gradient of the input for all but the first.
_PRODUCTS = 3 * (_FEATURES * 64 + 2 * 64 * 64 + 64) - _FEATURES * 64


class Problem(NamedTuple):
    """Training, validation and test events."""

    train: Rows
    validation: Rows
    test: Rows


def make_problem(n_train: int, n_validation: int, n_test: int) -> Problem:
    """Gaussian background with a few per cent of shifted signal in the data."""
    rng = np.random.default_rng(0)
    return Problem(_rows(rng, n_train, 0.02), _rows(rng, n_validation, 0.02), _rows(rng, n_test, 1))


def _rows(rng: np.random.Generator, n: int, signal: float) -> Rows:
    is_data = rng.random(n) < 0.5
    is_signal = is_data & (rng.random(n) < signal)
    features = rng.normal(size=(n, _FEATURES)) + 1.5 * is_signal[:, None]
    return Rows(features.astype(np.float32), is_data)


def packed(problem: Problem, members: int, batch_size: int, epochs: int) -> None:
    """Train `members` networks as one pack and judge each after every epoch."""
    own = [Member(np.arange(len(problem.train.features)), np.arange(0), k) for k in range(members)]
    detector = MLPDetector(device="cpu")
    for snapshot in detector.fit(
        problem.train, own, [{"batch_size": batch_size}] * members, epochs=epochs
    ):
        for scores in snapshot.scores(problem.validation.features):
            metrics.val_sic(problem.validation.is_data, scores)
            metrics.val_loss(problem.validation.is_data, scores)
        for scores in snapshot.scores(problem.test.features):
            metrics.max_sic(problem.test.is_data, scores)


def plain(problem: Problem, members: int, batch_size: int, epochs: int) -> None:
    """Train `members` networks one after the other, as published code does."""
    for _ in range(members):
        _plain_member(problem, batch_size, epochs)


def _plain_member(problem: Problem, batch_size: int, epochs: int) -> None:
    # Features alone for scoring: the loader then has no labels to collate for nothing.
    scaled, weights = _standardised(problem), _class_weights(problem.train.is_data)
    labels = torch.from_numpy(problem.train.is_data.astype(np.float32))[:, None]
    loader = DataLoader(TensorDataset(scaled[0], labels), batch_size=batch_size, shuffle=True)
    validation, test = (DataLoader(TensorDataset(x), batch_size=batch_size) for x in scaled[1:])
    sizes = (_FEATURES, 64, 64, 64)
    hidden = [p for n, m in pairwise(sizes) for p in (nn.Linear(n, m), nn.ReLU())]
    net = nn.Sequential(*hidden, nn.Linear(64, 1))
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(epochs):
        _plain_epoch(net, adam, loader, weights)
        _plain_judge(_plain_scores(net, validation), problem.validation.is_data)
        _plain_max_sic(_plain_scores(net, test), problem.test.is_data)


def _standardised(problem: Problem) -> list[torch.Tensor]:
    mean, width = problem.train.features.mean(0), problem.train.features.std(0)
    return [torch.from_numpy((rows.features - mean) / width) for rows in problem]


def _class_weights(is_data: np.ndarray) -> tuple[float, float]:
    n, n_data = len(is_data), np.count_nonzero(is_data)
    return n / (2 * (n - n_data)), n / (2 * n_data)


def _plain_epoch(
    net: nn.Module,
    adam: torch.optim.Optimizer,
    loader: DataLoader,
    class_weights: tuple[float, float],
) -> None:
    template, data = class_weights
    net.train()
    for x, y in loader:
        adam.zero_grad()
        weight = template + y * (data - template)
        nn.functional.binary_cross_entropy_with_logits(net(x), y, weight=weight).backward()
        adam.step()


@torch.no_grad()
def _plain_scores(net: nn.Module, loader: DataLoader) -> np.ndarray:
    net.eval()
    return torch.cat([net(x) for (x,) in loader])[:, 0].numpy()


def _plain_judge(logits: np.ndarray, is_data: np.ndarray) -> tuple[float, float]:
    fpr, tpr, _ = roc_curve(is_data, logits)
    passed = fpr > 0
    sic = np.max(tpr[passed] / np.sqrt(fpr[passed]) - np.sqrt(fpr[passed]))
    weights = compute_sample_weight("balanced", is_data)
    return sic, log_loss(is_data, 1 / (1 + np.exp(-logits)), sample_weight=weights)


def _plain_max_sic(logits: np.ndarray, is_signal: np.ndarray) -> float:
    fpr, tpr, _ = roc_curve(is_signal, logits)
    known = fpr > 1 / (np.count_nonzero(~is_signal) * 0.2**2)
    return np.max(tpr[known] / np.sqrt(fpr[known]))


def matmul_peak(members: int, batch_size: int, seconds: float = 0.3) -> float:
    """Multiply-adds per CPU second of nothing but batched 64 x 64 products, the best of several."""
    a, w = torch.randn(members, batch_size, 64), torch.randn(members, 64, 64)
    out = torch.empty(members, batch_size, 64)
    repeats = max(1, 20_000 // batch_size)
    best, end = np.inf, time.process_time() + seconds
    while time.process_time() < end:
        best = min(best, cpu_s(lambda: [torch.bmm(a, w, out=out) for _ in range(repeats)]))
    return members * batch_size * 64 * 64 * repeats / best


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def training_s(problem: Problem, members: int, batch_size: int, epochs: int) -> float:
    """CPU seconds of packed training alone, without scores and metrics."""
    own = [Member(np.arange(len(problem.train.features)), np.arange(0), k) for k in range(members)]
    fit = MLPDetector(device="cpu").fit
    parameters = [{"batch_size": batch_size}] * members
    return cpu_s(lambda: list(fit(problem.train, own, parameters, epochs=epochs)))


def measure(
    members: int = 10,
    batch_sizes: Sequence[int] = (128, 1024),
    n_train: int = 60_000,
    n_validation: int = 60_000,
    n_test: int = 42_000,
    epochs: int = 2,
    runs: int = _RUNS,
) -> list[dict]:
    """CPU seconds per member and epoch relative to the plain loop, and the share of matmul peak.

    Returns:
        For each batch size two entries of name, ratio (median over the runs), against, target,
        spread (smallest and largest ratio); the first also has seconds and baseline_seconds, CPU
        seconds per member and epoch (medians).
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        problem = make_problem(n_train, n_validation, n_test)
        return [
            result
            for batch_size in batch_sizes
            for result in (
                _against_plain(problem, members, batch_size, epochs, runs),
                _against_peak(problem, members, batch_size, epochs, runs),
            )
        ]
    finally:
        torch.set_num_threads(threads)


def _against_plain(problem: Problem, members: int, batch_size: int, epochs: int, runs: int) -> dict:
    ours, theirs = [], []
    for _ in range(runs):
        theirs.append(cpu_s(lambda: plain(problem, 1, batch_size, epochs)) / epochs)
        seconds = cpu_s(lambda: packed(problem, members, batch_size, epochs))
        ours.append(seconds / epochs / members)
    return {
        **_entry(
            f"packed MLP, {members} members, batch {batch_size}",
            [their / our for their, our in zip(theirs, ours, strict=True)],
            "plain torch loop per member",
            _TARGETS.get(batch_size, 5.0),
        ),
        "seconds": statistics.median(ours),
        "baseline_seconds": statistics.median(theirs),
    }


def _against_peak(problem: Problem, members: int, batch_size: int, epochs: int, runs: int) -> dict:
    work = _PRODUCTS * len(problem.train.features) * members * epochs
    shares = []
    for _ in range(runs):
        peak = matmul_peak(members, batch_size)
        shares.append(work / training_s(problem, members, batch_size, epochs) / peak)
    name = f"packed MLP training, {members} members, batch {batch_size}"
    return _entry(name, shares, "batched matmul peak", _PEAK_TARGET)


def _entry(name: str, ratios: Sequence[float], against: str, target: float) -> dict:
    return {
        "name": name,
        "ratio": statistics.median(ratios),
        "against": against,
        "target": target,
        "spread": (min(ratios), max(ratios)),
    }


def main() -> None:
    """Print a table and exit with 1 if a target is missed."""
    results = measure()
    for r in results:
        low, high = r["spread"]
        line = f"{r['name']:48s} {r['ratio']:6.2f} ({low:.2f}-{high:.2f}) x {r['against']}"
        print(f"{line}, target {r['target']}")
        if "seconds" in r:
            print(f"    {r['seconds']:.4f} against {r['baseline_seconds']:.4f} CPU s/member/epoch")
    sys.exit(any(r["ratio"] < r["target"] for r in results))


if __name__ == "__main__":
    main()
