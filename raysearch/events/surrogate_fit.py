"""The fit of the surrogate sample to simulated events; needed only to renew its stored file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from raysearch.errors import InputError
from raysearch.events.base import Events
from raysearch.events.surrogate import Floats, Mixture, Surrogate, to_normal, variables

# Chosen by a boosted-tree test of surrogate against simulation on held-out events.
N_BACKGROUND_COMPONENTS = 120
N_SIGNAL_COMPONENTS = 80
# Smaller than the narrowest true width, the 2% of the light jet's mass peak, squared.
SMALLEST_VARIANCE = 1e-6
TRAINING_SHARE = 0.85


def training_rows(n_events: int, seed: int) -> NDArray[np.bool_]:
    """(n,) True for the events that the stored fit used; the others are free for tests of it."""
    return np.random.default_rng(seed).random(n_events) < TRAINING_SHARE


def fit_surrogate(events: Events, seed: int) -> Surrogate:
    """The surrogate of labelled events, fitted by maximum likelihood.

    Args:
        events: background and signal at all masses, with the surrogate's columns.
        seed: seed of the starting points.

    Raises:
        InputError: if the events have no labels or a class has too few events.
    """
    if events.labels is None:
        raise InputError("a surrogate needs labelled events, but these have no labels.")
    points = to_normal(variables(events))
    return Surrogate(
        fit_mixture(points[~events.labels], N_BACKGROUND_COMPONENTS, seed),
        fit_mixture(points[events.labels], N_SIGNAL_COMPONENTS, seed),
    )


def fit_mixture(points: Floats, n_components: int, seed: int) -> Mixture:
    """The Gaussian mixture of these (n, d) points.

    Raises:
        InputError: if there are fewer than 10 points per component.
    """
    if len(points) < 10 * n_components:
        raise InputError(
            f"{n_components} components need at least {10 * n_components} events of a class, "
            f"but got {len(points)}; give a larger file."
        )
    model = GaussianMixture(
        n_components,
        reg_covar=SMALLEST_VARIANCE,
        tol=2e-4,
        max_iter=150,
        init_params="k-means++",
        random_state=seed,
    ).fit(points)
    return Mixture(model.weights_, model.means_, model.covariances_)


def save_surrogate(surrogate: Surrogate, path: Path) -> None:
    """Write the parameters as plain arrays; the file appears whole or not at all."""
    arrays = {
        f"{name}_{part}": getattr(mixture, part)
        for name, mixture in (("background", surrogate.background), ("signal", surrogate.signal))
        for part in ("weights", "means", "covariances")
    }
    partial = path.with_suffix(".partial.npz")
    np.savez_compressed(partial, **arrays)
    partial.replace(path)
