"""The kernel statistic against a reference with systematic uncertainties: t = tau - Delta.

The nuisances are first fitted alone (Delta). Around them kernel function and nuisances are solved
for together, in one Newton step of the logistic loss with the reference reweighted. Near a common
density that loss is half the likelihood's, and so are the constraints in it.

References:
    Learning new physics from an imperfect machine (d'Agnolo et al., 2022), arXiv:2111.13633
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from raysearch.nplm.blocks import Block
from raysearch.nplm.neural import fit_nuisances, make_samples
from raysearch.nplm.nuisances import Model, Nuisance, powers, term_table
from raysearch.nplm.pool import Draw, Pool, reference_rows
from raysearch.nplm.solve import one_step
from raysearch.nplm.statistic import t_of
from raysearch.nplm.tensors import Floats, array, tensor


class Sides(NamedTuple):
    """Reference and data of one draw.

    Attributes:
        reference: (n, r) features.
        weights: (n,) weights that sum to the expectation.
        terms: (1, k, n) Taylor terms.
        data: (m, r) features.
        data_terms: (1, k, m) Taylor terms.
    """

    reference: Tensor
    weights: Tensor
    terms: Tensor
    data: Tensor
    data_terms: Tensor


@dataclass(frozen=True, eq=False)
class ImperfectKernelTest:
    """Kernel logistic regression beside nuisances.

    Attributes:
        pool: of the test.
        blocks: one for each kernel width.
        penalty: lambda of the averaged loss.
        nuisances: systematic uncertainties of the reference.
        device: where to compute, "cpu" or "cuda".
    """

    pool: Pool
    blocks: tuple[Block, ...]
    penalty: float
    nuisances: tuple[Nuisance, ...]
    device: str = "cpu"

    @property
    def sigmas(self) -> tuple[float | None, ...]:
        """Kernel widths."""
        return tuple(block.basis.sigma for block in self.blocks)

    @property
    def model(self) -> Model:
        """Of the nuisances alone."""
        return Model(None, powers(self.nuisances), len(self.nuisances))

    def values(self, draws: Sequence[Draw]) -> Floats:
        """(n, k) values of t for each draw and kernel width."""
        return t_of(self.parts(draws))

    def parts(self, draws: Sequence[Draw]) -> Floats:
        """(n, k + 1) tau of each draw at each kernel width, and its Delta."""
        return np.stack([array(torch.stack(self._of_draw(draw))) for draw in draws])

    def log_ratio(self, draw: Draw, points: Floats, width: int) -> Floats:
        """(n,) kernel function at (n, d) standardised points, fitted to a draw."""
        block = self.blocks[width]
        beta = self._solve(block, draw, self._nuisances(draw)[0])[0]
        return array(block.basis.features(tensor(points, self.device)) @ beta)

    def _of_draw(self, draw: Draw) -> list[Tensor]:
        fitted, loss = self._nuisances(draw)
        delta = -2 * loss[0]
        return [*(self._tau(block, draw, fitted) for block in self.blocks), delta]

    def _nuisances(self, draw: Draw) -> tuple[Tensor, Tensor]:
        samples = make_samples(self.pool, [draw], self.nuisances, self.device)
        return fit_nuisances(self.nuisances, samples)

    def _tau(self, block: Block, draw: Draw, fitted: Tensor) -> Tensor:
        beta, nuisances, sides = self._solve(block, draw, fitted)
        auxiliary = tensor(draw.auxiliary, self.device)
        f = sides.reference @ beta + self.model.output(nuisances, sides.terms)[0, 0]
        of_data = (sides.data @ beta).sum() + self.model.output(nuisances, sides.data_terms).sum()
        constraint = (nuisances * (nuisances / 2 - auxiliary)).sum()
        return 2 * (of_data - sides.weights @ f.expm1() - constraint)

    def _solve(self, block: Block, draw: Draw, fitted: Tensor) -> tuple[Tensor, Tensor, Sides]:
        """(r,) coefficients, (1, q) nuisances, and the sides they fit."""
        sides, rank = self._sides(block, draw), block.basis.rank
        shift, slopes = self.model.linearised(fitted, sides.terms)
        weights = sides.weights * shift[0, 0].exp()
        reference = torch.cat([sides.reference, slopes[0].T], dim=1)
        data_slopes = self.model.linearised(fitted, sides.data_terms)[1]
        data = torch.cat([sides.data, data_slopes[0].T], dim=1)
        hessian = ((reference * weights[:, None]).T @ reference + data.T @ data) / 4
        gradient = (weights @ reference - data.sum(0)) / 2
        gradient[rank:] += (fitted[0] - tensor(draw.auxiliary, self.device)) / 2
        ridge = self.penalty * (len(reference) + len(data))
        hessian.diagonal()[:rank] += ridge
        hessian.diagonal()[rank:] += 0.5
        step = one_step(hessian, gradient, 0.0)
        return step[:rank], fitted + step[rank:], sides

    def _sides(self, block: Block, draw: Draw) -> Sides:
        pool, rows = self.pool, reference_rows(self.pool, draw)
        weights = pool.weights[rows] * (pool.expectation(draw) / pool.weights[rows].sum())
        points = np.concatenate([pool.points[draw.rows], draw.points])
        return Sides(
            block.rows(pool, rows, self.device),
            tensor(weights, self.device),
            self._terms(pool.points[rows]),
            block.basis.features(tensor(points, self.device)),
            self._terms(points),
        )

    def _terms(self, points: Floats) -> Tensor:
        raw = points * self.pool.width + self.pool.mean
        return tensor(term_table(self.nuisances, raw).T.copy()[None], self.device)
