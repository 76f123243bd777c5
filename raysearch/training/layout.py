"""Where the weights of a network lie in one flat vector."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

# Every matrix starts at a multiple of this many float32, one cache line.
ALIGNMENT = 16


class Layer(NamedTuple):
    """One linear layer of K members, views into their flat parameters.

    Attributes:
        weight: (K, inputs, outputs), the transpose of `torch.nn.Linear.weight`.
        bias: (K, 1, outputs).
    """

    weight: Tensor
    bias: Tensor


class _Block(NamedTuple):
    start: int
    rows: int
    columns: int

    def of(self, flat: Tensor) -> Tensor:
        part = flat[:, self.start : self.start + self.rows * self.columns]
        return part.view(-1, self.rows, self.columns)


@dataclass(frozen=True)
class Layout:
    """The layers of one multilayer perceptron with a single output, laid out one after another.

    One flat row per member makes the optimiser a handful of element-wise operations on a
    (K, size) tensor, whatever the number of layers.

    Attributes:
        inputs: number of features.
        hidden: width of each hidden layer, at least one.
        bins: of each feature, which add an input each; see `Encoding`.

    Raises:
        ValueError: if a width is not positive, there is no hidden layer or bins are negative.

    Example:
        >>> Layout(5, (64, 64, 64)).weights  # 5*64+64 + 2*(64*64+64) + 64+1
        8769
    """

    inputs: int
    hidden: tuple[int, ...]
    bins: int = 0

    def __post_init__(self) -> None:
        if not self.hidden or min(self.inputs, *self.hidden) < 1 or self.bins < 0:
            raise ValueError(
                "a network must have inputs and hidden layers of at least one unit and no "
                f"negative bins, but got inputs={self.inputs}, hidden={self.hidden} and "
                f"bins={self.bins}."
            )

    @property
    def encoded(self) -> int:
        """Inputs of the first layer: each feature and its bins."""
        return self.inputs * (1 + self.bins)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of each linear layer, the output layer last."""
        return list(pairwise((self.encoded, *self.hidden, 1)))

    @property
    def weights(self) -> int:
        """Number of weights and biases of one network, without padding."""
        return sum(rows * columns + columns for rows, columns in self.shapes)

    @cached_property
    def _blocks(self) -> list[tuple[_Block, _Block]]:
        blocks, start = [], 0
        for rows, columns in self.shapes:
            weight = _Block(start, rows, columns)
            bias = _Block(start + _aligned(rows * columns), 1, columns)
            start = bias.start + _aligned(columns)
            blocks.append((weight, bias))
        return blocks

    @property
    def size(self) -> int:
        """Length of the flat vector, padding included."""
        bias = self._blocks[-1][1]
        return bias.start + _aligned(bias.columns)

    @property
    def starts(self) -> list[tuple[int, int]]:
        """Where weight and bias of each layer begin in the flat vector."""
        return [(weight.start, bias.start) for weight, bias in self._blocks]

    def layers(self, flat: Tensor) -> list[Layer]:
        """Views of (K, size) flat parameters, or of anything else laid out like them."""
        return [Layer(weight.of(flat), bias.of(flat)) for weight, bias in self._blocks]

    def initial(self, generator: torch.Generator) -> Tensor:
        """(size,) parameters of one member, drawn as `torch.nn.Linear` draws them by default.

        Weights and biases are uniform within 1/sqrt(inputs of the layer); the padding is zero.
        The weights of bins are zero, too: the network begins as one without them and learns
        where to depart from it, as "version B" of the authors' embeddings does.
        """
        draws = torch.rand(1, self.size, generator=generator, device=generator.device)
        flat = torch.zeros_like(draws)
        layers = self.layers(flat)
        for rows, drawn, layer in zip(
            (self.inputs, *self.hidden), self.layers(draws), layers, strict=True
        ):
            for target, source in zip(layer, drawn, strict=True):
                target.copy_((2 * source - 1) / math.sqrt(rows))
        layers[0].weight.view(self.inputs, 1 + self.bins, -1)[:, 1:] = 0
        return flat[0]


def _aligned(count: int) -> int:
    return -(-count // ALIGNMENT) * ALIGNMENT
