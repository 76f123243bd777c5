"""run_trial: one setup, trained and judged on seeded halves. No Ray.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832: half of the
    data and template trains, half validates; every metric is taken at its best epoch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors import Member, Parameters, Snapshot, detector
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


def trial_members(sample: TwoSample, repeats: int, seed: int, index: int) -> list[Member]:
    """The fits of one trial: the same halves for every trial, its own seeds."""
    return [
        Member(m.train, m.validation, number(seed, "trial", index, "repeat", repeat))
        for repeat, m in enumerate(halves(sample.rows.is_data, repeats, seed))
    ]


class TrialPack:
    """Trials of one detector and one pack key, fitted as one; each keeps its own result.

    A trial comes out the same, to rounding, in whatever pack it stands.
    """

    def __init__(
        self, setups: Mapping[int, Setup], sample: TwoSample, *, repeats: int, seed: int
    ) -> None:
        """Begin the trials.

        Args:
            setups: detector and hyperparameters by index of the trial; with `seed` the index
                decides the fits. `sample` must be of their mode and features.
            sample: the two samples, with labelled test events or without.
            repeats: independent fits of each setup.
            seed: of the study.

        Raises:
            InputError: if the detector or a hyperparameter is unknown.
        """
        self._started = time.perf_counter()
        self._family = detector(next(iter(setups.values())).detector)
        of_trials = [trial_members(sample, repeats, seed, index) for index in setups]
        self._judge = Judge(sample, of_trials[0])
        self._repeats = repeats
        members = [member for own in of_trials for member in own]
        parameters = [setup.parameters for setup in setups.values() for _ in range(repeats)]
        self._fit = self._family.fit(sample.rows, members, parameters, epochs=None)
        self._epoch = 0
        self._best: dict[int, Values] = {index: {} for index in setups}

    @property
    def living(self) -> list[int]:
        """Trials that have neither finished, failed nor been stopped."""
        return list(self._best)

    def step(self) -> dict[int, TrialResult | Exception]:
        """Train one epoch of all living trials.

        Returns:
            The result so far of each, or why it failed, which ends it without the others.
        """
        snapshot = next(self._fit)
        self._epoch += 1
        found: dict[int, TrialResult | Exception] = {}
        for place, index in enumerate(self._best):
            own = range(place * self._repeats, (place + 1) * self._repeats)
            found[index] = self._judged(index, snapshot.take(own))
        finished = self._epoch == self._family.search_epochs
        failed = [index for index, result in found.items() if isinstance(result, Exception)]
        self.stop(self.living if finished else failed)
        return found

    def stop(self, indices: Sequence[int]) -> None:
        """End these trials, if they live; the others go on."""
        left = [k for k, index in enumerate(self._best) if index not in set(indices)]
        if len(left) == len(self._best):
            return
        self._best = {i: best for i, best in self._best.items() if i not in set(indices)}
        self._fit.keep([k * self._repeats + r for k in left for r in range(self._repeats)])

    def _judged(self, index: int, snapshot: Snapshot) -> TrialResult | Exception:
        try:
            best = _better(self._best[index], self._judge.values(snapshot))
        except ValueError as error:  # a score is not finite
            return error
        self._best[index] = best
        seconds = time.perf_counter() - self._started
        return TrialResult(best, self._epoch, seconds, self._epoch == self._family.search_epochs)


def trial_epochs(
    setup: Setup, sample: TwoSample, *, repeats: int, seed: int, index: int = 0
) -> Iterator[TrialResult]:
    """The result so far after each epoch of one trial; the last one is the trial's.

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
    pack = TrialPack({index: setup}, sample, repeats=repeats, seed=seed)
    while pack.living:
        result = pack.step()[index]
        if isinstance(result, Exception):
            raise result
        yield result


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
