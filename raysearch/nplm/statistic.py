"""The kernel statistic of toys: one solve each, one product with the reference for all.

``t = 2 [ sum_R w (1 - e^f) + sum_D f ]`` with the weights w of the reference summing to the number
of data it predicts.

References:
    Learning new physics efficiently with nonparametric methods (Letizia et al., 2022),
    arXiv:2204.02317
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from raysearch.nplm.arrays import Floats, Rows
from raysearch.nplm.blocks import Block, shared_sums
from raysearch.nplm.kernel import chunks
from raysearch.nplm.pool import Draw, Pool
from raysearch.nplm.settings import ONE_STEP
from raysearch.nplm.solve import Part, converged, one_step
from raysearch.nplm.tensors import array, outer_sum, tensor


class Statistic(Protocol):
    """A test statistic: large where data differ from their reference."""

    @property
    def pool(self) -> Pool:
        """Where the toys come from."""

    @property
    def sigmas(self) -> tuple[float | None, ...]:
        """Kernel width of each value; None where there is no kernel."""

    def log_ratio(self, draw: Draw, points: Floats, width: int) -> Floats:
        """(n,) f at (n, d) standardised points, fitted to a draw at one of the widths."""

    def values(self, draws: Sequence[Draw]) -> Floats:
        """(n, k) values of t for each draw and kernel width."""

    def parts(self, draws: Sequence[Draw]) -> Floats:
        """(n, k + 1) tau of each draw at each kernel width, and its Delta behind; see `t_of`."""


def t_of(parts: Floats) -> Floats:
    """(..., k) values of t = tau - Delta from (..., k + 1) parts, Delta the last of them.

    Without nuisances Delta is 0 and t is tau.

    Example:
        >>> t_of(np.array([[7.0, 9.0, 1.0]])).tolist()
        [[6.0, 8.0]]
    """
    return parts[..., :-1] - parts[..., -1:]


class Sample(NamedTuple):
    """A draw as one kernel width sees it.

    Attributes:
        data: (n, r) features of the data.
        others: (l, r) features of the rows by which its reference differs from the shared one.
        other_weights: (l,) their relative weights with sign.
        scale: from relative weights to weights that sum to the expectation.
        ridge: lambda times the number of events.
    """

    data: Tensor
    others: Tensor
    other_weights: Tensor
    scale: float
    ridge: float


@dataclass(frozen=True, eq=False)
class KernelTest:
    """Kernel logistic regression at several widths.

    Attributes:
        pool: of the test.
        blocks: one tuple for each kernel width; t is the mean over its blocks, which differ in
            their centres.
        penalty: lambda of the averaged loss.
        solver: "one-step" or "converged".
        device: where to compute, "cpu" or "cuda".
    """

    pool: Pool
    blocks: tuple[tuple[Block, ...], ...]
    penalty: float
    solver: str = ONE_STEP
    device: str = "cpu"

    @property
    def sigmas(self) -> tuple[float | None, ...]:
        """Kernel widths."""
        return tuple(blocks[0].basis.sigma for blocks in self.blocks)

    def values(self, draws: Sequence[Draw]) -> Floats:
        """(n, k) values of t for each draw and kernel width."""
        columns = [
            torch.stack([self._of_block(block, draws) for block in blocks]).mean(0)
            for blocks in self.blocks
        ]
        return array(torch.stack(columns, dim=1))

    def parts(self, draws: Sequence[Draw]) -> Floats:
        """(n, k + 1) t for each draw and kernel width, and zeros: there are no nuisances."""
        return np.column_stack([self.values(draws), np.zeros(len(draws))])

    def log_ratio(self, draw: Draw, points: Floats, width: int) -> Floats:
        """(n,) f at (n, d) standardised points, fitted to a draw at one of the widths."""
        inputs = tensor(points, self.device)
        found = [
            block.basis.features(inputs) @ self._fit(block, self._sample(block, draw))
            for block in self.blocks[width]
        ]
        return array(torch.stack(found).mean(0))

    def _of_block(self, block: Block, draws: Sequence[Draw]) -> Tensor:
        coefficients, own, scales = [], [], []
        for draw in draws:
            sample = self._sample(block, draw)
            beta = self._fit(block, sample)
            others = sample.other_weights @ (sample.others @ beta).expm1_()
            coefficients.append(beta)
            own.append((sample.data @ beta).sum() - sample.scale * others)
            scales.append(sample.scale)
        shared = shared_sums(block, self.pool, torch.stack(coefficients, dim=1))
        return 2 * (torch.stack(own) - shared.new_tensor(scales) * shared)

    def _sample(self, block: Block, draw: Draw) -> Sample:
        pool = self.pool
        data = block.data(pool, draw, self.device)
        others, weights = self._others(block, draw.others)
        scale = pool.expectation(draw) / (block.weight + float(weights.sum()))
        ridge = self.penalty * (pool.n_reference + draw.n_data)
        return Sample(data, others, weights, scale, ridge)

    def _others(self, block: Block, rows: Rows) -> tuple[Tensor, Tensor]:
        weights = self.pool.sign * tensor(self.pool.weights[rows], self.device)
        return block.rows(self.pool, rows, self.device), weights

    def _fit(self, block: Block, sample: Sample) -> Tensor:
        # All of these weights have one sign.
        rooted = sample.others * sample.other_weights.abs().sqrt()[:, None]
        gram = tensor(block.gram, self.device) + self.pool.sign * outer_sum(rooted)
        total = tensor(block.total, self.device) + sample.other_weights @ sample.others
        hessian = (sample.scale * gram + outer_sum(sample.data)) / 4
        gradient = (sample.scale * total - sample.data.sum(0)) / 2
        beta = one_step(hessian, gradient, sample.ridge)
        if self.solver == ONE_STEP:
            return beta
        data = Part(sample.data, torch.ones_like(sample.data[:, 0]))
        return converged(beta, lambda: self._reference(block, sample), data, sample.ridge)

    def _reference(self, block: Block, sample: Sample) -> Iterable[Part]:
        for part in chunks(self.pool.n_shared):
            weights = sample.scale * tensor(self.pool.weights[part], self.device)
            yield Part(block.part(self.pool, part, self.device), weights)
        yield Part(sample.others, sample.scale * sample.other_weights)
