"""Dijet variables: what two leading jets say about the resonance and its decay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raysearch.events.table import Loaded

_TEV_PER_GEV = 1e-3
_MOMENTA = ("px", "py", "pz", "m")
_MOST_RATIOS = 4

Column = NDArray[np.float64]


@dataclass(frozen=True)
class Subjettiness:
    """Which N-subjettinesses a file holds.

    Attributes:
        n_taus: the largest N.
        suffixes: (suffix in the file, suffix of the canonical name) for each beta, beta = 1 first;
            the canonical beta = 1 has none.
    """

    n_taus: int
    suffixes: tuple[tuple[str, str], ...] = field(default=(("", ""),))

    @property
    def ratios(self) -> range:
        """The N of the ratios tau(N+1)/tau(N), for beta = 1."""
        return range(1, min(self.n_taus - 1, _MOST_RATIOS) + 1)


def needed_columns(taus: Subjettiness) -> tuple[str, ...]:
    """The columns a file must have: momenta and masses (GeV) and N-subjettinesses of both jets."""
    momenta = [f"{name}j{jet}" for jet in (1, 2) for name in _MOMENTA]
    return (*momenta, *(f"{name}{file}" for file, _ in taus.suffixes for name in _taus(taus)))


def dijet_columns(taus: Subjettiness) -> tuple[str, ...]:
    """Names of the canonical features; j1 is the lighter of the two leading jets."""
    (_, first), *others = taus.suffixes
    ratios = [f"tau{n + 1}{n}j{jet}" for jet in (1, 2) for n in taus.ratios]
    return (
        *("mj1", "delta_mj", "delta_r"),
        *(name + first for name in _taus(taus)),
        *ratios,
        *(name + suffix for _, suffix in others for name in _taus(taus)),
    )


def dijet_units(taus: Subjettiness) -> tuple[str, ...]:
    """Units of the canonical features: TeV for the two masses, else 1."""
    return ("TeV", "TeV") + ("1",) * (len(dijet_columns(taus)) - 2)


def dijets(loaded: Loaded, taus: Subjettiness) -> Iterator[Column]:
    """The invariant mass (TeV) and then each canonical feature.

    Masses in TeV; the jets are massive, E^2 = p^2 + m^2. The lighter jet becomes j1; of equal ones
    the leading jet. Ratios with 0/0 are 0, so a jet that is absent (all zeros) has ratios of 0 and
    pseudorapidity 0.

    Args:
        loaded: the columns of `needed_columns`, each (n,), GeV.
        taus: which N-subjettinesses there are.

    Yields:
        mjj and then the features in the order of `dijet_columns`, each (n,) float64.
    """
    first, second = (_momentum(loaded, jet) for jet in (1, 2))
    yield _invariant_mass(first, second) * _TEV_PER_GEV
    yield np.minimum(first[3], second[3]) * _TEV_PER_GEV
    yield np.abs(second[3] - first[3]) * _TEV_PER_GEV
    yield _angular_distance(first, second)
    swap = second[3] < first[3]
    for position, (suffix, _) in enumerate(taus.suffixes):
        by_jet = [_ordered(loaded, suffix, swap, taus.n_taus, jet) for jet in (1, 2)]
        yield from (*by_jet[0], *by_jet[1])
        if position == 0:
            yield from (_ratio(tau[n], tau[n - 1]) for tau in by_jet for n in taus.ratios)


def _taus(taus: Subjettiness) -> list[str]:
    return [f"tau{n}j{jet}" for jet in (1, 2) for n in range(1, taus.n_taus + 1)]


def _column(values: NDArray[Any]) -> Column:
    return np.ascontiguousarray(values, dtype=np.float64)


def _momentum(loaded: Loaded, jet: int) -> list[Column]:
    return [_column(loaded[f"{name}j{jet}"]) for name in _MOMENTA]


def _ordered(
    loaded: Loaded, suffix: str, swap: NDArray[np.bool_], n_taus: int, jet: int
) -> list[Column]:
    """tau1, tau2, ... of the lighter (jet 1) or heavier (jet 2) jet."""
    pairs = [
        (loaded[f"tau{n}j{jet}{suffix}"], loaded[f"tau{n}j{3 - jet}{suffix}"])
        for n in range(1, n_taus + 1)
    ]
    return [np.where(swap, other, own).astype(np.float64, copy=False) for own, other in pairs]


def _ratio(numerator: Column, denominator: Column) -> Column:
    # 0/0 becomes 0/1; any other x/0 stays infinite, which the reader reports.
    if not numerator.all():
        denominator = np.where(numerator == 0, 1.0, denominator)
    ratio: Column = numerator / denominator
    return ratio


def _invariant_mass(first: list[Column], second: list[Column]) -> Column:
    """m^2 = m1^2 + m2^2 + 2 (E1 E2 - p1.p2)."""
    px1, py1, pz1, m1 = first
    px2, py2, pz2, m2 = second
    energy1 = np.sqrt(px1 * px1 + py1 * py1 + pz1 * pz1 + m1 * m1)
    energy2 = np.sqrt(px2 * px2 + py2 * py2 + pz2 * pz2 + m2 * m2)
    dot = px1 * px2 + py1 * py2 + pz1 * pz2
    squared = m1 * m1 + m2 * m2 + 2.0 * (energy1 * energy2 - dot)
    # Rounding may leave a tiny negative square for two collinear massless jets.
    mass: Column = np.sqrt(np.maximum(squared, 0.0))
    return mass


def _angular_distance(first: list[Column], second: list[Column]) -> Column:
    """sqrt(deta^2 + dphi^2) with one arcsinh and one arctan2.

    With sinh(eta) = pz/pt and cosh(eta) = p/pt: sinh(eta1 - eta2) = (pz1 p2 - pz2 p1)/(pt1 pt2).
    """
    px1, py1, pz1, _ = first
    px2, py2, pz2, _ = second
    pt1, pt2 = px1 * px1 + py1 * py1, px2 * px2 + py2 * py2
    p1, p2 = np.sqrt(pt1 + pz1 * pz1), np.sqrt(pt2 + pz2 * pz2)
    delta_eta = np.arcsinh(_ratio(pz1 * p2 - pz2 * p1, np.sqrt(pt1 * pt2)))
    delta_phi = np.arctan2(px1 * py2 - py1 * px2, px1 * px2 + py1 * py2)
    distance: Column = np.sqrt(delta_eta * delta_eta + delta_phi * delta_phi)
    return distance
