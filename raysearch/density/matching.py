"""Conditional flow matching.

References:
    Flow Matching for Generative Modeling (Lipman et al., 2022), arXiv:2210.02747
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832: hidden 256, AdamW
    at 1e-3, batches of 1024, 200 epochs.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from raysearch.density.base import ConditionalNetwork
from raysearch.density.estimators import Parameters

# Harmonics of the time that the network sees beside the time itself.
_HARMONICS = 3


class FlowMatching(ConditionalNetwork):
    """The velocity that carries normal noise at time 0 along straight lines to events at time 1."""

    def __init__(self, n_features: int, parameters: Parameters) -> None:
        super().__init__()
        hidden, layers = int(parameters["hidden"]), int(parameters["layers"])
        sizes = [n_features + 2 + 2 * _HARMONICS, *[hidden] * layers]
        stack: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            stack += [nn.Linear(n_in, n_out), nn.SiLU()]
        self._velocity = nn.Sequential(*stack, nn.Linear(hidden, n_features))
        self._n_features, self._steps = n_features, int(parameters["steps"])

    def velocity(self, x: Tensor, mass: Tensor, time: Tensor) -> Tensor:
        """(n, d) velocities at (n, d) places, for (n, 1) masses and (n, 1) times."""
        phases = math.pi * time * torch.arange(1, _HARMONICS + 1)
        seen = torch.cat([x, mass, time, phases.sin(), phases.cos()], dim=1)
        found: Tensor = self._velocity(seen)
        return found

    def loss(self, x: Tensor, mass: Tensor, generator: torch.Generator) -> Tensor:
        """(n,) squared error of the velocity at one random time; see `ConditionalNetwork.loss`."""
        noise = torch.randn(x.shape, generator=generator)
        # Evenly spread times with one common offset scatter less than independent ones.
        offset = torch.rand(1, generator=generator)
        time = ((torch.arange(len(x)) / len(x) + offset) % 1)[:, None]
        error = self.velocity(noise + time * (x - noise), mass, time) - (x - noise)
        return error.square().mean(dim=1)

    def sample(self, mass: Tensor, generator: torch.Generator) -> Tensor:
        """(n, d) by midpoint steps along the velocity; see `ConditionalNetwork.sample`."""
        x = torch.randn(len(mass), self._n_features, generator=generator)
        step = 1 / self._steps
        for k in range(self._steps):
            start = torch.full_like(mass, k * step)
            middle = x + step / 2 * self.velocity(x, mass, start)
            x = x + step * self.velocity(middle, mass, start + step / 2)
        return x
