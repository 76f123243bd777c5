"""Full-batch training of the networks of many toys at once.

The loss of one toy is ``sum_R w (e^f - 1) - sum_D f``; weights are clipped after each step, which
is what makes t follow a chi2. Where the model has nuisances, f includes their shift of the
reference and the loss their constraints, in units of their uncertainties. The published training
takes some hundred thousand steps of Adam; a step of Levenberg and Marquardt uses the curvature of
the likelihood, so that some hundred are enough.

References:
    Learning multivariate new physics (d'Agnolo et al., 2021), arXiv:1912.12155
    An algorithm for least-squares estimation of nonlinear parameters (Marquardt, 1963)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from raysearch.nplm.kernel import chunks
from raysearch.nplm.nuisances import Model

# Events of one network handled at once. It is fixed, and samples are filled up to whole multiples
# with events of weight 0, so that a toy's sums are the same whatever toys are beside it.
CHUNK = 1024
_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-2, 1e-9, 1e9
_LESS, _MORE = 0.3, 3.0
# Of each diagonal element: flat directions must not make the matrix singular.
_FLOOR = 1e-9
# A network that gains less than this for so many steps is done, if nothing else is said.
_GAIN = 1e-6
_PATIENCE = 40
# The batch shrinks once so small a share of it is not done.
_COMPACT = 0.75
# Beyond, e^f of a step to be refused anyway would overflow.
_LARGEST_F = 50.0


class Samples(NamedTuple):
    """Reference and data of t toys, each as (t, d, n) inputs and (t, 1, n) weights.

    Attributes:
        reference: inputs of the reference; one for all toys where they share it.
        weights: its weights, 0 for fillers; one row for all toys where they share them.
        data: inputs of the data.
        counts: 1 for data, 0 for fillers.
        auxiliary: (t, q) measured values of the nuisances, in units of their uncertainties.
    """

    reference: Tensor
    weights: Tensor
    data: Tensor
    counts: Tensor
    auxiliary: Tensor

    def take(self, toys: Tensor) -> Samples:
        """The samples of some of the toys; what all share stays as it is."""
        reference = self.reference if len(self.reference) == 1 else self.reference[toys]
        weights = self.weights if len(self.weights) == 1 else self.weights[toys]
        of_toys = (part[toys] for part in (self.data, self.counts, self.auxiliary))
        return Samples(reference, weights, *of_toys)


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
    least = loss(model, found, samples)
    damping = torch.full_like(least, _FIRST_DAMPING)
    idle = torch.zeros_like(least)
    batch, left = _batch(torch.arange(len(least), device=least.device), samples, fewest)
    for _ in range(steps):
        active = idle[batch] < patience
        n_active = int(active.sum())
        if not n_active:
            break
        # Copying samples costs about what a step does.
        if n_active <= _COMPACT * len(batch):
            batch, left = _batch(batch[active], samples, fewest)
            active = torch.ones_like(batch, dtype=torch.bool)
        step = _step(model, found[batch], left, bounds, damping[batch])
        new = (found[batch] + step).clamp_(-bounds, bounds)
        value = loss(model, new, left)
        better = (value < least[batch]) & active
        gained = least[batch] - value > _GAIN
        idle[batch] = torch.where(gained & active, 0.0, idle[batch] + 1)
        found[batch] = torch.where(better[:, None], new, found[batch])
        least[batch] = torch.where(better, value, least[batch])
        change = torch.where(better, _LESS, _MORE)
        damping[batch] = (damping[batch] * change).clamp_(_LEAST_DAMPING, _MOST_DAMPING)
    return found, least


def _batch(toys: Tensor, samples: Samples, fewest: int) -> tuple[Tensor, Samples]:
    batch = toys.repeat(fewest) if len(toys) == 1 else toys
    return batch, samples if len(batch) == len(samples.data) else samples.take(batch)


def loss(model: Model, parameters: Tensor, samples: Samples) -> Tensor:
    """(t,) losses; 0 for the central reference."""
    nuisances = parameters[:, model.n_weights :]
    total = (nuisances * (nuisances / 2 - samples.auxiliary)).sum(1)
    for inputs, weights in _parts(samples.reference, samples.weights, len(parameters)):
        f = model.output(parameters, inputs).clamp_(max=_LARGEST_F)
        total += (weights * f.expm1_()).sum((1, 2))
    for toys, inputs, counts in _data_parts(samples):
        total[toys] -= (model.output(parameters[toys], inputs) * counts).sum((1, 2))
    return total


def derivatives(model: Model, parameters: Tensor, samples: Samples) -> tuple[Tensor, Tensor]:
    """(t, p) gradients, and (t, p, p) curvatures where f is linear in the parameters."""
    gradient = parameters.new_zeros(*parameters.shape, 1)
    curvature = parameters.new_zeros(*parameters.shape, parameters.shape[1])
    for inputs, weights in _parts(samples.reference, samples.weights, len(parameters)):
        f, by_parameter = model.linearised(parameters, inputs)
        density = f.clamp_(max=_LARGEST_F).exp_().mul_(weights)
        weighted = by_parameter * density
        curvature.baddbmm_(weighted, by_parameter.transpose(1, 2))
        gradient += weighted.sum(2, keepdim=True)
    for toys, inputs, counts in _data_parts(samples):
        gradient[toys, :, 0] -= model.gradient(parameters[toys], inputs, counts)
    gradient[:, model.n_weights :, 0] += parameters[:, model.n_weights :] - samples.auxiliary
    curvature.diagonal(dim1=1, dim2=2)[:, model.n_weights :] += 1
    return gradient[..., 0], curvature


def _step(
    model: Model, parameters: Tensor, samples: Samples, bounds: Tensor, damping: Tensor
) -> Tensor:
    """(t, p) damped Newton steps among the parameters that may move."""
    gradient, curvature = derivatives(model, parameters, samples)
    # At its bound and pushed outwards, a parameter stays.
    free = ((parameters.abs() < bounds) | (gradient * parameters > 0)).to(gradient.dtype)
    gradient, curvature = gradient * free, curvature * free[:, :, None] * free[:, None, :]
    diagonal = curvature.diagonal(dim1=1, dim2=2)
    floor = _FLOOR * diagonal.amax(1, keepdim=True)
    ridge = damping[:, None] * (diagonal + floor) + floor + (1 - free)
    root = torch.linalg.cholesky(curvature + torch.diag_embed(ridge))
    return torch.cholesky_solve(-gradient[..., None], root)[..., 0]


def _parts(inputs: Tensor, weights: Tensor, toys: int) -> Iterator[tuple[Tensor, Tensor]]:
    for part in chunks(inputs.shape[2], CHUNK):
        yield (
            inputs[:, :, part].expand(toys, -1, -1),
            weights[:, :, part].expand(toys, -1, -1),
        )


def _data_parts(samples: Samples) -> Iterator[tuple[Tensor | slice, Tensor, Tensor]]:
    """Chunks of the data, each with the toys that have events there: few reach into the last."""
    for part in chunks(samples.data.shape[2], CHUNK):
        used = samples.counts[:, 0, part.start] > 0
        n_used = int(used.sum())
        toys: Tensor | slice = slice(None)
        if 0 < n_used < len(used):
            toys = used.nonzero()[:, 0]
            if n_used == 1:
                # As in `train` none is alone; another has no events here and gains nothing.
                toys = torch.cat([toys, (toys + 1) % len(used)])
        if n_used:
            yield toys, samples.data[toys, :, part], samples.counts[toys, :, part]
