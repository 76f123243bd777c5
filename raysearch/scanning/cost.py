"""What a scan will cost, from a few short fits of each detector, before anything is started."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from raysearch.density import ESTIMATORS
from raysearch.density.estimators import Parameters
from raysearch.detectors import detector
from raysearch.errors import InputError
from raysearch.events import Events
from raysearch.prepare import Rehearsal
from raysearch.samples import Rows, TwoSample
from raysearch.scanning.cells import Cell
from raysearch.scanning.sets import Suggested, setup
from raysearch.scanning.settings import ScanSettings
from raysearch.seeds import generator
from raysearch.trial import run_trial

if TYPE_CHECKING:
    from raysearch.density.fit import Density

# Enough that setting up a fit does not decide, little enough for seconds.
_ROWS = 12_000
_TEST_ROWS = 4_000
_SETS = 5
# What the time of a set follows most: how often it passes over its rows.
_DRIVERS = ("batch_size", "max_iter", "n_estimators")
# Training on four fifths of the rows, relative to training on half of them.
_FULL_ROWS = 1.6


@dataclass(frozen=True)
class Cost:
    """An estimate.

    Attributes:
        cpu_hours: of each part: the detectors, and "density".
        cells: how many.
        fits: on halves.
    """

    cpu_hours: Mapping[str, float]
    cells: int
    fits: int

    @property
    def total(self) -> float:
        """CPU hours of all parts."""
        return sum(self.cpu_hours.values())

    def __str__(self) -> str:
        each = ", ".join(f"{name} {hours:.2g}" for name, hours in self.cpu_hours.items())
        return (
            f"{self.total:.2g} CPU hours ({each}) for {self.cells} cells and {self.fits:,} fits on "
            "halves, retraining included, scaled from a few short fits of each"
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values, as scan.json holds them."""
        return {"cpu_hours": dict(self.cpu_hours), "cells": self.cells, "fits": self.fits}

    def check(self, most_cpu_hours: float) -> None:
        """Raise InputError if it is more than this many CPU hours."""
        if self.total > most_cpu_hours:
            raise InputError(
                f"a scan may take --max-cpu-hours {most_cpu_hours:g}, but this one is estimated to "
                f"take {self}; add --yes to run it all the same, or ask for fewer --sets, "
                "--repeats, --n-signal, --detectors or --cathode trials."
            )


def estimate(
    settings: ScanSettings,
    sets: Mapping[str, Sequence[Suggested]],
    rehearsals: Mapping[Cell, Rehearsal],
) -> Cost:
    """What the scan will take.

    Hyperparameters differ a hundredfold in cost and a few sets are timed, from the cheapest to the
    dearest by batch size or number of trees. Preparing a sample and checking a density are left
    out. The report of a scan shows what its fits took beside this.

    Args:
        settings: of the scan.
        sets: of each detector.
        rehearsals: of all cells of one number of signal events.
    """
    seconds = dict.fromkeys(settings.detectors, 0.0)
    for name, features in product(settings.detectors, settings.features):
        samples = {c: r.sample for c, r in rehearsals.items() if c.features == features}
        seconds[name] += _detector_s(settings, name, sets[name], samples)
    of_density = [
        _density_s(settings, r.learned, int(np.count_nonzero(~r.sample.rows.is_data)))
        for r in rehearsals.values()
        if r.learned is not None
    ]
    if of_density:
        seconds["density"] = sum(of_density)
    hours = {name: of_one * len(settings.n_signal) / 3600 for name, of_one in seconds.items()}
    cells = len(settings.cells())
    fits = cells * len(settings.detectors) * settings.sets * settings.repeats
    return Cost(hours, cells, fits)


def _detector_s(
    settings: ScanSettings,
    name: str,
    sets: Sequence[Suggested],
    samples: Mapping[Cell, TwoSample],
) -> float:
    """CPU seconds of a detector on one feature set, in the cells of one number of signal."""
    cell, sample = next(iter(samples.items()))
    small = thinned(sample, settings.seed)
    fit_s = _fit_s(name, cell, sets, small) / _weight(small)
    weights = sum(map(_weight, samples.values()))
    fits = settings.sets * settings.repeats + _FULL_ROWS * _full_fits(settings, name)
    return fit_s * weights * fits


def _full_fits(settings: ScanSettings, name: str) -> float:
    """Final fits of a cell, in units of a fit of the search; none shared."""
    family = detector(name)
    epochs = (family.final_epochs or 1) / family.search_epochs
    return len(settings.objectives) * family.ensemble_size * epochs


def _fit_s(name: str, cell: Cell, sets: Sequence[Suggested], sample: TwoSample) -> float:
    """Mean CPU seconds of a fit on halves; in place of a set that fails another is timed.

    Returns:
        0 if all of them fail.
    """

    def fit(suggested: Suggested) -> Callable[[], object]:
        return partial(run_trial, setup(cell, name, suggested), sample, repeats=1)

    ordered, timed = of_all_costs(sets), list[float]()
    with suppress(ValueError):
        fit(ordered[0])()  # what is imported or compiled at first use is no part of a fit
    for suggested in ordered:
        if len(timed) < _SETS:
            with suppress(ValueError):
                timed.append(_cpu_s(fit(suggested)))
    return float(np.mean(timed)) if timed else 0.0


def of_all_costs(sets: Sequence[Suggested]) -> list[Suggested]:
    """The sets, first a few that stand for all from the cheapest to the dearest.

    Args:
        sets: of one detector.
    """

    def driver(number: int) -> list[float]:
        own = {name.rpartition("/")[2]: value for name, value in sets[number].items()}
        return [float(str(own[name])) for name in _DRIVERS if name in own]

    by_cost = sorted(range(len(sets)), key=driver)
    few = min(_SETS, len(sets))
    first = [by_cost[int((k + 0.5) * len(sets) / few)] for k in range(few)]
    return [sets[k] for k in dict.fromkeys([*first, *by_cost])]


def _density_s(settings: ScanSettings, sidebands: Events, n_template: int) -> float:
    """CPU seconds of training the densities and of sampling a template of so many events."""
    from raysearch.density.fit import fit_density  # who trains waits for torch
    from raysearch.density.sets import suggested_sets
    from raysearch.density.training import DivergedError

    n = min(len(sidebands), _ROWS)
    few = sidebands.take(np.arange(n))
    wanted = settings.cathode

    def fit(parameters: Parameters) -> Density:
        once = {**parameters, "epochs": 1}
        return fit_density(few, few.take(np.arange(n // 4)), wanted.estimator, once, 0)

    sets = suggested_sets(wanted, settings.seed)[:_SETS]
    density = _first_that_fits(fit, sets)  # warm from here on
    training_s = []
    for own in sets:
        epochs = ESTIMATORS[wanted.estimator].complete(own)["epochs"]
        with suppress(DivergedError):  # costs the scan no more than its time
            training_s.append(_cpu_s(partial(fit, own)) * len(sidebands) / n * epochs)
    sampling_s = _cpu_s(lambda: density.sample(few.mjj_tev, 0)) * n_template / n
    return wanted.trials * float(np.mean(training_s)) + sampling_s


def _first_that_fits(fit: Callable[[Parameters], Density], sets: Sequence[Parameters]) -> Density:
    from raysearch.density.training import DivergedError

    *others, last = sets
    for own in others:
        with suppress(DivergedError):
            return fit(own)
    return fit(last)


def _weight(sample: TwoSample) -> float:
    """Events of the work of a fit: rows train and are judged, test events are judged alone."""
    return 2.0 * len(sample.mjj_tev) + (0 if sample.test is None else len(sample.test))


def thinned(sample: TwoSample, seed: int) -> TwoSample:
    """Some of the rows and test events of a sample, at random, all of a small one."""
    rows = _some(len(sample.mjj_tev), _ROWS, seed)
    few = replace(
        sample,
        rows=Rows(sample.rows.features[rows], sample.rows.is_data[rows]),
        mjj_tev=sample.mjj_tev[rows],
    )
    if sample.test is None or sample.test_is_signal is None or sample.test_mjj_tev is None:
        return few
    test = _some(len(sample.test), _TEST_ROWS, seed)
    return replace(
        few,
        test=sample.test[test],
        test_is_signal=sample.test_is_signal[test],
        test_mjj_tev=sample.test_mjj_tev[test],
    )


def _some(n: int, most: int, seed: int) -> NDArray[np.intp]:
    return np.sort(generator(seed, "estimate").permutation(n)[:most])


def _cpu_s(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
