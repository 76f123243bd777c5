"""The way others train these networks, one after another: what ours is measured against.

DataLoader, nn.Sequential, Adam, and scikit-learn's ROC curve, as the published code has them
(How to pick the best anomaly detector?, Hein et al., 2025, arXiv:2511.14832).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_curve
from sklearn.utils.class_weight import compute_sample_weight
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from raysearch.metrics import smallest_background_efficiency
from raysearch.samples import Rows
from raysearch.training.batches import balanced_weights

FEATURES = 5
HIDDEN = (64, 64, 64)


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
    features = rng.normal(size=(n, FEATURES)) + 1.5 * is_signal[:, None]
    return Rows(features.astype(np.float32), is_data)


def plain_fit(problem: Problem, batch_size: int, epochs: int) -> None:
    """Train one network and compute all three metrics after every epoch."""
    # Features alone for scoring: the loader then has no labels to collate for nothing.
    _, *others = _standardised(problem)
    validation, test = (DataLoader(TensorDataset(x), batch_size=batch_size) for x in others)
    for net in _trained(problem, batch_size, epochs):
        judge(_scores(net, validation), problem.validation.is_data)
        max_sic_of(_scores(net, test), problem.test.is_data)


def plain_training(problem: Problem, batch_size: int, epochs: int) -> None:
    """Train one network and nothing else."""
    for _ in _trained(problem, batch_size, epochs):
        pass


def _trained(problem: Problem, batch_size: int, epochs: int) -> Iterator[nn.Module]:
    """The network after every epoch."""
    features, weights = _standardised(problem)[0], balanced_weights(problem.train.is_data)
    labels = torch.from_numpy(problem.train.is_data.astype(np.float32))[:, None]
    loader = DataLoader(TensorDataset(features, labels), batch_size=batch_size, shuffle=True)
    net = _network()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(epochs):
        _epoch(net, adam, loader, weights)
        yield net


def _network() -> nn.Module:
    sizes = (FEATURES, *HIDDEN)
    hidden = [p for n, m in pairwise(sizes) for p in (nn.Linear(n, m), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(HIDDEN[-1], 1))


def _standardised(problem: Problem) -> list[Tensor]:
    mean, width = problem.train.features.mean(0), problem.train.features.std(0)
    return [torch.from_numpy((rows.features - mean) / width) for rows in problem]


def _epoch(
    net: nn.Module,
    adam: torch.optim.Optimizer,
    loader: DataLoader[tuple[Tensor, ...]],
    class_weights: tuple[float, float],
) -> None:
    template, data = class_weights
    net.train()
    for x, y in loader:
        adam.zero_grad()
        weight = template + y * (data - template)
        loss = nn.functional.binary_cross_entropy_with_logits(net(x), y, weight=weight)
        torch.autograd.backward(loss)
        adam.step()


@torch.no_grad()
def _scores(net: nn.Module, loader: DataLoader[tuple[Tensor, ...]]) -> NDArray[np.float32]:
    net.eval()
    scores: NDArray[np.float32] = torch.cat([net(x) for (x,) in loader])[:, 0].numpy()
    return scores


def judge(logits: NDArray[np.floating], is_data: NDArray[np.bool_]) -> tuple[float, float]:
    """val_sic and val_loss of (n,) log odds by scikit-learn."""
    fpr, tpr, _ = roc_curve(is_data, logits)
    passed = fpr > 0
    sic = float(np.max(tpr[passed] / np.sqrt(fpr[passed]) - np.sqrt(fpr[passed])))
    weights = compute_sample_weight("balanced", is_data)
    return sic, float(log_loss(is_data, 1 / (1 + np.exp(-logits)), sample_weight=weights))


def max_sic_of(logits: NDArray[np.floating], is_signal: NDArray[np.bool_]) -> float:
    """max_sic of (n,) scores by scikit-learn."""
    fpr, tpr, _ = roc_curve(is_signal, logits)
    known = fpr > smallest_background_efficiency(int(np.count_nonzero(~is_signal)))
    return float(np.max(tpr[known] / np.sqrt(fpr[known]), initial=0.0))
