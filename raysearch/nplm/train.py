"""Full-batch training of the networks of many toys at once.

Weights are clipped after each step, which is what makes t follow a chi2. The published training
takes some hundred thousand steps of Adam; a step of Levenberg and Marquardt uses the curvature of
the likelihood, so that some hundred are enough.

References:
    Learning multivariate new physics (d'Agnolo et al., 2021), arXiv:1912.12155
    An algorithm for least-squares estimation of nonlinear parameters (Marquardt, 1963)
"""

from __future__ import annotations

import torch
from torch import Tensor

from raysearch.nplm.likelihood import Point, Samples, point
from raysearch.nplm.models import Model

_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-2, 1e-9, 1e9
_LESS, _MORE = 0.3, 3.0
# Of each diagonal element: flat directions must not make the matrix singular.
_FLOOR = 1e-9
# A network that gains less than this for so many steps is done, if nothing else is said.
_GAIN = 1e-6
_PATIENCE = 40
# The batch shrinks once so small a share of it is not done.
_COMPACT = 0.75


def train(
    model: Model,
    parameters: Tensor,
    samples: Samples,
    clip: float,
    steps: int,
    fewest: int = 2,
    patience: int = _PATIENCE,
) -> tuple[Tensor, Tensor]:
    """Train the networks; those that are done leave the batch.

    Args:
        model: whose parameters are sought.
        parameters: (t, p) where they begin.
        samples: of their toys.
        clip: bound on the size of each weight and bias.
        steps: at most.
        fewest: networks trained at once; a network that is left alone is trained so many times,
            since one alone would be multiplied by another routine, and rounded in another way.
        patience: steps without gain after which a network is done.

    Returns:
        (t, p) parameters and the (t,) losses they reach.
    """
    bounds = parameters.new_tensor(model.bounds(clip))
    found = parameters.clamp(-bounds, bounds)
    toys = torch.arange(len(found), device=found.device)
    batch, left = _batch(toys, samples, fewest)
    at = point(model, found[batch], left).take(toys)
    damping = torch.full_like(at.loss, _FIRST_DAMPING)
    idle = torch.zeros_like(at.loss)
    for _ in range(steps):
        active = idle[batch] < patience
        n_active = int(active.sum())
        if not n_active:
            break
        # Copying samples costs about what a step does.
        if n_active <= _COMPACT * len(batch):
            batch, left = _batch(batch[active], samples, fewest)
            active = torch.ones_like(batch, dtype=torch.bool)
        step = _step(found[batch], at.take(batch), bounds, damping[batch])
        new = (found[batch] + step).clamp_(-bounds, bounds)
        # Its derivatives are needed if it is better, which most are: one pass gives all.
        there = point(model, new, left)
        gain = at.loss[batch] - there.loss
        better = (gain > 0) & active
        idle[batch] = torch.where((gain > _GAIN) & active, 0.0, idle[batch] + 1)
        found[batch] = torch.where(better[:, None], new, found[batch])
        at.put(batch, there, better)
        change = torch.where(better, _LESS, _MORE)
        damping[batch] = (damping[batch] * change).clamp_(_LEAST_DAMPING, _MOST_DAMPING)
    return found, at.loss


def _batch(toys: Tensor, samples: Samples, fewest: int) -> tuple[Tensor, Samples]:
    batch = toys.repeat(fewest) if len(toys) == 1 else toys
    return batch, samples if len(batch) == len(samples.data) else samples.take(batch)


def _step(parameters: Tensor, at: Point, bounds: Tensor, damping: Tensor) -> Tensor:
    """(t, p) damped Newton steps among the parameters that may move."""
    # At its bound and pushed outwards, a parameter stays.
    free = (parameters.abs() < bounds) | (at.gradient * parameters > 0)
    free = free.to(parameters.dtype)
    gradient = at.gradient * free
    curvature = at.curvature * free[:, :, None] * free[:, None, :]
    diagonal = curvature.diagonal(dim1=1, dim2=2)
    floor = _FLOOR * diagonal.amax(1, keepdim=True)
    ridge = damping[:, None] * (diagonal + floor) + floor + (1 - free)
    root = torch.linalg.cholesky(curvature + torch.diag_embed(ridge))
    return torch.cholesky_solve(-gradient[..., None], root)[..., 0]
