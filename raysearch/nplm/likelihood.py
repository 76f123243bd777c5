"""The likelihood loss of the networks of many toys, and its derivatives, in one pass.

The loss of one toy is ``sum_R w (e^f - 1) - sum_D f``. Where the model has nuisances, f includes
their shift of the reference and the loss their constraints, in units of their uncertainties. In
a test of shapes the shift s is ``s - log <e^s>_R`` (see `raysearch.nplm.nuisances`).

References:
    Learning new physics from a machine (d'Agnolo & Wulzer, 2019), arXiv:1806.02350
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from raysearch.nplm.kernel import chunks
from raysearch.nplm.models import Model

# Events of one network handled at once. It is fixed, and samples are filled up to whole multiples
# with events of weight 0, so that a toy's sums are the same whatever toys are beside it.
CHUNK = 1024
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


class Point(NamedTuple):
    """The loss of t toys at some parameters, and how it changes.

    Attributes:
        loss: (t,), 0 for the central reference.
        gradient: (t, p).
        curvature: (t, p, p), that of a log ratio that is linear in the parameters.
    """

    loss: Tensor
    gradient: Tensor
    curvature: Tensor

    def take(self, toys: Tensor) -> Point:
        """Of some of the toys."""
        return Point(self.loss[toys], self.gradient[toys], self.curvature[toys])

    def put(self, toys: Tensor, other: Point, where: Tensor) -> None:
        """Replace those of the toys for which `where` holds, (n,), by the n of another point."""
        for mine, theirs in zip(self, other, strict=True):
            mine[toys[where]] = theirs[where]


class Centre(NamedTuple):
    """What a test of shapes takes off the shift of the log ratio.

    Attributes:
        log: (t, 1) logarithm of the reference's mean e^s.
        slopes: (t, q) its derivatives by the nuisances.
    """

    log: Tensor
    slopes: Tensor


def centre(model: Model, parameters: Tensor, samples: Samples) -> Centre:
    """The centre of the shift at (t, p) parameters; zeros if the number of data is predicted."""
    nuisances, alone = parameters[:, model.n_weights :], replace(model, shape=None)
    mass, total = nuisances.new_zeros(2, len(nuisances), 1)
    slopes = torch.zeros_like(nuisances)
    if not model.is_shape:
        return Centre(mass, slopes)
    for inputs, weights in _parts(samples.reference, samples.weights, len(nuisances)):
        shift, by_nuisance = alone.linearised(nuisances, inputs)
        density = weights * shift.clamp_(max=_LARGEST_F).exp_()
        mass += density.sum(2)
        total += weights.sum(2)
        slopes += torch.bmm(by_nuisance, density.transpose(1, 2))[..., 0]
    return Centre((mass / total).log(), slopes / mass)


def point(model: Model, parameters: Tensor, samples: Samples) -> Point:
    """Loss and derivatives at (t, p) parameters."""
    n_weights, size = model.n_weights, parameters.shape[1]
    nuisances, off = parameters[:, n_weights:], centre(model, parameters, samples)
    n_data = samples.counts.sum(2)
    loss = (nuisances * (nuisances / 2 - samples.auxiliary)).sum(1) + (n_data * off.log)[:, 0]
    gradient = parameters.new_zeros(*parameters.shape, 1)
    curvature = parameters.new_zeros(*parameters.shape, size)
    for inputs, weights in _parts(samples.reference, samples.weights, len(parameters)):
        f, by_parameter = model.linearised(parameters, inputs)
        if model.is_shape:
            f -= off.log[..., None]
            by_parameter[:, n_weights:] -= off.slopes[..., None]
        excess = f.clamp_(max=_LARGEST_F).expm1_()
        loss += (weights * excess).sum((1, 2))
        # Half of the density on either side: no second array of the size of the derivatives.
        root = excess.add_(1).mul_(weights).sqrt_()
        by_parameter *= root
        curvature.baddbmm_(by_parameter, by_parameter.transpose(1, 2))
        gradient.baddbmm_(by_parameter, root.transpose(1, 2))
    for toys, inputs, counts in _data_parts(samples):
        f, by_parameter = model.gradient(parameters[toys], inputs, counts)
        loss[toys] -= (f * counts).sum((1, 2))
        gradient[toys, :, 0] -= by_parameter
    gradient[:, n_weights:, 0] += nuisances - samples.auxiliary + n_data * off.slopes
    curvature.diagonal(dim1=1, dim2=2)[:, n_weights:] += 1
    return Point(loss, gradient[..., 0], curvature)


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
