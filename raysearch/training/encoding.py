"""How features become inputs of a network: standardised, and encoded by bins where asked for.

References:
    On embeddings for numerical features in tabular deep learning (Gorishniy, Rubachev, Babenko,
    2022), arXiv:2203.05556: piecewise linear encoding by quantiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Encoding(NamedTuple):
    """What the inputs of K networks are made of, ``(feature - centre) / width`` each.

    Of every feature there are 1 + B neighbouring inputs: the standardised feature, then one for
    each of its B bins that is 0 below the bin, 1 above it and linear inside.

    Attributes:
        centre: (K, d (1 + B)) means, and lower edges of the bins, float64.
        width: (K, d (1 + B)) standard deviations, and widths of the bins; infinite for an empty
            one, whose input is 0.
        bins: B; without bins this is a standardisation.
    """

    centre: NDArray[np.float64]
    width: NDArray[np.float64]
    bins: int

    def take(self, members: Sequence[int] | NDArray[np.intp]) -> Encoding:
        """Those of these members, in this order."""
        chosen = np.asarray(members, dtype=np.intp)
        return Encoding(self.centre[chosen], self.width[chosen], self.bins)

    def single(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(K, d (1 + B)) centres and inverse widths in single precision."""
        # Of a very narrow bin it would be infinite, and not a number at the edge itself.
        inverse = np.minimum(1 / self.width, np.finfo(np.float32).max)
        return self.centre.astype(np.float32), inverse.astype(np.float32)


def fit_encoding(
    features: NDArray[np.float32], rows: Sequence[NDArray[np.intp]], bins: int
) -> Encoding:
    """The encoding by each member's own rows; a constant feature has width 1.

    The bins of a feature hold equally many of the rows. Where a value is so frequent that edges
    fall together, the bin between them is empty.

    Args:
        features: (n, d).
        rows: K lists of indices.
        bins: of each feature.
    """
    fits = [_fit_one(features[own].astype(np.float64), bins) for own in rows]
    centre, width = (np.stack(parts) for parts in zip(*fits, strict=True))
    return Encoding(centre, width, bins)


def _fit_one(
    values: NDArray[np.float64], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(d (1 + B)) centres and widths of one member with (n, d) values."""
    # Asked of the values: the computed deviation of a constant is not always exactly 0.
    deviation = np.where(np.ptp(values, axis=0) == 0, 1, values.std(axis=0))
    centre, width = values.mean(axis=0)[None], deviation[None]
    if bins:
        edges = np.quantile(values, np.linspace(0, 1, bins + 1), axis=0)
        span = np.diff(edges, axis=0)
        centre = np.concatenate([centre, edges[:-1]])
        width = np.concatenate([width, np.where(span > 0, span, np.inf)])
    return centre.T.reshape(-1), width.T.reshape(-1)


class Encoder:
    """An encoding on a device."""

    def __init__(self, encoding: Encoding, device: torch.device) -> None:
        """Move its numbers there."""
        per_feature = 1 + encoding.bins
        centre, inverse = (torch.from_numpy(part).to(device) for part in encoding.single())
        shape = (len(centre), 1, -1, per_feature)
        self._centre, self._inverse = centre.view(shape), inverse.view(shape)

    def __call__(self, features: Tensor) -> Tensor:
        """Inputs of the first A members.

        Args:
            features: (A, n, d), overwritten where there are no bins.

        Returns:
            (A, n, d (1 + B)).
        """
        centre, inverse = self._centre[: len(features)], self._inverse[: len(features)]
        inputs = features.unsqueeze(3)
        if centre.shape[3] == 1:
            return inputs.sub_(centre).mul_(inverse).squeeze(3)
        inputs = (inputs - centre).mul_(inverse)
        inputs[..., 1:].clamp_(0, 1)
        return inputs.flatten(2)
