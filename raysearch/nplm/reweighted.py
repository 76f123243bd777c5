"""A reference reweighted by nuisances, without a look at its events for each toy.

With the shift s of the log ratio, linear in the Taylor terms g, the weights are
``e^s = 1 + s + s^2 / 2 + ...``. To second order their sums of outer products are polynomials in
the nuisances, whose coefficients are the same for all toys; the third order is left out of the
Newton step's Hessian and gradient only, never of t itself.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from raysearch.nplm.arrays import Floats
from raysearch.nplm.blocks import Block
from raysearch.nplm.kernel import chunks
from raysearch.nplm.models import Model
from raysearch.nplm.pool import Pool
from raysearch.nplm.tensors import array, tensor


def weights(shift: Tensor) -> Tensor:
    """``e^s`` to second order."""
    return 1 + shift + shift.square() / 2


def coefficients(shift: Tensor) -> Tensor:
    """(o,) factors of the moments for (k,) factors of the terms: 1, each, and each pair."""
    pairs = torch.triu(shift[:, None] * shift[None, :])
    pairs = pairs - torch.diag(shift.square() / 2)
    return torch.cat([shift.new_ones(1), shift, pairs[_pairs(len(shift))]])


def moments(pool: Pool, block: Block, terms: Floats, device: str) -> Floats:
    """(o, m, m) sums over the shared reference of outer products, in the order of `coefficients`.

    The m = 1 + r + k columns are a one, the features and the terms.

    Args:
        pool: of the test.
        block: of the kernel width.
        terms: (n, k) Taylor terms at all rows of the pool.
        device: where to compute.
    """
    k = terms.shape[1]
    first, second = _pairs(k)
    size = 1 + block.basis.rank + k
    out = torch.zeros(1 + k + len(first), size, size, dtype=torch.float64, device=device)
    for part in chunks(pool.n_shared):
        features, g = block.part(pool, part, device), tensor(terms[part], device)
        one = torch.ones_like(g[:, :0].sum(1, keepdim=True))
        rows = torch.cat([one, features, g], dim=1)
        factors = torch.cat([one, g, g[:, first] * g[:, second]], dim=1)
        factors = factors * tensor(pool.weights[part], device)[:, None]
        for order, factor in enumerate(factors.T):
            out[order].addmm_((rows * factor[:, None]).T, rows)
    return array(out)


def terms_of(model: Model, nuisances: Tensor) -> Tensor:
    """(k,) factors of the Taylor terms at (q,) nuisances: their powers."""
    return torch.stack(
        [nuisances[nuisance] ** power for nuisance, power in model.powers]
        or [nuisances.new_zeros(0)]
    ).reshape(-1)


def slopes(model: Model, nuisances: Tensor, rank: int) -> Tensor:
    """(1 + r + k, r + q) from one, features and terms to features and slopes by each nuisance."""
    to = nuisances.new_zeros(1 + rank + len(model.powers), rank + model.n_nuisances)
    to[1 : 1 + rank, :rank] = torch.eye(rank, dtype=to.dtype, device=to.device)
    for row, (nuisance, power) in enumerate(model.powers, 1 + rank):
        to[row, rank + nuisance] = power * nuisances[nuisance] ** (power - 1)
    return to


def _pairs(k: int) -> tuple[list[int], list[int]]:
    first, second = np.triu_indices(k)
    return first.tolist(), second.tolist()
