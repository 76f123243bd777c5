"""The kernel statistic against a reference with systematic uncertainties: t = tau - Delta.

The nuisances are first fitted alone (Delta). Around them kernel function and nuisances are solved
for together, in one Newton step of the logistic loss with the reference reweighted. Near a common
density that loss is half the likelihood's, and so are the constraints in it. A test of shapes
shifts the log ratio by ``s - log <e^s>_R`` (see `raysearch.nplm.nuisances`).

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

from raysearch.nplm.arrays import Floats
from raysearch.nplm.blocks import PRODUCT_ROWS, Block
from raysearch.nplm.kernel import chunks
from raysearch.nplm.likelihood import Samples
from raysearch.nplm.models import Model, model_of
from raysearch.nplm.neural import filled, fit_nuisances
from raysearch.nplm.nuisances import Nuisance, term_table
from raysearch.nplm.pool import Draw, Pool, reference_rows
from raysearch.nplm.reweighted import coefficients, moments, slopes, terms_of, weights
from raysearch.nplm.solve import one_step
from raysearch.nplm.statistic import t_of
from raysearch.nplm.tensors import array, outer_sum, tensor


class Fit(NamedTuple):
    """What is fitted to one draw at one kernel width.

    Attributes:
        beta: (r,) coefficients of the kernel function.
        nuisances: (q,) in units of their uncertainties.
        constant: taken off the shift in a test of shapes, with its sign.
        own: the part of tau that the shared reference has no part in.
        scale: from relative weights of the reference to weights that sum to the expectation.
    """

    beta: Tensor
    nuisances: Tensor
    constant: Tensor
    own: Tensor
    scale: float


@dataclass(frozen=True, eq=False)
class ImperfectKernelTest:
    """Kernel logistic regression beside nuisances; see `make_imperfect`.

    Attributes:
        pool: of the test.
        blocks: one for each kernel width.
        penalty: lambda of the averaged loss.
        nuisances: systematic uncertainties of the reference.
        terms: (n, k) their Taylor terms at all rows of the pool.
        moments: of each block, see `raysearch.nplm.reweighted`.
        device: where to compute, "cpu" or "cuda".
    """

    pool: Pool
    blocks: tuple[Block, ...]
    penalty: float
    nuisances: tuple[Nuisance, ...]
    terms: Floats
    moments: tuple[Floats, ...]
    device: str = "cpu"

    @property
    def sigmas(self) -> tuple[float | None, ...]:
        """Kernel widths."""
        return tuple(block.basis.sigma for block in self.blocks)

    @property
    def model(self) -> Model:
        """Of the nuisances alone."""
        return model_of(None, self.nuisances, self.pool.expected)

    def values(self, draws: Sequence[Draw]) -> Floats:
        """(n, k) values of t for each draw and kernel width."""
        return t_of(self.parts(draws))

    def parts(self, draws: Sequence[Draw]) -> Floats:
        """(n, k + 1) tau of each draw at each kernel width, and its Delta."""
        fitted, losses = self._alone(draws)
        columns = [self._tau(width, draws, fitted) for width in range(len(self.blocks))]
        return array(torch.stack([*columns, -2 * losses], dim=1))

    def log_ratio(self, draw: Draw, points: Floats, width: int) -> Floats:
        """(n,) kernel function at (n, d) standardised points, fitted to a draw."""
        found = self._fit(width, draw, self._alone([draw])[0][0])
        features = self.blocks[width].basis.features(tensor(points, self.device))
        return array(features @ found.beta)

    def _alone(self, draws: Sequence[Draw]) -> tuple[Tensor, Tensor]:
        """(t, q) nuisances that fit best alone, and the (t,) losses; one draw at a time."""
        fits = [fit_nuisances(self.model, self._samples(draw)) for draw in draws]
        return torch.cat([nu for nu, _ in fits]), torch.cat([loss for _, loss in fits])

    def _samples(self, draw: Draw) -> Samples:
        """The terms alone, which is all that nuisances need."""
        rows = reference_rows(self.pool, draw)
        weights = self.pool.weights[rows]
        further = term_table(self.nuisances, draw.points * self.pool.width + self.pool.mean)
        data = np.concatenate([self.terms[draw.rows], further])
        of_rows = (weights * (self.pool.expectation(draw) / weights.sum()))[:, None]
        return Samples(
            filled([self.terms[rows]], self.device),
            filled([of_rows], self.device),
            filled([data], self.device),
            filled([np.ones((len(data), 1))], self.device),
            tensor(draw.auxiliary[None], self.device),
        )

    def _tau(self, width: int, draws: Sequence[Draw], fitted: Tensor) -> Tensor:
        fits = [self._fit(width, draw, nu) for draw, nu in zip(draws, fitted, strict=True)]
        betas = torch.stack([fit.beta for fit in fits], dim=1)
        shifts = torch.stack([terms_of(self.model, fit.nuisances) for fit in fits], dim=1)
        constants = torch.stack([fit.constant for fit in fits])
        block, shared = self.blocks[width], betas.new_zeros(len(draws))
        for part in chunks(self.pool.n_shared, PRODUCT_ROWS):
            f = block.part(self.pool, part, self.device) @ betas
            f += tensor(self.terms[part], self.device) @ shifts + constants
            shared += tensor(self.pool.weights[part], self.device) @ f.expm1_()
        scales = shared.new_tensor([fit.scale for fit in fits])
        return 2 * (torch.stack([fit.own for fit in fits]) - scales * shared)

    def _fit(self, width: int, draw: Draw, alone: Tensor) -> Fit:
        block, pool, model = self.blocks[width], self.pool, self.model
        others, data = self._rows(block, draw), self._data(block, draw)
        relative = pool.sign * tensor(pool.weights[draw.others], self.device)
        scale = pool.expectation(draw) / (block.weight + float(relative.sum()))
        reference = scale * self._reweighted(width, others, relative, terms_of(model, alone))
        # From one, features and terms to features and slopes by each nuisance.
        rank, to = block.basis.rank, slopes(model, alone, block.basis.rank)
        if model.is_shape:
            reference *= pool.expectation(draw) / reference[0, 0]
            to[0, rank:] = -(reference[0] @ to)[rank:] / reference[0, 0]
        hessian = to.T @ (reference + outer_sum(data)) @ to / 4
        gradient = (reference[0] - data.sum(0)) @ to / 2
        auxiliary = tensor(draw.auxiliary, self.device)
        gradient[rank:] += (alone - auxiliary) / 2
        hessian.diagonal()[:rank] += self.penalty * (pool.n_reference + draw.n_data)
        hessian.diagonal()[rank:] += 0.5
        step = one_step(hessian, gradient, 0.0)
        beta, nuisances = step[:rank], alone + step[rank:]
        shift = terms_of(model, nuisances)
        constant = self._constant(draw, shift)
        f = torch.cat([constant[None], beta, shift])
        own = (data @ f).sum() - scale * (relative @ (others @ f).expm1_())
        own -= (nuisances * (nuisances / 2 - auxiliary)).sum()
        return Fit(beta, nuisances, constant, own, scale)

    def _reweighted(self, width: int, others: Tensor, relative: Tensor, shift: Tensor) -> Tensor:
        """(m, m) sums over a draw's reference, see `moments`, in relative weights times e^s."""
        terms = others[:, 1 + self.blocks[width].basis.rank :]
        of_others = relative * weights(terms @ shift)
        stored = tensor(self.moments[width], self.device)
        shared: Tensor = torch.tensordot(coefficients(shift), stored, dims=1)
        return shared.addmm_((others * of_others[:, None]).T, others)

    def _constant(self, draw: Draw, shift: Tensor) -> Tensor:
        """What makes the mean of e^s over the reference of a draw 1, in a test of shapes."""
        if not self.model.is_shape:
            return shift.new_zeros(())
        rows = reference_rows(self.pool, draw)
        weights = tensor(self.pool.weights[rows], self.device)
        mass = weights @ (tensor(self.terms[rows], self.device) @ shift).exp_()
        return -(mass / weights.sum()).log()

    def _rows(self, block: Block, draw: Draw) -> Tensor:
        """(l, 1 + r + k) one, features and terms of the rows its reference differs by."""
        features = block.rows(self.pool, draw.others, self.device)
        terms = tensor(self.terms[draw.others], self.device)
        return torch.cat([torch.ones_like(features[:, :1]), features, terms], dim=1)

    def _data(self, block: Block, draw: Draw) -> Tensor:
        features = block.data(self.pool, draw, self.device)
        further = term_table(self.nuisances, draw.points * self.pool.width + self.pool.mean)
        terms = tensor(np.concatenate([self.terms[draw.rows], further]), self.device)
        return torch.cat([torch.ones_like(features[:, :1]), features, terms], dim=1)


def make_imperfect(
    pool: Pool,
    blocks: tuple[Block, ...],
    penalty: float,
    nuisances: tuple[Nuisance, ...],
    device: str = "cpu",
) -> ImperfectKernelTest:
    """The test with what all toys share: terms at the rows of the pool, moments of the reference.

    Arguments as the attributes of `ImperfectKernelTest`.
    """
    terms = term_table(nuisances, pool.points * pool.width + pool.mean)
    found = tuple(moments(pool, block, terms, device) for block in blocks)
    return ImperfectKernelTest(pool, blocks, penalty, nuisances, terms, found, device)
