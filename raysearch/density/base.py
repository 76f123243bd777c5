"""What a density is: a network with a loss and a way to sample."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


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
