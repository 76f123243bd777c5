"""What a density estimator is: a network with a loss and a way to sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from raysearch.errors import InputError, unknown_name

Parameters = Mapping[str, int | float]


class ConditionalNetwork(nn.Module, ABC):
    """A density of d scaled features given the scaled mass, as a torch module."""

    @abstractmethod
    def loss(self, x: Tensor, mass: Tensor, generator: torch.Generator) -> Tensor:
        """(n,) loss of each event.

        Args:
            x: (n, d) scaled features.
            mass: (n, 1) scaled masses.
            generator: of whatever is random in the loss.
        """

    @abstractmethod
    def sample(self, mass: Tensor, generator: torch.Generator) -> Tensor:
        """(n, d) scaled features, one row for each of the (n, 1) scaled masses."""


@dataclass(frozen=True)
class Estimator:
    """A kind of density estimator.

    Attributes:
        name: how the user calls it.
        defaults: every hyperparameter with its default value.
        build: makes the untrained network for d features and complete hyperparameters.
    """

    name: str
    defaults: Parameters
    build: Callable[[int, Parameters], ConditionalNetwork]

    def complete(self, parameters: Parameters) -> Parameters:
        """The parameters completed by the defaults.

        Raises:
            InputError: if one is unknown, of another kind than its default, or negative.
        """
        for name, value in parameters.items():
            if name not in self.defaults:
                raise unknown_name(f"{self.name} parameter", name, self.defaults)
            _check(f"{self.name} parameter {name}", value, self.defaults[name])
        return {**self.defaults, **parameters}


def _check(what: str, value: int | float, default: int | float) -> None:
    if isinstance(default, int):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"`{what}` must be a whole number of at least 1, but got {value!r}.")
    elif not 0 <= value < float("inf"):
        raise InputError(f"`{what}` must be a number of at least 0, but got {value!r}.")
