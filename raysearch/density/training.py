"""The one training loop of the density estimators: early stopping, the best epochs kept."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR

from raysearch.density.base import ConditionalNetwork
from raysearch.density.estimators import Halt, Parameters, Say
from raysearch.errors import InputError

State = dict[str, Tensor]

_SAY_EVERY_S = 10.0
# One batch with an event far out in a tail must not throw the weights of a flow far away.
_LARGEST_GRADIENT = 1.0
# Validation events are judged so many at a time, so that memory stays small.
_ROWS = 16384


class DivergedError(InputError):
    """No epoch of a training had a finite validation loss."""


class Batch(NamedTuple):
    """Scaled events.

    Attributes:
        x: (n, d) features.
        mass: (n, 1) masses.
    """

    x: Tensor
    mass: Tensor


@dataclass(frozen=True, eq=False)
class Trained:
    """How a training went.

    Attributes:
        states: weights of the best epochs, the best first.
        losses: validation loss of every epoch.
        seconds: processor time.
    """

    states: list[State]
    losses: list[float]
    seconds: float


class _Best:
    """The weights of the best epochs so far."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: list[tuple[float, State]] = []

    def offer(self, loss: float, network: ConditionalNetwork) -> None:
        if not loss < float("inf"):  # diverged; NaN is not smaller either
            return
        state = {name: value.clone() for name, value in network.state_dict().items()}
        self._kept = sorted([*self._kept, (loss, state)], key=lambda pair: pair[0])[: self._size]

    def states(self) -> list[State]:
        if not self._kept:
            raise DivergedError(
                "the validation loss must be finite in some epoch, but is in none; lower the "
                "density's learning_rate, or take the other estimator."
            )
        return [state for _, state in self._kept]


def train(
    network: ConditionalNetwork,
    training: Batch,
    validation: Batch,
    parameters: Parameters,
    seed: int,
    say: Say,
    halt: Halt,
) -> Trained:
    """Train until the epochs are used up or the validation loss has not fallen for some.

    Args:
        network: trained in place; at the end it has the weights of the last epoch.
        training: what its weights learn from.
        validation: what its epochs are judged by.
        parameters: complete hyperparameters of the estimator.
        seed: of the order of the events and of what is random in the loss.
        say: receives a line every few seconds.
        halt: asked after each epoch whether to end early.

    Raises:
        DivergedError: if no epoch has a finite validation loss.
        KeyboardInterrupt: if `halt` ended it, as Ctrl-C does.
    """
    started, said = time.process_time(), time.monotonic()
    epochs = int(parameters["epochs"])
    optimiser = AdamW(
        network.parameters(), parameters["learning_rate"], weight_decay=parameters["weight_decay"]
    )
    schedule = CosineAnnealingLR(optimiser, epochs)
    generator = torch.Generator().manual_seed(seed)
    best, losses = _Best(int(parameters["best_epochs"])), list[float]()
    while len(losses) < epochs and _falls(losses, int(parameters["patience"])):
        _train_epoch(network, training, optimiser, int(parameters["batch_size"]), generator)
        schedule.step()
        # The same noise in every epoch, so that only the weights make the difference.
        losses.append(_mean_loss(network, validation, torch.Generator().manual_seed(seed)))
        best.offer(losses[-1], network)
        if halt():
            raise KeyboardInterrupt
        if time.monotonic() - said > _SAY_EVERY_S:
            say(f"density epoch {len(losses)}/{epochs}: validation loss {losses[-1]:.4f}")
            said = time.monotonic()
    return Trained(best.states(), losses, time.process_time() - started)


def _falls(losses: list[float], patience: int) -> bool:
    """Whether one of the last few losses lies below all before."""
    known = [loss if math.isfinite(loss) else math.inf for loss in losses]
    return len(known) <= patience or min(known[-patience:]) < min(known[:-patience])


def _train_epoch(
    network: ConditionalNetwork,
    training: Batch,
    optimiser: AdamW,
    batch_size: int,
    generator: torch.Generator,
) -> None:
    order = torch.randperm(len(training.x), generator=generator)
    for rows in torch.split(order, batch_size):
        optimiser.zero_grad()
        loss = network.loss(training.x[rows], training.mass[rows], generator).mean()
        torch.autograd.backward(loss)
        clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
        optimiser.step()


def _mean_loss(network: ConditionalNetwork, events: Batch, generator: torch.Generator) -> float:
    parts = zip(torch.split(events.x, _ROWS), torch.split(events.mass, _ROWS), strict=True)
    with torch.no_grad():
        losses = [network.loss(x, mass, generator) for x, mass in parts]
    return float(torch.cat(losses).mean())
