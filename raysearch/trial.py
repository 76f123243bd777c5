"""run_trial: one setup, trained and judged on seeded halves. No Ray.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832: half of the
    data and template trains, half validates; every metric is taken at its best epoch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors import Member, Parameters, detector
from raysearch.judge import Judge, Values
from raysearch.objectives import OBJECTIVES
from raysearch.regions import folds
from raysearch.samples import TwoSample
from raysearch.seeds import generator, number


class Setup(NamedTuple):
    """What a physicist has to decide on.

    Attributes:
        mode: background template, e.g. "idealised".
        features: feature set, e.g. "baseline".
        detector: architecture, e.g. "hgb".
        parameters: hyperparameters of the detector; those left out take their default.
    """

    mode: str
    features: str
    detector: str
    parameters: Parameters


class TrialResult(NamedTuple):
    """Metrics of one setup, each taken at its own best epoch, per repeat.

    Attributes:
        values: name of the metric -> (repeats,) values; supervised ones only with a test set.
        epochs: epochs trained; 1 for trees.
        seconds: wall time of training and metrics.
        finished: whether these were all epochs of the trial.
    """

    values: Values
    epochs: int
    seconds: float
    finished: bool


def halves(is_data: NDArray[np.bool_], repeats: int, seed: int) -> list[Member]:
    """One member per repeat: half the rows train it, half validate it.

    Repeats come in pairs that swap the two halves, so that two repeats judge every event once
    by a detector that never saw it.

    Args:
        is_data: (n,) class of each row.
        repeats: number of members.
        seed: of the study; the splits are the same for all of its trials, which makes trials
            differ by their setup alone.
    """
    members: list[Member] = []
    for pair in range((repeats + 1) // 2):
        split = folds(is_data, 2, generator(seed, "halves", pair))
        members += [Member(train, held, 0) for train, held in split]
    return members[:repeats]


def trial_epochs(
    setup: Setup, sample: TwoSample, *, repeats: int, seed: int, index: int = 0
) -> Iterator[TrialResult]:
    """The result so far after each epoch; the last one is the trial's.

    Args:
        setup: the detector and its hyperparameters; `sample` must be of its mode and features.
        sample: the two samples, with labelled test events or without.
        repeats: independent fits.
        seed: of the study.
        index: of the trial; with `seed` it decides the fits.

    Raises:
        InputError: if the detector or a hyperparameter is unknown.
        ValueError: if a score is not finite.
    """
    started = time.perf_counter()
    family = detector(setup.detector)
    members = [
        Member(m.train, m.validation, number(seed, "trial", index, "repeat", repeat))
        for repeat, m in enumerate(halves(sample.rows.is_data, repeats, seed))
    ]
    judge = Judge(sample, members)
    best: Values = {}
    snapshots = family.fit(sample.rows, members, setup.parameters, epochs=None)
    for epoch, snapshot in enumerate(snapshots, start=1):
        best = _better(best, judge.values(snapshot))
        seconds = time.perf_counter() - started
        yield TrialResult(best, epoch, seconds, epoch == family.search_epochs)


def run_trial(
    setup: Setup, sample: TwoSample, *, repeats: int = 3, seed: int = 0, index: int = 0
) -> TrialResult:
    """Train one setup on halves of the sample and judge it; see `trial_epochs`."""
    *_, last = trial_epochs(setup, sample, repeats=repeats, seed=seed, index=index)
    return last


def _better(best: Values, values: Values) -> Values:
    """Per metric and repeat the better of two values; NaN stays NaN."""
    if not best:
        return values
    pick = {"max": np.maximum, "min": np.minimum}
    return {name: pick[OBJECTIVES[name].direction](best[name], new) for name, new in values.items()}
