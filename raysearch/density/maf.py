"""Masked autoregressive flow.

References:
    Masked Autoregressive Flow for Density Estimation (Papamakarios et al., 2017), arXiv:1705.07057
    Classifying Anomalies THrough Outer Density Estimation (Hallin et al., 2021), arXiv:2109.00546:
    15 blocks of 128 hidden units, Adam at 1e-4, batches of 256, 100 epochs, the 10 best sampled.
"""

from __future__ import annotations

import torch
import zuko
from torch import Tensor

from raysearch.density.base import ConditionalNetwork
from raysearch.density.estimators import Parameters


class Maf(ConditionalNetwork):
    """Zuko's flow, without the published code's batch normalisation between blocks."""

    def __init__(self, n_features: int, parameters: Parameters) -> None:
        super().__init__()
        self._flow = zuko.flows.MAF(
            n_features,
            context=1,
            transforms=int(parameters["blocks"]),
            hidden_features=(int(parameters["hidden"]),),
        )
        self._n_features = n_features

    def loss(self, x: Tensor, mass: Tensor, generator: torch.Generator) -> Tensor:
        """(n,) negative log density; see `ConditionalNetwork.loss`."""
        log_density: Tensor = self._flow(mass).log_prob(x)
        return -log_density

    def sample(self, mass: Tensor, generator: torch.Generator) -> Tensor:
        """(n, d) the flow's inverse of normal noise; see `ConditionalNetwork.sample`."""
        noise = torch.randn(len(mass), self._n_features, generator=generator)
        drawn: Tensor = self._flow(mass).transform.inv(noise)
        return drawn
