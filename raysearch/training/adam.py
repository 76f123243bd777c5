"""Adam for K members at once, each with its own rates and its own count of steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from raysearch.training.settings import MemberSettings

Rates = float | NDArray[np.float64]

BETA2 = 0.999
EPSILON = 1e-8


def step_sizes(
    learning_rate: Rates, beta1: Rates, counts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Step size and epsilon of each step, with the bias corrections in them.

    With the two corrections c1 and c2 the published step lr * (m/c1) / (sqrt(v/c2) + eps) is
    written as (lr * sqrt(c2) / c1) * m / (sqrt(v) + eps * sqrt(c2)): two operations fewer on the
    parameters, and the factors of a whole epoch are known beforehand.

    Args:
        learning_rate: of one member, or (K,).
        beta1: of one member, or (K,).
        counts: number of each step from the start of training, from 1; with a last axis of K for
            several members.
    """
    root = np.sqrt(1 - BETA2**counts)
    return learning_rate * root / (1 - beta1**counts), EPSILON * root


class _State(NamedTuple):
    """Everything (A, ...) of the first A members: views that an update need not make anew."""

    parameters: Tensor
    mean: Tensor
    square: Tensor
    scratch: Tensor
    gain: Tensor
    decay: Tensor


class Adam:
    """Adam as in `torch.optim.Adam`, weight decay added to the gradient.

    References:
        Adam: a method for stochastic optimization (Kingma, Ba, 2014), arXiv:1412.6980
    """

    def __init__(
        self, parameters: Tensor, members: Sequence[MemberSettings], steps: Sequence[int]
    ) -> None:
        """Start with zero moments.

        Args:
            parameters: (K, P) of all members, updated in place.
            members: their rates.
            steps: how often each member is updated in one epoch.
        """
        learning_rate, decay, beta1 = np.array(
            [(member.learning_rate, member.weight_decay, member.beta1) for member in members]
        ).T
        self._device = parameters.device
        self._state = _State(
            parameters,
            torch.zeros_like(parameters),
            torch.zeros_like(parameters),
            torch.empty_like(parameters),
            self._column(1 - beta1),
            self._column(decay),
        )
        self._learning_rate, self._beta1, self._steps = learning_rate, beta1, np.array(steps)
        self._decays = bool(decay.any())
        self._active = self._state

    def _column(self, values: NDArray[np.float64]) -> Tensor:
        """(..., K) as float32 (..., K, 1) on the device of the parameters."""
        column = torch.from_numpy(values.astype(np.float32)[..., None])
        return column.to(self._device, non_blocking=True)

    def start_epoch(self, epoch: int) -> None:
        """Set the bias corrections of every step of this epoch, counted from 0."""
        # All members count to the longest one's end; a shorter one does not use the last of them.
        counts = epoch * self._steps + 1 + np.arange(max(self._steps))[:, None]
        rates, epsilons = step_sizes(self._learning_rate, self._beta1, counts)
        self._rates = self._column(rates).unbind()
        self._epsilons = self._column(epsilons).unbind()

    def keep(self, members: Sequence[int], parameters: Tensor, steps: Sequence[int]) -> None:
        """Go on with these members alone, whose parameters lie here now."""
        chosen = list(members)
        _, mean, square, _, gain, decay = self._state
        scratch = torch.empty_like(parameters)
        kept = (tensor[chosen] for tensor in (mean, square, gain, decay))
        mean, square, gain, decay = kept
        self._state = _State(parameters, mean, square, scratch, gain, decay)
        self._active = self._state
        self._learning_rate, self._beta1 = self._learning_rate[chosen], self._beta1[chosen]
        self._steps = np.array(steps)

    def update(self, step: int, gradients: Tensor) -> None:
        """Move the first A members.

        Args:
            step: number of the step within the epoch, from 0.
            gradients: (A, P), overwritten.
        """
        active = len(gradients)
        if active != len(self._active.mean):
            self._active = _State(*(tensor[:active] for tensor in self._state))
        parameters, mean, square, scratch, gain, decay = self._active
        if self._decays:
            gradients.addcmul_(parameters, decay)
        mean.lerp_(gradients, gain)
        square.mul_(BETA2).addcmul_(gradients, gradients, value=1 - BETA2)
        torch.sqrt(square, out=scratch).add_(self._epsilons[step][:active])
        torch.div(mean, scratch, out=scratch)
        parameters.addcmul_(scratch, self._rates[step][:active], value=-1)
