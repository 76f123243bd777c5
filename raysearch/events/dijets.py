"""Dijet variables: what two leading jets say about the resonance and its decay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from types import MappingProxyType
from typing import NamedTuple

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
    return (
        *momenta,
        *(name for file, _ in taus.suffixes for name in _tau_features(taus, file, file)),
    )


def dijet_columns(taus: Subjettiness) -> tuple[str, ...]:
    """Names of the canonical features; j1 is the lighter of the two leading jets."""
    return tuple(_features(taus))


def dijet_units(taus: Subjettiness) -> tuple[str, ...]:
    """Units of the canonical features: TeV for the two masses, else 1."""
    return ("TeV", "TeV") + ("1",) * (len(dijet_columns(taus)) - 2)


def dijets(loaded: Loaded, columns: Sequence[str], taus: Subjettiness) -> Iterator[Column]:
    """The invariant mass (TeV) and then each wanted canonical feature; the others cost nothing.

    Masses in TeV; the jets are massive, E^2 = p^2 + m^2. The lighter jet becomes j1; of equal ones
    the leading jet. Ratios with 0/0 are 0, so a jet that is absent (all zeros) has ratios of 0 and
    pseudorapidity 0.

    Args:
        loaded: the columns of `needed_columns`, each (n,), GeV.
        columns: names among `dijet_columns`, in any order.
        taus: which N-subjettinesses there are.

    Yields:
        mjj and then the features in the order of `columns`, each (n,) float64.
    """
    first, second = (_momentum(loaded, jet) for jet in (1, 2))
    jets = _Jets(loaded, first, second, second[3] < first[3])
    features = _features(taus)
    yield _invariant_mass(jets)
    yield from (features[name](jets) for name in columns)


class _Jets(NamedTuple):
    """Two leading jets: file columns, momenta (4, n) as px, py, pz, m; where to swap."""

    loaded: Loaded
    first: Column
    second: Column
    swap: NDArray[np.bool_]


@cache
def _features(taus: Subjettiness) -> Mapping[str, Callable[[_Jets], Column]]:
    """How each canonical feature is computed, in the canonical order."""
    (beta, first), *others = taus.suffixes
    features: dict[str, Callable[[_Jets], Column]] = {
        "mj1": _lighter_mass,
        "delta_mj": _mass_difference,
        "delta_r": _angular_distance,
    }
    features |= _tau_features(taus, beta, first)
    for jet in (1, 2):
        for n in taus.ratios:
            features[f"tau{n + 1}{n}j{jet}"] = partial(_tau_ratio, n=n, jet=jet, suffix=beta)
    for suffix, canonical in others:
        features |= _tau_features(taus, suffix, canonical)
    return MappingProxyType(features)


def _tau_features(
    taus: Subjettiness, suffix: str, canonical: str
) -> dict[str, Callable[[_Jets], Column]]:
    return {
        f"tau{n}j{jet}{canonical}": partial(_tau, n=n, jet=jet, suffix=suffix)
        for jet in (1, 2)
        for n in range(1, taus.n_taus + 1)
    }


def _momentum(loaded: Loaded, jet: int) -> Column:
    return np.stack([loaded[f"{name}j{jet}"] for name in _MOMENTA]).astype(np.float64, copy=False)


def _lighter_mass(jets: _Jets) -> Column:
    mass: Column = np.minimum(jets.first[3], jets.second[3])
    return mass * _TEV_PER_GEV


def _mass_difference(jets: _Jets) -> Column:
    difference: Column = np.abs(jets.second[3] - jets.first[3])
    return difference * _TEV_PER_GEV


def _tau(jets: _Jets, n: int, jet: int, suffix: str) -> Column:
    """The N-subjettiness of the lighter (jet 1) or heavier (jet 2) jet."""
    own, other = (jets.loaded[f"tau{n}j{j}{suffix}"] for j in (jet, 3 - jet))
    return np.where(jets.swap, other, own).astype(np.float64, copy=False)


def _tau_ratio(jets: _Jets, n: int, jet: int, suffix: str) -> Column:
    return _ratio(_tau(jets, n + 1, jet, suffix), _tau(jets, n, jet, suffix))


def _ratio(numerator: Column, denominator: Column) -> Column:
    # 0/0 becomes 0/1; any other x/0 stays infinite, which the reader reports.
    if not numerator.all():
        denominator = np.where(numerator == 0, 1.0, denominator)
    ratio: Column = numerator / denominator
    return ratio


def _invariant_mass(jets: _Jets) -> Column:
    """m^2 = m1^2 + m2^2 + 2 (E1 E2 - p1.p2), in TeV."""
    first, second = jets.first, jets.second
    energies = np.sqrt(_dot(first, first) * _dot(second, second))
    squared = _dot(first[3:], first[3:]) + _dot(second[3:], second[3:])
    squared += 2.0 * (energies - _dot(first[:3], second[:3]))
    # Rounding may leave a tiny negative square for two collinear massless jets.
    mass: Column = np.sqrt(np.maximum(squared, 0.0))
    return mass * _TEV_PER_GEV


def _dot(first: Column, second: Column) -> Column:
    product: Column = np.einsum("in,in->n", first, second)
    return product


def _angular_distance(jets: _Jets) -> Column:
    """sqrt(deta^2 + dphi^2) with one arcsinh and one arctan2.

    With sinh(eta) = pz/pt and cosh(eta) = p/pt: sinh(eta1 - eta2) = (pz1 p2 - pz2 p1)/(pt1 pt2).
    """
    px1, py1, pz1, _ = jets.first
    px2, py2, pz2, _ = jets.second
    pt1, pt2 = px1 * px1 + py1 * py1, px2 * px2 + py2 * py2
    p1, p2 = np.sqrt(pt1 + pz1 * pz1), np.sqrt(pt2 + pz2 * pz2)
    delta_eta = np.arcsinh(_ratio(pz1 * p2 - pz2 * p1, np.sqrt(pt1 * pt2)))
    delta_phi = np.arctan2(px1 * py2 - py1 * px2, px1 * px2 + py1 * py2)
    distance: Column = np.sqrt(delta_eta * delta_eta + delta_phi * delta_phi)
    return distance
