"""Estimate p(x | mjj) from sideband events, and sample it at any mass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from raysearch.density.base import ConditionalNetwork
from raysearch.density.estimators import Halt, Parameters, Say
from raysearch.density.scaling import Scaling, fit_scaling
from raysearch.density.settings import estimator
from raysearch.density.training import Batch, Trained, train
from raysearch.events import Events
from raysearch.seeds import number

# Rows sampled at a time, so that memory stays small.
_ROWS = 16384


@dataclass(frozen=True, eq=False)
class Density:
    """A density of the features given the mass, fitted to sideband events.

    Attributes:
        network: the estimator; `trained` holds the weights it samples with.
        trained: its best epochs, its losses and its processor time.
        scaling: of the features.
        mass_mean_tev: mean mass of the training events.
        mass_width_tev: standard deviation of their mass.
        columns: names of the d features.
        units: their units.
    """

    network: ConditionalNetwork
    trained: Trained
    scaling: Scaling
    mass_mean_tev: float
    mass_width_tev: float
    columns: tuple[str, ...]
    units: tuple[str, ...]

    @property
    def validation_loss(self) -> float:
        """The lowest validation loss: what a search over the hyperparameters minimises.

        Comparable among settings of one estimator and one sample only.
        """
        return min(filter(math.isfinite, self.trained.losses))

    def sample(self, mjj_tev: NDArray[np.float32], seed: int) -> Events:
        """One event for each of the (n,) masses; the best epochs take equal shares of them."""
        generator = torch.Generator().manual_seed(seed)
        # Shares at random, lest an order of the masses put different epochs at different masses.
        order = torch.randperm(len(mjj_tev), generator=generator)
        shares = order.tensor_split(len(self.trained.states))
        drawn = torch.empty(len(mjj_tev), len(self.columns))
        for state, rows in zip(self.trained.states, shares, strict=True):
            self.network.load_state_dict(state)
            for part in torch.split(rows, _ROWS):
                mass = self._scaled_mass(mjj_tev[part.numpy()])
                with torch.no_grad():
                    drawn[part] = self.network.sample(mass, generator)
        features = self.scaling.inverse(drawn.numpy()).astype(np.float32)
        return Events(features, self.columns, self.units, mjj_tev)

    def about(self) -> Mapping[str, Any]:
        """How the training went, in plain values."""
        return {
            "epochs": len(self.trained.losses),
            "validation_loss": self.validation_loss,
            "cpu_seconds": round(self.trained.seconds, 1),
        }

    def batch(self, events: Events) -> Batch:
        """The events, scaled; those with a feature beyond the training events' are left out."""
        inside = events.take(self.scaling.contains(events.features))
        x = torch.from_numpy(self.scaling.forward(inside.features).astype(np.float32))
        return Batch(x, self._scaled_mass(inside.mjj_tev))

    def _scaled_mass(self, mjj_tev: NDArray[np.float32]) -> torch.Tensor:
        scaled = (mjj_tev.astype(np.float64) - self.mass_mean_tev) / self.mass_width_tev
        return torch.from_numpy(scaled.astype(np.float32))[:, None]


def fit_density(
    training: Events,
    validation: Events,
    kind: str,
    parameters: Parameters,
    seed: int,
    say: Say = lambda _: None,
    halt: Halt = lambda: False,
) -> Density:
    """Train a density estimator; a plain function that a search could drive.

    Args:
        training: sideband events that its weights, its scaling and its mass scale are fitted to.
        validation: others, which decide when it stops and which epochs count.
        kind: name of the estimator.
        parameters: its hyperparameters; those left out take their default.
        seed: of first weights, order and noise.
        say: receives a line every few seconds.
        halt: asked after each epoch whether to end early.

    Raises:
        InputError: if a name is unknown or a feature never varies.
        DivergedError: if no epoch has a finite validation loss.
        KeyboardInterrupt: if `halt` ended it, as Ctrl-C does.
    """
    chosen = estimator(kind)
    complete = chosen.complete(parameters)
    # Layers draw their first weights from torch's global stream; it is put back afterwards.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number(seed, "weights"))
        network = chosen.build(len(training.columns), complete)
    mjj = training.mjj_tev.astype(np.float64)
    untrained = Density(
        network,
        Trained([], [], 0.0),
        fit_scaling(training),
        float(mjj.mean()),
        float(mjj.std()),
        training.columns,
        training.units,
    )
    trained = train(
        network,
        untrained.batch(training),
        untrained.batch(validation),
        complete,
        number(seed, "training"),
        say,
        halt,
    )
    return replace(untrained, trained=trained)
