"""The kernel fit of one toy: a ridge solve, or Newton's method to the end.

The loss is ``sum_R w log(1 + e^f) + sum_D log(1 + e^-f)`` plus ``n lambda/2 |f|^2`` for n events:
the published programs write ``lambda |f|^2`` and solve ``(H / n + lambda) beta = -g / n``, which is
what is solved here. Their settings stop after one Newton step from f = 0.

References:
    Learning new physics efficiently with nonparametric methods (Letizia et al., 2022),
    arXiv:2204.02317
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

_MOST_STEPS = 100
# Of the Newton decrement, which is what t could still gain.
_TOLERANCE = 1e-10


class Part(NamedTuple):
    """Rows of a sample with their weights.

    Attributes:
        features: (n, r) features.
        weights: (n,) weights; negative ones take events away.
    """

    features: Tensor
    weights: Tensor


Parts = Callable[[], Iterable[Part]]


def one_step(hessian: Tensor, gradient: Tensor, ridge: float) -> Tensor:
    """(r,) the first Newton step from f = 0.

    Args:
        hessian: (r, r) ``sum_R w/4 zz' + sum_D 1/4 zz'``.
        gradient: (r,) ``(sum_R w z - sum_D z) / 2``.
        ridge: lambda times the number of events.
    """
    return torch.cholesky_solve(-gradient[:, None], _root(hessian, ridge))[:, 0]


def converged(start: Tensor, reference: Parts, data: Part, ridge: float) -> Tensor:
    """(r,) the minimum of the loss, by Newton's method with step halving.

    Args:
        start: (r,) where to begin.
        reference: gives the parts of the reference, anew each time.
        data: the data with weights 1.
        ridge: lambda times the number of events.
    """
    beta, loss = start, _loss(start, reference, data, ridge)
    for _ in range(_MOST_STEPS):
        gradient, hessian = _derivatives(beta, reference, data, ridge)
        step = one_step(hessian, gradient, ridge)
        decrement = -float(gradient @ step)
        if decrement < _TOLERANCE:
            break
        size = 1.0
        while (
            new := _loss(beta + size * step, reference, data, ridge)
        ) > loss and size > _TOLERANCE:
            size /= 2
        beta, loss = beta + size * step, new
    return beta


def _loss(beta: Tensor, reference: Parts, data: Part, ridge: float) -> float:
    softplus = torch.nn.functional.softplus
    total = (data.weights * softplus(-(data.features @ beta))).sum() + ridge / 2 * (beta @ beta)
    for part in reference():
        total = total + (part.weights * softplus(part.features @ beta)).sum()
    return float(total)


def _derivatives(beta: Tensor, reference: Parts, data: Part, ridge: float) -> tuple[Tensor, Tensor]:
    gradient, hessian = ridge * beta, beta.new_zeros(len(beta), len(beta))
    for part, is_data in ((data, 1.0), *((part, 0.0) for part in reference())):
        share = torch.sigmoid(part.features @ beta)
        gradient = gradient + part.features.T @ (part.weights * (share - is_data))
        curvature = part.weights * share * (1 - share)
        hessian.addmm_((part.features * curvature[:, None]).T, part.features)
    return gradient, hessian


def _root(hessian: Tensor, ridge: float) -> Tensor:
    ridged = hessian + ridge * torch.eye(len(hessian), dtype=hessian.dtype, device=hessian.device)
    root: Tensor = torch.linalg.cholesky(ridged)
    return root
