"""Masses drawn from a smoothed spectrum.

References:
    Classifying Anomalies THrough Outer Density Estimation (Hallin et al., 2021), arXiv:2109.00546
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from raysearch.regions import Window


def draw_masses(
    mjj_tev: NDArray[np.float32],
    n_draws: int,
    bandwidth_tev: float,
    window: Window,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Masses from a Gaussian kernel density estimate of the given ones, inside the window.

    The kernel is a Gaussian in mjj itself, in TeV. What it carries past an edge is reflected
    there, so that the spectrum neither leaks out of the window nor falls off at its edges.

    Args:
        mjj_tev: (n,) masses inside the window, at least one.
        n_draws: how many are drawn.
        bandwidth_tev: standard deviation of the kernel.
        window: in mjj.
        rng: decides the draws.

    Returns:
        (n_draws,) masses.
    """
    # A kernel density estimate is sampled by choosing an event and adding the kernel's noise.
    drawn = rng.choice(mjj_tev, n_draws).astype(np.float64) + rng.normal(0, bandwidth_tev, n_draws)
    width = window.high_tev - window.low_tev
    offset = np.mod(drawn - window.low_tev, 2 * width)
    inside = window.low_tev + np.minimum(offset, 2 * width - offset)
    low, high = np.float32(window.low_tev), np.float32(window.high_tev)
    return np.clip(inside.astype(np.float32), low, np.nextafter(high, low))
