"""Dropout masks, drawn for each member from its own generator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# A draw of 64 random bits serves four activations with 16 bits each.
LEVELS = 1 << 16
LANES = 4


def attainable(rates: Sequence[float]) -> list[float]:
    """The rates rounded to the multiples of 2^-16 that 16 random bits can represent."""
    return [min(round(rate * LEVELS), LEVELS - 1) / LEVELS for rate in rates]


def limit(rate: float) -> int:
    """A draw u of -2^15 ... 2^15 - 1 is kept if u > limit."""
    return round(rate * LEVELS) - LEVELS // 2 - 1


class Dropout:
    """Masks of one step for all hidden layers of a pack.

    A member always draws the bits of a whole batch, whatever the other members need, so that its
    stream of random numbers does not depend on the pack it stands in.
    """

    def __init__(
        self,
        rates: Sequence[float],
        generators: Sequence[torch.Generator],
        hidden: Sequence[int],
        batch_size: int,
    ) -> None:
        """Reserve (K, batch_size * units) 16-bit draws and one layer of 32-bit masks."""
        device = generators[0].device
        words = -(-batch_size * sum(hidden) // LANES)
        self._generators = generators
        self._dropping = [member for member, rate in enumerate(rates) if rate > 0]
        self._words = torch.zeros(len(rates), words, dtype=torch.int64, device=device)
        self._lanes = self._words.view(torch.int16)
        self._masks = torch.empty(
            len(rates) * batch_size * max(hidden), dtype=torch.int32, device=device
        )
        limits = [limit(rate) for rate in rates]
        self._limits = torch.tensor(limits, dtype=torch.int32, device=device).view(-1, 1, 1)
        self._starts = [batch_size * sum(hidden[:number]) for number in range(len(hidden))]

    def draw(self, active: int) -> None:
        """New random bits for those of the first `active` members that drop anything."""
        for member in self._dropping:
            if member < active:
                self._words[member].random_(-(1 << 63), None, generator=self._generators[member])

    def apply(self, layer: int, activations: Tensor) -> None:
        """Set the dropped ones among the (K, b, width) activations to zero, in place."""
        members, rows, width = activations.shape
        start, count = self._starts[layer], rows * width
        mask = self._masks[: members * count].view(members, rows, width)
        mask.copy_(self._lanes[:members, start : start + count].view(members, rows, width))
        # Kept where limit - u < 0.
        torch.sub(self._limits[:members], mask, out=mask)
        # The sign spread over all bits: all ones keeps a float as it is, none makes it 0.0.
        mask.bitwise_right_shift_(31)
        activations.view(torch.int32).bitwise_and_(mask)
