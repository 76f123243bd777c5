"""Trained networks: weights and encoding of K members, and their scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from raysearch.errors import InputError
from raysearch.training.batches import read_only
from raysearch.training.encoding import Encoder, Encoding
from raysearch.training.kernel import Kernel, Shape, kernel
from raysearch.training.layout import Layer, Layout
from raysearch.training.passes import alternating, forward
from raysearch.training.threads import side_by_side

# One layer's activations of this many bytes stay in a CPU's cache until the next layer needs them;
# an accelerator wants more work at a time.
CPU_BLOCK_BYTES = 1 << 20
ACCELERATOR_BLOCK_BYTES = 1 << 28


@dataclass(frozen=True, eq=False)
class Networks:
    """K trained members at one moment.

    Attributes:
        layout: their layers.
        parameters: (K, layout.size) flat weights, acting on encoded features.
        encoding: by each member's training rows.
    """

    layout: Layout
    parameters: Tensor
    encoding: Encoding

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log odds of data against template, larger is more anomalous.

        Args:
            features: (n, d) raw features for all members, or (K, n, d), a block for each.

        Returns:
            (K, n) logits.

        Raises:
            InputError: if the features have another shape.
        """
        self._check_shape(features)
        compiled = kernel() if self.parameters.device.type == "cpu" else None
        if compiled is not None:
            return self._compiled_scores(compiled, features)
        scores: NDArray[np.float32] = self.logits(features).cpu().numpy()
        return scores

    def logits(self, features: NDArray[np.float32] | Tensor) -> Tensor:
        """The scores in torch, left on the device of the weights.

        Args:
            features: (n, d) for all members, or (R, n, d), of which the members take one block
                after the other, again from the first where there are more members than blocks.
        """
        members, device = len(self.parameters), self.parameters.device
        layers, encode = self._folded() if self.layout.bins == 0 else self._unfolded()
        widest = max(self.layout.encoded, *self.layout.hidden)
        table = features
        if not isinstance(table, Tensor):
            table = read_only(np.asarray(table, dtype=np.float32))
        of_block = CPU_BLOCK_BYTES if device.type == "cpu" else ACCELERATOR_BLOCK_BYTES
        rows = max(128, of_block // (members * widest * 4))
        rows = min(rows, table.shape[-2])
        scratch = torch.empty(2, members * rows * max(self.layout.hidden), device=device)
        logits = torch.empty(members, table.shape[-2], device=device)
        for start in range(0, table.shape[-2], rows):
            block = table[..., start : start + rows, :].to(device)
            turns = 1 if block.ndim == 2 else members // len(block)
            inputs = encode(block if turns == 1 else block.repeat(turns, 1, 1))
            inputs = inputs.expand(members, *inputs.shape[-2:])
            _score(layers, inputs, scratch, logits[:, start : start + rows])
        return logits

    def _compiled_scores(
        self, compiled: Kernel, features: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        table = np.ascontiguousarray(features, dtype=np.float32)
        blocks = table if table.ndim == 3 else [table] * len(self.parameters)
        logits = np.empty((len(blocks), table.shape[-2]), dtype=np.float32)
        members = zip(self.parameters.numpy(), *self.encoding.single(), strict=True)
        shapes = [Shape(compiled, self.layout, *member) for member in members]
        side_by_side(
            [partial(compiled.score, *own) for own in zip(shapes, blocks, logits, strict=True)]
        )
        return logits

    def take(self, members: Sequence[int]) -> Networks:
        """A copy of these members alone, in this order."""
        return Networks(self.layout, self.parameters[list(members)], self.encoding.take(members))

    def _check_shape(self, features: NDArray[np.float32]) -> None:
        members, inputs = len(self.parameters), self.layout.inputs
        shared = features.ndim == 2
        own = features.ndim == 3 and len(features) == members
        if not (shared or own) or features.shape[-1] != inputs:
            raise InputError(
                f"features must have shape (n, {inputs}) or ({members}, n, {inputs}), "
                f"but got {features.shape}."
            )

    def _folded(self) -> tuple[list[Layer], Callable[[Tensor], Tensor]]:
        """Layers with the standardisation within the first, and what is left of it."""
        # One shift for all members, taken off before the features meet a weight: without it a
        # mean far larger than the width would cost the folded sum its digits.
        origin = self.encoding.centre.mean(axis=0).astype(np.float32)
        first, *others = self.layout.layers(self.parameters)
        device = self.parameters.device
        width = torch.from_numpy(self.encoding.width).to(device).unsqueeze(2)
        offset = torch.from_numpy(self.encoding.centre - origin).to(device).unsqueeze(1)
        weight = first.weight.double() / width
        bias = first.bias.double() - offset @ weight
        shift = torch.from_numpy(origin).to(device)
        return [Layer(weight.float(), bias.float()), *others], lambda block: block - shift

    def _unfolded(self) -> tuple[list[Layer], Callable[[Tensor], Tensor]]:
        """Layers as they are, and the encoding of (n, d) or (K, n, d) features."""
        encoder = Encoder(self.encoding, self.parameters.device)
        members = len(self.parameters)
        return self.layout.layers(self.parameters), lambda block: encoder(
            block.expand(members, *block.shape[-2:])
        )


def merge(parts: Sequence[Networks]) -> Networks:
    """All members of all parts side by side, in this order.

    Raises:
        ValueError: if there are no parts, or their layers differ.
    """
    layouts = {part.layout for part in parts}
    if len(layouts) != 1:
        raise ValueError(f"networks to merge must share one layout, but got {layouts}.")
    return Networks(
        parts[0].layout,
        torch.cat([part.parameters for part in parts]),
        Encoding(
            np.concatenate([part.encoding.centre for part in parts]),
            np.concatenate([part.encoding.width for part in parts]),
            parts[0].encoding.bins,
        ),
    )


def _score(layers: Sequence[Layer], inputs: Tensor, scratch: Tensor, logits: Tensor) -> None:
    """Fill (K, b) logits; the hidden layers take turns in the two rows of the scratch space."""
    members, rows, _ = inputs.shape
    widths = [layer.bias.shape[2] for layer in layers[:-1]]
    forward(layers, inputs, alternating(scratch, widths, members, rows), logits)
