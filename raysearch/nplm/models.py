"""The log ratio that networks and nuisances make up together, with its derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from raysearch.nplm.networks import Shape
from raysearch.nplm.nuisances import Nuisance


@dataclass(frozen=True)
class Model:
    """A log ratio with two parts: a network (or none), and the shifts by the nuisances.

    Its inputs are d columns for the network and then the Taylor terms; its parameters are those of
    the network and then the nuisances.

    Attributes:
        shape: of the network; None for no network.
        powers: for each term its nuisance and the power of it.
        n_nuisances: number of nuisances.
        is_shape: whether the shift is taken less the logarithm of the reference's mean e^s, which
            is up to whoever knows the reference; here it is left in.
    """

    shape: Shape | None
    powers: tuple[tuple[int, int], ...] = ()
    n_nuisances: int = 0
    is_shape: bool = False

    @property
    def n_weights(self) -> int:
        """Number of the network's parameters."""
        return self.shape.n_parameters if self.shape else 0

    def bounds(self, clip: float) -> list[float]:
        """Bound on each parameter; the nuisances have none."""
        return [clip] * self.n_weights + [float("inf")] * self.n_nuisances

    def output(self, parameters: Tensor, inputs: Tensor) -> Tensor:
        """(t, 1, n) log ratio at (t, d + k, n) inputs."""
        shift = self._shift(parameters, inputs)
        if self.shape is None:
            return shift
        network = parameters[:, : self.n_weights]
        return self.shape.values(network, self._columns(inputs))[-1] + shift

    def linearised(self, parameters: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Log ratio, and its (t, p, n) derivatives by each parameter."""
        shift, slopes = self._shift(parameters, inputs), self._slopes(parameters, inputs)
        if self.shape is None:
            return shift, slopes
        network = parameters[:, : self.n_weights]
        values = self.shape.values(network, self._columns(inputs))
        # Written where they stay: copies of so many numbers would cost more than the products.
        out = slopes.new_empty(*parameters.shape, inputs.shape[2])
        self.shape.jacobian(network, values, out)
        out[:, self.n_weights :] = slopes
        return values[-1] + shift, out

    def gradient(self, parameters: Tensor, inputs: Tensor, outer: Tensor) -> tuple[Tensor, Tensor]:
        """Log ratio, and (t, p) sums over events of its derivatives times (t, 1, n) outer ones."""
        shift = self._shift(parameters, inputs)
        slopes = torch.bmm(self._slopes(parameters, inputs), outer.transpose(1, 2))[..., 0]
        if self.shape is None:
            return shift, slopes
        network = parameters[:, : self.n_weights]
        values = self.shape.values(network, self._columns(inputs))
        by_weight = self.shape.gradient(network, values, outer)
        return values[-1] + shift, torch.cat([by_weight, slopes], dim=1)

    def _columns(self, inputs: Tensor) -> Tensor:
        return inputs[:, : inputs.shape[1] - len(self.powers)]

    def _terms(self, inputs: Tensor) -> Tensor:
        return inputs[:, inputs.shape[1] - len(self.powers) :]

    def _shift(self, parameters: Tensor, inputs: Tensor) -> Tensor:
        terms = self._terms(inputs)
        shift = terms.new_zeros(len(parameters), 1, inputs.shape[2])
        for k, (nuisance, power) in enumerate(self.powers):
            value = parameters[:, self.n_weights + nuisance] ** power
            shift = shift + terms[:, k : k + 1] * value[:, None, None]
        return shift

    def _slopes(self, parameters: Tensor, inputs: Tensor) -> Tensor:
        """(t, q, n) derivatives of the shift by each nuisance."""
        terms = self._terms(inputs)
        slopes = terms.new_zeros(len(parameters), self.n_nuisances, inputs.shape[2])
        for k, (nuisance, power) in enumerate(self.powers):
            value = power * parameters[:, self.n_weights + nuisance] ** (power - 1)
            slopes[:, nuisance] += terms[:, k] * value[:, None]
        return slopes


def model_of(shape: Shape | None, nuisances: Sequence[Nuisance], expected: float | None) -> Model:
    """The model of a network (or none) beside nuisances, of shapes only without an expectation."""
    powers = tuple((k, p) for k, n in enumerate(nuisances) for p in range(1, len(n.terms) + 1))
    return Model(shape, powers, len(nuisances), bool(nuisances) and expected is None)
