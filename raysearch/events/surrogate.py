"""Surrogate dijet events: Gaussian mixtures that stand in for a simulation.

Two mixtures, background and signal, share one fixed smooth transform of the five variables to
the real line, so that its Jacobian cancels in their ratio and the likelihood ratio is exact. The
parameters were fitted once (`raysearch.events.surrogate_fit`) to simulated dijets like those of
the LHC Olympics.

References:
    The LHC Olympics 2020 (Kasieczka et al., 2021), arXiv:2101.08320
    On the problem of the most efficient tests of statistical hypotheses (Neyman & Pearson, 1933)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from raysearch.errors import InputError
from raysearch.events.base import Events

Floats: TypeAlias = NDArray[np.float64]

COLUMNS = ("mj1", "delta_mj", "tau21j1", "tau21j2")
UNITS = ("TeV", "TeV", "1", "1")
# The simulation's axes do not minimise tau2, so its tau21 exceeds 1 in a few per cent of jets;
# this bound lies above the largest value in it.
LARGEST_TAU21 = 1.6
# delta_mj falls almost exponentially with this scale; so does mjj above its threshold, which the
# cut on the jets' momentum sets and smears. Their transforms make an exponential normal.
DELTA_MJ_SCALE_TEV = 0.17
MJJ_SCALE_TEV = 0.7
MJJ_THRESHOLD_TEV = 2.48
MJJ_SMEARING_TEV = 0.1
# Zero has no logarithm; no sampled value comes near this one.
SMALLEST = 1e-9
# Below this probability a window is empty for every practical sample.
SMALLEST_SHARE = 1e-6
EVERYWHERE = (-np.inf, np.inf)


@dataclass(frozen=True, eq=False)
class Mixture:
    """A Gaussian mixture over the transformed (mjj, mj1, delta_mj, tau21j1, tau21j2).

    Attributes:
        weights: (k,) probabilities of the components, sum 1.
        means: (k, d) means, the mass first.
        covariances: (k, d, d) full covariances.
    """

    weights: Floats
    means: Floats
    covariances: Floats

    def __post_init__(self) -> None:
        """Freeze the arrays: one loaded mixture serves every caller."""
        for array in (self.weights, self.means, self.covariances):
            array.setflags(write=False)

    def shares(self, edges: tuple[float, float]) -> Floats:
        """(k,) probability of each component, its weight included, inside the mass edges."""
        width = np.sqrt(self.covariances[:, 0, 0])
        low, high = ((edge - self.means[:, 0]) / width for edge in edges)
        return self.weights * np.exp(_log_interval(low, high))

    def sample(self, n: int, rng: np.random.Generator, edges: tuple[float, float]) -> Floats:
        """(n, d) points with the mass inside the edges, ordered by component."""
        shares = self.shares(edges)
        counts = rng.multinomial(n, shares / shares.sum())
        roots = np.linalg.cholesky(self.covariances)
        parts = [
            mean
            + _normal(rng, (count, len(mean)), (np.array(edges) - mean[0]) / root[0, 0]) @ root.T
            for mean, root, count in zip(self.means, roots, counts, strict=True)
        ]
        return np.concatenate(parts)

    def log_density(self, points: Floats, edges: tuple[float, float] | None = None) -> Floats:
        """Log density of the points, or of their features given that the mass is inside the edges.

        Args:
            points: (n, d) transformed points, the mass first.
            edges: mass edges; with them the points' own masses play no role.

        Returns:
            (n,) ``log p(mass, x)``, or ``log p(x | mass inside)``.
        """
        # With the mass last, the last row of a Cholesky factor is the mass given all else.
        backwards = points[:, ::-1].T
        total = np.full(len(points), -np.inf)
        for weight, mean, covariance in zip(
            self.weights, self.means[:, ::-1], self.covariances[:, ::-1, ::-1], strict=True
        ):
            term = _log_normal(
                backwards - mean[:, None], np.linalg.cholesky(covariance), mean, edges
            )
            np.logaddexp(total, np.log(weight) + term, out=total)
        return total if edges is None else total - np.log(self.shares(edges).sum())


@dataclass(frozen=True, eq=False)
class Surrogate:
    """The two mixtures of the surrogate sample.

    Attributes:
        background: QCD dijets.
        signal: a resonance at 3.5 TeV that decays to jets of 0.5 and 0.1 TeV mass.
    """

    background: Mixture
    signal: Mixture


@cache
def load_surrogate() -> Surrogate:
    """The fitted surrogate that ships with the package."""
    path = resources.files("raysearch.events") / "surrogate.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        background, signal = (
            Mixture(*(stored[f"{name}_{part}"] for part in ("weights", "means", "covariances")))
            for name in ("background", "signal")
        )
    return Surrogate(background, signal)


def surrogate_events(
    n_background: int,
    n_signal: int,
    seed: int,
    window_tev: tuple[float, float] | None = None,
) -> Events:
    """Shuffled, labelled dijet events of the surrogate; equal arguments give equal events.

    Args:
        n_background: number of background events.
        n_signal: number of signal events.
        seed: non-negative seed.
        window_tev: (low, high) of mjj in TeV; all events then lie inside. None samples all masses.

    Returns:
        Events with columns mj1, delta_mj (TeV, never negative) and tau21j1, tau21j2, where j1 is
        the lighter jet.

    Raises:
        InputError: if a number or the seed is negative, or the window is impossible or empty.

    Example:
        >>> events = surrogate_events(3, 2, seed=0, window_tev=(3.3, 3.7))
        >>> len(events), int(events.labels.sum())
        (5, 2)
    """
    for name, value in (("n_background", n_background), ("n_signal", n_signal), ("seed", seed)):
        if value < 0:
            raise InputError(f"{name} must not be negative, but got {value}; give 0 or more.")
    edges = EVERYWHERE if window_tev is None else _edges(window_tev)
    of_background, of_signal, of_order = map(
        np.random.default_rng, np.random.SeedSequence(seed).spawn(3)
    )
    background = load_surrogate().background.sample(n_background, of_background, edges)
    signal = load_surrogate().signal.sample(n_signal, of_signal, edges)
    order = of_order.permutation(n_background + n_signal)
    values = from_normal(np.concatenate([background, signal])[order]).astype(np.float32)
    mjj = values[:, 0] if window_tev is None else _strictly_inside(values[:, 0], window_tev)
    return Events(values[:, 1:].copy(), COLUMNS, UNITS, mjj.copy(), order >= n_background)


def log_likelihood_ratio(events: Events, window_tev: tuple[float, float] | None = None) -> Floats:
    """Exact log of the surrogate's signal density over its background density.

    By the Neyman-Pearson lemma no detector ranks surrogate events better.

    Args:
        events: events with at least the columns mj1, delta_mj, tau21j1 and tau21j2.
        window_tev: (low, high) of mjj in TeV. With it the ratio is that of the features given that
            mjj is somewhere inside: the best a classifier can do that does not see the mass. The
            events' own masses then play no role.

    Returns:
        (n,) ``log p_S(mjj, x) / p_B(mjj, x)``, or ``log p_S(x | window) / p_B(x | window)``.

    Raises:
        InputError: if a column is absent, or the window is impossible or empty.
    """
    edges = None if window_tev is None else _edges(window_tev)
    points = to_normal(variables(events))
    surrogate = load_surrogate()
    return surrogate.signal.log_density(points, edges) - surrogate.background.log_density(
        points, edges
    )


def variables(events: Events) -> Floats:
    """(n, 5) mjj, mj1, delta_mj (TeV), tau21j1 and tau21j2 of the events."""
    return np.column_stack([events.mjj_tev, *map(events.column, COLUMNS)]).astype(np.float64)


def to_normal(values: Floats) -> Floats:
    """(n, 5) variables on the real line: roughly normal, smooth, and the same for both classes."""
    ratios = np.clip(values[:, 3:] / LARGEST_TAU21, SMALLEST, 1 - SMALLEST)
    return np.column_stack(
        [
            _mjj_to_normal(values[:, 0]),
            np.log(np.maximum(values[:, 1], SMALLEST)),
            -special.ndtri_exp(-np.maximum(values[:, 2], SMALLEST) / DELTA_MJ_SCALE_TEV),
            special.logit(ratios),
        ]
    )


def from_normal(points: Floats) -> Floats:
    """(n, 5) variables of the transformed points, the inverse of `to_normal`."""
    mjj, delta = -special.log_ndtr(-points[:, [0, 2]]).T
    above = mjj * (MJJ_SCALE_TEV / MJJ_SMEARING_TEV)
    return np.column_stack(
        [
            MJJ_THRESHOLD_TEV + MJJ_SMEARING_TEV * (above + np.log(-np.expm1(-above))),
            np.exp(points[:, 1]),
            delta * DELTA_MJ_SCALE_TEV,
            special.expit(points[:, 3:]) * LARGEST_TAU21,
        ]
    )


def _mjj_to_normal(mjj_tev: Floats) -> Floats:
    above = np.logaddexp(0.0, (mjj_tev - MJJ_THRESHOLD_TEV) / MJJ_SMEARING_TEV)
    return np.asarray(-special.ndtri_exp(-above * (MJJ_SMEARING_TEV / MJJ_SCALE_TEV)))


def _edges(window_tev: tuple[float, float]) -> tuple[float, float]:
    """The window's edges in the transformed mass."""
    low, high = window_tev
    if not 0 < low < high < np.inf:
        raise InputError(
            f"a window must have 0 < low < high, both finite and in TeV, but got {window_tev}."
        )
    left, right = _mjj_to_normal(np.array([low, high]))
    edges = (float(left), float(right))
    surrogate = load_surrogate()
    share = min(m.shares(edges).sum() for m in (surrogate.background, surrogate.signal))
    if not share >= SMALLEST_SHARE:
        raise InputError(
            f"a window must hold at least {SMALLEST_SHARE:g} of the background and of the signal, "
            f"but {window_tev} TeV holds {share:.1e}; choose one nearer to 3.5 TeV or wider."
        )
    return edges


def _strictly_inside(
    mjj: NDArray[np.float32], window_tev: tuple[float, float]
) -> NDArray[np.float32]:
    """Masses that rounding to float32 has not put on or past the window's edges."""
    low, high = np.float32(window_tev[0]), np.float32(window_tev[1])
    return np.clip(mjj, np.nextafter(low, high), np.nextafter(high, low))


def _normal(rng: np.random.Generator, shape: tuple[int, int], limits: Floats) -> Floats:
    """Standard normal numbers of this shape, the first of each row inside the limits."""
    points = rng.standard_normal(shape)
    if np.isfinite(limits).any():
        low, high = special.ndtr(limits)
        points[:, 0] = np.clip(special.ndtri(rng.uniform(low, high, shape[0])), *limits)
    return points


def _log_normal(
    offsets: Floats, root: Floats, mean: Floats, edges: tuple[float, float] | None
) -> Floats:
    """(n,) log of one normal density, its last dimension integrated between edges if given.

    Args:
        offsets: (d, n) points minus mean.
        root: (d, d) lower Cholesky factor of the covariance.
        mean: (d,) mean.
        edges: limits of the last dimension, or None for the density in all d.
    """
    whitened = np.linalg.inv(root[:-1, :-1]) @ offsets[:-1]
    expected, width = root[-1, :-1] @ whitened, root[-1, -1]
    logs = -0.5 * (whitened**2 + np.log(2 * np.pi)).sum(axis=0) - np.log(np.diag(root)[:-1]).sum()
    if edges is None:
        pull = (offsets[-1] - expected) / width
        return np.asarray(logs - 0.5 * (pull**2 + np.log(2 * np.pi)) - np.log(width))
    low, high = ((edge - mean[-1] - expected) / width for edge in edges)
    return np.asarray(logs + _log_interval(low, high))


def _log_interval(low: Floats, high: Floats) -> Floats:
    """Log of the standard normal probability between low and high, accurate in both tails."""
    mirrored = low > 0
    low, high = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    upper: Floats = special.log_ndtr(high)
    return upper + np.log(-np.expm1(special.log_ndtr(low) - upper))
