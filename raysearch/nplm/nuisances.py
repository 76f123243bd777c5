"""Systematic uncertainties: what they do to the reference, as a Taylor series in each nuisance.

The log ratio of the reference at nuisances nu to the central one is ``sum_k g_k(x) nu^k``, summed
over the nuisances; each is constrained by an auxiliary measurement with a Gaussian uncertainty.

Where the number of data is not predicted, the reference has the number of the data at any nu, and
the shift s of its log ratio is ``s - log <e^s>_R``: the extended likelihood with a free
normalisation, at its maximum over that, is the likelihood of the shape.

References:
    Learning new physics from an imperfect machine (d'Agnolo et al., 2022), arXiv:2111.13633
    Extended maximum likelihood (Barlow, 1990)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from raysearch.errors import InputError
from raysearch.nplm.networks import Shape
from raysearch.nplm.tensors import Floats

# A function of (n, d) points, not standardised, that gives (n,) values; workers must import it.
Term = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Nuisance:
    """One systematic uncertainty.

    Attributes:
        name: how reports call it.
        width: its standard deviation, in units of nu.
        terms: the Taylor coefficients g_1, g_2, ... of the log ratio.

    Raises:
        InputError: if the width is not positive or there are no terms.
    """

    name: str
    width: float
    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        """Check width and terms."""
        if not 0 < self.width < float("inf") or not self.terms:
            raise InputError(
                f"a nuisance needs a positive width and at least one term, but {self.name!r} has "
                f"width {self.width} and {len(self.terms)} terms."
            )


def normalisation(width: float, name: str = "normalisation") -> Nuisance:
    """The nuisance that multiplies the expected number of events by ``e^nu``.

    Args:
        width: relative uncertainty of the number of events.
        name: how reports call it.
    """
    return Nuisance(name, width, (_one,))


def _one(points: Floats) -> Floats:
    return np.ones(len(points))


def term_table(nuisances: Sequence[Nuisance], points: Floats) -> Floats:
    """(n, k) Taylor terms of all nuisances at (n, d) points, for nuisances in units of their width.

    Raises:
        InputError: if a term does not give one finite number per point.
    """
    columns = [np.zeros((len(points), 0))]
    for nuisance in nuisances:
        for power, term in enumerate(nuisance.terms, 1):
            values = np.asarray(term(points), np.float64) * nuisance.width**power
            if values.shape != (len(points),) or not np.isfinite(values).all():
                raise InputError(
                    f"a term must give one finite number per point, but term {power} of "
                    f"{nuisance.name!r} gives shape {values.shape} for {len(points)} points."
                )
            columns.append(values[:, None])
    return np.concatenate(columns, axis=1)


def check_terms(nuisances: Sequence[Nuisance], points: Floats, expected: float | None) -> None:
    """Refuse a nuisance of the number of events where toys have no expected number.

    Raises:
        InputError: if a term is the same at all points and there is no expectation.
    """
    if expected is not None:
        return
    for nuisance in nuisances:
        if (np.ptp(term_table([nuisance], points), axis=0) == 0).any():
            raise InputError(
                f"a term that is the same everywhere changes the number of events only, which a "
                f"test of shapes does not see, but {nuisance.name!r} has one; give --expected."
            )


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
