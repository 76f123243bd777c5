"""Small sigmoid networks, one for each toy, as one batch of matrix products.

Columns are events: weights (t, out, in) times inputs (t, in, n). All weights and biases of a
network lie in one row, so that training sees t vectors. The derivatives are written out, since
building a graph for each of many steps would cost more than the products.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from raysearch.nplm.arrays import Floats
from raysearch.nplm.tensors import tensor


@dataclass(frozen=True)
class Shape:
    """The layers of a network.

    Attributes:
        sizes: of the layers, inputs first and the one output last, e.g. (1, 4, 1).

    Example:
        >>> Shape((1, 4, 1)).n_parameters
        13
    """

    sizes: tuple[int, ...]

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases."""
        return sum((inputs + 1) * outputs for inputs, outputs in pairwise(self.sizes))

    def initial(self, seeds: Sequence[int], device: str = "cpu") -> Tensor:
        """(t, p) parameters as the seeds decide: Glorot's uniform weights, biases 0.

        References:
            Understanding the difficulty of training deep feedforward neural networks
            (Glorot & Bengio, 2010)
        """
        return tensor(np.stack([self._glorot(np.random.default_rng(s)) for s in seeds]), device)

    def values(self, parameters: Tensor, inputs: Tensor) -> list[Tensor]:
        """Inputs, hidden activations and (t, 1, n) outputs f of (t, d, n) inputs."""
        values = [inputs]
        for k, (weight, bias) in enumerate(self._layers(parameters), 2):
            output = torch.baddbmm(bias, weight, values[-1])
            values.append(output if k == len(self.sizes) else output.sigmoid_())
        return values

    def jacobian(self, parameters: Tensor, values: list[Tensor], out: Tensor) -> None:
        """Write into (t, p, n) the derivatives of f by each parameter, from `values`."""
        slope, end = torch.ones_like(values[-1]), self.n_parameters
        for k, (weight, _) in reversed(list(enumerate(self._layers(parameters)))):
            inputs, outputs = self.sizes[k : k + 2]
            middle, start = end - outputs, end - (inputs + 1) * outputs
            out[:, middle:end] = slope
            by_weight = out[:, start:middle].view(len(out), outputs, inputs, -1)
            torch.mul(slope[:, :, None, :], values[k][:, None, :, :], out=by_weight)
            end = start
            if k:
                slope = _through_sigmoid(torch.bmm(weight.transpose(1, 2), slope), values[k])

    def gradient(self, parameters: Tensor, values: list[Tensor], outer: Tensor) -> Tensor:
        """(t, p) sums over events of the derivatives of f times (t, 1, n) outer ones.

        What `jacobian` would give times the outer derivatives, without holding a row per parameter.
        """
        slope, parts = outer, []
        for k, (weight, _) in reversed(list(enumerate(self._layers(parameters)))):
            by_weight = torch.bmm(slope, values[k].transpose(1, 2))
            parts += [slope.sum(2), by_weight.flatten(1)]
            if k:
                slope = _through_sigmoid(torch.bmm(weight.transpose(1, 2), slope), values[k])
        return torch.cat(parts[::-1], dim=1)

    def _layers(self, parameters: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """(t, out, in) weights and (t, out, 1) biases of each layer."""
        start = 0
        for inputs, outputs in pairwise(self.sizes):
            middle, end = start + inputs * outputs, start + (inputs + 1) * outputs
            weight = parameters[:, start:middle].reshape(-1, outputs, inputs)
            yield weight, parameters[:, middle:end, None]
            start = end

    def _glorot(self, rng: np.random.Generator) -> Floats:
        parts = []
        for inputs, outputs in pairwise(self.sizes):
            bound = np.sqrt(6 / (inputs + outputs))
            parts += [rng.uniform(-bound, bound, inputs * outputs), np.zeros(outputs)]
        return np.concatenate(parts)


def _through_sigmoid(slope: Tensor, value: Tensor) -> Tensor:
    """The slope by a sigmoid's argument from that by its value, in place."""
    slope *= value
    return slope.addcmul_(slope, value, value=-1)
