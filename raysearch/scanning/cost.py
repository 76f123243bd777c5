"""What a scan will cost, from a few short fits of each detector, before anything is started."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raysearch.density import ESTIMATORS, fit_density
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

# Enough that setting up a fit does not decide, little enough for seconds.
_ROWS = 12_000
_TEST_ROWS = 4_000
_SETS = 5
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
                "--repeats, --n-signal or --detectors."
            )


def estimate(
    settings: ScanSettings,
    sets: Mapping[str, Sequence[Suggested]],
    rehearsals: Mapping[Cell, Rehearsal],
) -> Cost:
    """What the scan will take.

    Hyperparameters differ a hundredfold in cost and only the first few sets are timed, so that the
    estimate is good to about a factor of two.

    Args:
        settings: of the scan.
        sets: of each detector.
        rehearsals: of all cells of one number of signal events.
    """
    seconds = dict.fromkeys(settings.detectors, 0.0)
    for name, features in product(settings.detectors, settings.features):
        samples = {c: r.sample for c, r in rehearsals.items() if c.features == features}
        seconds[name] += _detector_s(settings, name, sets[name], samples)
    learned = [r.learned for r in rehearsals.values() if r.learned is not None]
    if learned:
        seconds["density"] = sum(_density_s(settings, events) for events in learned)
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
    fit_s = _fit_s(name, cell, sets[:_SETS], small) / _weight(small)
    weights = sum(map(_weight, samples.values()))
    fits = settings.sets * settings.repeats + _FULL_ROWS * _full_fits(settings, name)
    return fit_s * weights * fits


def _full_fits(settings: ScanSettings, name: str) -> float:
    """Final fits of a cell, in units of a fit of the search; none shared."""
    family = detector(name)
    epochs = (family.final_epochs or 1) / family.search_epochs
    return len(settings.objectives) * family.ensemble_size * epochs


def _fit_s(name: str, cell: Cell, sets: Sequence[Suggested], sample: TwoSample) -> float:
    """Mean CPU seconds of a fit on halves; a set that fails is left out."""

    def fit(suggested: Suggested) -> None:
        with suppress(ValueError):
            run_trial(setup(cell, name, suggested), sample, repeats=1)

    fit(sets[0])  # what is imported or compiled at first use is no part of a fit
    return float(np.mean([_cpu_s(partial(fit, suggested)) for suggested in sets]))


def _density_s(settings: ScanSettings, sidebands: Events) -> float:
    """CPU seconds of training a density once."""
    n = min(len(sidebands), _ROWS)
    few = sidebands.take(np.arange(n))
    wanted = settings.cathode
    once = {**wanted.parameters, "epochs": 1}

    def fit() -> None:
        fit_density(few, few.take(np.arange(n // 4)), wanted.estimator, once, 0, lambda _: None)

    epochs = ESTIMATORS[wanted.estimator].complete(wanted.parameters)["epochs"]
    return _cpu_s(fit) * len(sidebands) / n * epochs


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
