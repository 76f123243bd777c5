"""From features to numbers a density estimator learns easily, and exactly back.

References:
    Classifying Anomalies THrough Outer Density Estimation (Hallin et al., 2021), arXiv:2109.00546:
    features are mapped to (0, 1), passed through a logit and standardised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from raysearch.errors import InputError
from raysearch.events import Events

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scaling:
    """The logit of each feature between two ends, standardised.

    Attributes:
        low: (d,) lower end of each feature; every value lies above.
        high: (d,) upper end; every value lies below.
        mean: (d,) mean of the logits.
        width: (d,) standard deviation of the logits.
    """

    low: Floats
    high: Floats
    mean: Floats
    width: Floats

    def contains(self, features: NDArray[np.floating]) -> NDArray[np.bool_]:
        """(n,) True where every one of the (n, d) features lies between its ends."""
        return np.asarray(((features > self.low) & (features < self.high)).all(axis=1))

    def forward(self, features: NDArray[np.floating]) -> Floats:
        """(n, d) scaled values of (n, d) features that lie between the ends."""
        x = features.astype(np.float64)
        # The quotient keeps its precision at both ends, where 1 - u would lose it.
        return np.asarray((np.log((x - self.low) / (self.high - x)) - self.mean) / self.width)

    def inverse(self, scaled: NDArray[np.floating]) -> Floats:
        """(n, d) features of (n, d) scaled values; the inverse of `forward`."""
        logits = scaled.astype(np.float64) * self.width + self.mean
        return np.asarray(self.low + (self.high - self.low) * expit(logits))


def fit_scaling(events: Events) -> Scaling:
    """The scaling that these events suggest; their masses and labels play no part.

    The ends lie beyond the extremes by the n-th part of their distance: by about as much as the
    extremes of n events fall short of the ends of a range that the density reaches.

    Raises:
        InputError: if a feature has the same value in all events.
    """
    x = events.features.astype(np.float64)
    least, largest = x.min(axis=0), x.max(axis=0)
    for name, one, other in zip(events.columns, least, largest, strict=True):
        if one == other:
            raise InputError(
                f"a feature must vary for its density to be estimated, but {name!r} is {one:g} in "
                f"all {len(events)} training events of the sidebands; choose another feature set."
            )
    margin = (largest - least) / len(x)
    ends = Scaling(least - margin, largest + margin, np.zeros(x.shape[1]), np.ones(x.shape[1]))
    logits = ends.forward(x)
    return Scaling(ends.low, ends.high, logits.mean(axis=0), logits.std(axis=0))
