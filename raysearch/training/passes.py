"""Forward and backward pass of K multilayer perceptrons, written into given buffers.

Written by hand because autograd would allocate every intermediate anew, and the bookkeeping of a
small network costs more than its matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from raysearch.training.layout import Layer

_relu_backward = torch.ops.aten.threshold_backward.grad_input


class Masks(Protocol):
    """Which hidden activations are dropped in the present step."""

    def apply(self, layer: int, activations: Tensor) -> None:
        """Set the dropped ones among the (K, b, width) activations to zero, in place."""
        ...


def forward(
    layers: Sequence[Layer],
    inputs: Tensor,
    activations: Sequence[Tensor],
    logits: Tensor,
    masks: Masks | None = None,
) -> None:
    """Logits of K networks, each on its own rows.

    Args:
        layers: the hidden layers and the output layer.
        inputs: (K, b, d) standardised features.
        activations: (K, b, width) for each hidden layer, overwritten.
        logits: (K, b), overwritten.
        masks: the dropout of this step; without it nothing is dropped. Its scale 1/(1 - p) is
            expected in the weights.
    """
    below = inputs
    for number, (layer, out) in enumerate(zip(layers[:-1], activations, strict=True)):
        torch.baddbmm(layer.bias, below, layer.weight, out=out)
        out.relu_()
        if masks is not None:
            masks.apply(number, out)
        below = out
    # As a row times a matrix: MKL is four times slower on a matrix times a column.
    weight, bias = layers[-1]
    torch.baddbmm(bias, weight.mT, below.mT, out=logits.unsqueeze(1))


def backward(
    layers: Sequence[Layer],
    gradients: Sequence[Layer],
    inputs: Tensor,
    activations: Sequence[Tensor],
    errors: Tensor,
    deltas: Sequence[Tensor],
) -> None:
    """Gradients of the loss with respect to all weights and biases.

    An activation is zero where ReLU or dropout cut it off, so it serves as the mask of both.

    Args:
        layers: as given to `forward`.
        gradients: of the same shapes, overwritten.
        inputs: (K, b, d), as given to `forward`.
        activations: as `forward` left them.
        errors: (K, b) derivative of the loss with respect to the logits.
        deltas: (K, b, width) scratch for each hidden layer; neighbours must not share memory.
    """
    torch.bmm(errors.unsqueeze(1), activations[-1], out=gradients[-1].weight.mT)
    torch.sum(errors.unsqueeze(2), 1, keepdim=True, out=gradients[-1].bias)
    torch.mul(errors.unsqueeze(2), layers[-1].weight.mT, out=deltas[-1])
    for number in range(len(activations) - 1, -1, -1):
        delta = deltas[number]
        below = activations[number - 1] if number else inputs
        _relu_backward(delta, activations[number], 0, grad_input=delta)
        torch.bmm(below.mT, delta, out=gradients[number].weight)
        torch.sum(delta, 1, keepdim=True, out=gradients[number].bias)
        if number:
            torch.bmm(delta, layers[number].weight.mT, out=deltas[number - 1])


def alternating(scratch: Tensor, widths: Sequence[int], members: int, rows: int) -> list[Tensor]:
    """Buffers of which only neighbours must not share memory.

    Args:
        scratch: (2, at least members * rows * largest width).
        widths: of the hidden layers.
        members: K.
        rows: b.

    Returns:
        (K, b, width) for each width, in the two rows of the scratch space by turns.
    """
    return [
        scratch[number % 2, : members * rows * width].view(members, rows, width)
        for number, width in enumerate(widths)
    ]
