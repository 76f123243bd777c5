"""What the table of a scan says: bands over repeats, correlations over sets, picks of setups.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import rankdata

from raysearch.objectives import CHANCE, OBJECTIVES, metric, sic_at
from raysearch.scanning.choice import best_set
from raysearch.scanning.table import FIGURES, FULL, HALF
from raysearch.seeds import generator

Floats = NDArray[np.float64]

_RESAMPLES = 200
_FEWEST_SETS = 4


class Place(NamedTuple):
    """A setup whose hyperparameters are still to be chosen."""

    mode: str
    features: str
    detector: str


class Band(NamedTuple):
    """Median and 16-84% band; NaN without values."""

    median: float
    low: float
    high: float


class Pick(NamedTuple):
    """The setup that an objective picks in one repeat.

    Attributes:
        place: mode, features and detector.
        set: its hyperparameter set.
        half: max SIC of that very fit on a half, at the epoch that the objective likes best.
        full: max SIC of the setup's ensemble on the full statistics; NaN if there is none.
    """

    place: Place
    set: int
    half: float
    full: float


@dataclass(frozen=True, eq=False)
class Values:
    """The table of a scan by place and number of signal events.

    Attributes:
        n_signal: numbers of signal events, rising.
        places: in the order of the settings.
        objectives: that chose.
        half: metric -> (sets, repeats) values of the fits on halves, NaN where there is none.
        full: metric -> value of the ensemble of an objective's choice.
    """

    n_signal: tuple[int, ...]
    places: tuple[Place, ...]
    objectives: tuple[str, ...]
    half: Mapping[tuple[Place, int], Mapping[str, Floats]]
    full: Mapping[tuple[Place, int, str], Mapping[str, float]]

    def means(self, place: Place, n_signal: int, metric: str) -> Floats:
        """(sets,) mean over the repeats."""
        return np.asarray(self.half[place, n_signal][metric].mean(axis=1))

    def chosen(self, place: Place, n_signal: int, objective: str) -> int | None:
        """The set that an objective (or chance) chooses; None if no set has a value."""
        if (place, n_signal) not in self.half:
            return None
        return best_set(self.means(place, n_signal, objective), objective)

    def band(self, place: Place, n_signal: int, objective: str, metric: str) -> Band:
        """A metric of the set that an objective chooses, over the repeats."""
        chosen = self.chosen(place, n_signal, objective)
        if chosen is None:
            return band(np.zeros(0))
        return band(self.half[place, n_signal][metric][chosen])

    def full_value(self, place: Place, n_signal: int, objective: str, metric: str) -> float:
        """A metric of the ensemble of an objective's choice; NaN if there is none."""
        return self.full.get((place, n_signal, objective), {}).get(metric, float("nan"))


def values_of(table: pa.Table, settings: Mapping[str, Sequence[str]]) -> Values:
    """The values of a scan's table, as far as it goes.

    Args:
        table: see `raysearch.scanning.table.scan_table`.
        settings: as scan.json holds them.
    """
    places = tuple(
        Place(mode, features, detector)
        for mode in settings["modes"]
        for features in settings["features"]
        for detector in settings["detectors"]
    )
    rows = table.select([c for c in table.column_names if not c.startswith("config.")]).to_pylist()
    by_cell: dict[tuple[Place, int], list[dict[str, float]]] = {}
    full: dict[tuple[Place, int, str], Mapping[str, float]] = {}
    for row in rows:
        key = (Place(row["mode"], row["features"], row["detector"]), row["n_signal"])
        if row["stage"] == HALF:
            by_cell.setdefault(key, []).append(row)
        elif row["stage"] == FULL:
            full[*key, row["objective"]] = {name: row[name] for name in OBJECTIVES}
    half = {key: _arrays(own) for key, own in by_cell.items()}
    n_signal = tuple(sorted({n for _, n in half}))
    return Values(n_signal, places, tuple(settings["objectives"]), half, full)


def _arrays(rows: Sequence[Mapping[str, float]]) -> dict[str, Floats]:
    sets, repeats = (1 + max(int(row[name]) for row in rows) for name in ("set", "repeat"))
    found = {name: np.full((sets, repeats), np.nan) for name in FIGURES}
    for row in rows:
        for name, values in found.items():
            values[int(row["set"]), int(row["repeat"])] = row[name]
    return found


def chance(values: Values, places: Sequence[Place], n_signal: int) -> Band:
    """What luck alone makes of val_sic, over the repeats.

    val_sic of permuted classes goes through what val_sic went through: the best epoch of each fit,
    the best mean of all sets of a place, then repeat by repeat the best place.

    Args:
        values: of the scan.
        places: that are compared.
        n_signal: number of signal events.
    """
    return band(best_by_repeat(values, places, n_signal, CHANCE.name).values)


def band(values: Floats) -> Band:
    """Median and 16-84% band of the values that are finite.

    Example:
        >>> band(np.array([1.0, 2.0, np.nan, 3.0])).median
        2.0
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Band(*[float("nan")] * 3)
    low, median, high = np.quantile(finite, [0.16, 0.5, 0.84])
    return Band(float(median), float(low), float(high))


def rank_correlation(
    values: Values, place: Place, n_signal: int, metric: str, seed: int = 0
) -> tuple[float, float]:
    """Spearman's correlation over sets of a metric with max SIC, and its bootstrap error.

    Positive if the metric prefers what labels would prefer, whatever its direction. The same fits
    give both, max SIC at the metric's best epoch, so that what they share by chance is part of it.

    Args:
        values: of the scan.
        place: setup.
        n_signal: number of signal events.
        metric: name.
        seed: of the resampling.

    Returns:
        NaN twice with fewer than four sets, or where nothing varies.
    """
    if (place, n_signal) not in values.half:
        return float("nan"), float("nan")
    x, y = (values.means(place, n_signal, name) for name in (metric, sic_at(metric)))
    both = np.isfinite(x) & np.isfinite(y)
    if np.count_nonzero(both) < _FEWEST_SETS:
        return float("nan"), float("nan")
    sign = 1 if OBJECTIVES[metric].direction == "max" else -1
    pair = np.stack([sign * x[both], y[both]])
    n = pair.shape[1]
    rows = generator(seed, "bootstrap", n_signal).integers(n, size=(_RESAMPLES, n))
    resampled = spearman(pair[0][rows], pair[1][rows])
    finite = resampled[np.isfinite(resampled)]
    error = float(np.std(finite)) if len(finite) else float("nan")
    return float(spearman(pair[:1], pair[1:])[0]), error


def spearman(x: Floats, y: Floats) -> Floats:
    """Spearman's rank correlation of each row; NaN where a row is constant.

    Args:
        x: (k, n) values.
        y: (k, n) values.

    Example:
        >>> spearman(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 4.0, 9.0]])).round(9).tolist()
        [1.0]
    """
    ranks = [rankdata(values, axis=1) for values in (x, y)]
    a, b = (r - r.mean(axis=1, keepdims=True) for r in ranks)
    norm = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    rho = np.full(len(x), np.nan)
    np.divide((a * b).sum(axis=1), norm, out=rho, where=norm > 0)
    return rho


class Best(NamedTuple):
    """The best of several places in each repeat, each place at its own best set.

    Attributes:
        places: that have a value.
        sets: the best set of each.
        which: (repeats,) index of the best place.
        values: (repeats,) its value.
    """

    places: tuple[Place, ...]
    sets: tuple[int, ...]
    which: NDArray[np.intp]
    values: Floats


def best_by_repeat(values: Values, places: Sequence[Place], n_signal: int, name: str) -> Best:
    """The best place by a metric, repeat by repeat; nothing where no place has a value.

    Each place is represented by the set with the best mean over repeats.
    """
    chosen = {place: values.chosen(place, n_signal, name) for place in places}
    found = {place: best for place, best in chosen.items() if best is not None}
    if not found:
        return Best((), (), np.zeros(0, np.intp), np.zeros(0))
    each = np.stack([values.half[place, n_signal][name][k] for place, k in found.items()])
    which = np.array([metric(name).best(column) for column in each.T])
    return Best(tuple(found), tuple(found.values()), which, each[which, np.arange(len(which))])


def picks(values: Values, n_signal: int, objective: str) -> list[Pick]:
    """The setup that an objective picks in each repeat, among all places at their chosen sets."""
    best = best_by_repeat(values, values.places, n_signal, objective)
    found = []
    for repeat, k in enumerate(best.which):
        place, chosen = best.places[k], best.sets[k]
        half = values.half[place, n_signal][sic_at(objective)][chosen, repeat]
        full = values.full_value(place, n_signal, objective, "max_sic")
        found.append(Pick(place, chosen, float(half), full))
    return found
