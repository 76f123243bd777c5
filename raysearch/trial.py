"""run_trial: one setup, trained and judged on seeded halves. No Ray.

Verdict rows, where a sample has any, are in neither half: see `raysearch.verdict`.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832: half of the
    data and template trains, half validates; every metric is taken at its best epoch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors import Member, Parameters, detector
from raysearch.detectors.warming import warm
from raysearch.judge import Judge, Values
from raysearch.objectives import CHANCE, MAX_SIC, OBJECTIVES, beyond_every, metric, sic_at
from raysearch.racing import Rung
from raysearch.regions import folds
from raysearch.samples import TwoSample, View
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

    @property
    def view(self) -> View:
        """Of which sample it is."""
        return View(self.mode, self.features)


class TrialResult(NamedTuple):
    """Metrics of one setup, each taken at its own best epoch, per repeat.

    Attributes:
        values: name of the metric -> values of the repeats that were begun; supervised ones only
            with a test set. Of these max SIC is there at each other metric's best epoch, too.
        epochs: epochs of the repeats in training; 1 for trees.
        seconds: wall time of training and metrics; of a pack the trial's share, so that those of
            its trials add up to the time of the worker.
        finished: whether these were all repeats and epochs of the trial.
        rung: where the trial stands to be compared with others, or None.
    """

    values: Values
    epochs: int
    seconds: float
    finished: bool
    rung: Rung | None = None


def halves(
    is_data: NDArray[np.bool_],
    repeats: int,
    seed: int,
    among: NDArray[np.intp] | None = None,
) -> list[Member]:
    """One member per repeat: half the rows train it, half validate it.

    Repeats come in pairs that swap the two halves, so that two repeats judge every event once
    by a detector that never saw it.

    Args:
        is_data: (n,) class of each row.
        repeats: number of members.
        seed: of the study; the splits are the same for all of its trials, which makes trials
            differ by their setup alone.
        among: numbers of the rows that are halved; None for all.
    """
    members: list[Member] = []
    for pair in range((repeats + 1) // 2):
        split = folds(is_data, 2, generator(seed, "halves", pair), among)
        members += [Member(train, held, 0) for train, held in split]
    return members[:repeats]


def trial_members(sample: TwoSample, repeats: int, seed: int, index: int) -> list[Member]:
    """The fits of one trial: the same halves for every trial, its own seeds.

    No verdict row is in any of them.
    """
    return [
        Member(m.train, m.validation, number(seed, "trial", index, "repeat", repeat))
        for repeat, m in enumerate(halves(sample.rows.is_data, repeats, seed, sample.deciding))
    ]


class _Stage(NamedTuple):
    """Repeats that are trained at the same time, and the rungs on their way by epoch."""

    repeats: range
    rungs: Mapping[int, Rung]


def _stages(rungs: Sequence[Rung], search_epochs: int) -> list[_Stage]:
    """The ladder as what is trained one after another; a trial that ends needs no rung."""
    stages, begun = [], 0
    for repeats, same in groupby(rungs, key=lambda rung: rung.repeats):
        at = {rung.epochs or search_epochs: rung for rung in same if rung is not rungs[-1]}
        stages.append(_Stage(range(begun, repeats), at))
        begun = repeats
    return stages


class TrialPack:
    """Trials of one detector and one pack key, fitted as one; each keeps its own result.

    A trial comes out the same, to rounding, in whatever pack it stands.
    """

    def __init__(
        self,
        setups: Mapping[int, Setup],
        sample: TwoSample,
        *,
        repeats: int,
        seed: int,
        rungs: Sequence[Rung] = (),
        also: Sequence[str] = (),
    ) -> None:
        """Begin the trials.

        Args:
            setups: detector and hyperparameters by index of the trial; with `seed` the index
                decides the fits. `sample` must be of their mode and features.
            sample: the two samples, with labelled test events or without.
            repeats: independent fits of each setup.
            seed: of the study.
            rungs: where trials are compared, the whole trial last; none to train all repeats at
                once and compare nobody. They change what is trained when, not what comes out.
            also: names of metrics beyond those of every fit.

        Raises:
            InputError: if the detector or a hyperparameter is unknown.
        """
        self._setups, self._sample, self._seed = dict(setups), sample, seed
        self._also = beyond_every(also)
        self._family = detector(next(iter(setups.values())).detector)
        ladder = tuple(rungs) or (Rung(repeats, None),)
        self._stages = _stages(ladder, self._family.search_epochs)
        # Best values of the repeats of earlier stages.
        self._earlier: dict[int, Values] = {index: {} for index in setups}
        self._seconds = dict.fromkeys(setups, 0.0)
        warm(self._family.name)
        with self._shared_time():
            self._begin_stage()

    @contextmanager
    def _shared_time(self) -> Iterator[None]:
        """Share the time of a block evenly among the living trials."""
        started, living = time.perf_counter(), self.living
        yield
        share = (time.perf_counter() - started) / len(living)
        for index in living:
            self._seconds[index] += share

    def _begin_stage(self) -> None:
        self._stage = self._stages.pop(0)
        own = slice(self._stage.repeats.start, self._stage.repeats.stop)
        of_trials = [
            trial_members(self._sample, own.stop, self._seed, index)[own] for index in self._setups
        ]
        self._judge = Judge(
            self._sample,
            of_trials[0],
            also=self._also,
            # The same for all trials, whose chances then compare.
            seeds=[number(self._seed, "permuted", repeat) for repeat in self._stage.repeats],
            swap=own.start % 2 == 0,
        )
        members = [member for of_trial in of_trials for member in of_trial]
        parameters = [s.parameters for s in self._setups.values() for _ in self._stage.repeats]
        self._fit = self._family.fit(self._sample.rows, members, parameters, epochs=None)
        self._epoch = 0
        self._best: dict[int, Values] = {index: {} for index in self._setups}

    @property
    def living(self) -> list[int]:
        """Trials that have neither finished, failed nor been stopped."""
        return list(self._setups)

    def step(self) -> dict[int, TrialResult | Exception]:
        """Train one epoch of all living trials.

        Returns:
            The result so far of each, or why it failed, which ends it without the others.
        """
        with self._shared_time():
            judged = self._judged_epoch()
        found = {index: self._result(index, of) for index, of in judged.items()}
        failed = [index for index, result in found.items() if isinstance(result, Exception)]
        self.stop(self.living if self._is_last_epoch else failed)
        return found

    def _judged_epoch(self) -> dict[int, Values | ValueError]:
        if self._epoch == self._family.search_epochs:
            self._earlier = {index: self._whole(index) for index in self._setups}
            self._begin_stage()
        snapshot = next(self._fit)
        self._epoch += 1
        judged = self._judge.of_trials(snapshot, len(self._setups))
        return dict(zip(self._setups, judged, strict=True))

    def stop(self, indices: Sequence[int]) -> None:
        """End these trials, if they live; the others go on."""
        left = [k for k, index in enumerate(self._setups) if index not in set(indices)]
        if len(left) == len(self._setups):
            return
        self._setups = {i: s for i, s in self._setups.items() if i not in set(indices)}
        self._fit.keep([member for k in left for member in self._members_of(k)])

    @property
    def _is_last_epoch(self) -> bool:
        return not self._stages and self._epoch == self._family.search_epochs

    def _members_of(self, place: int) -> range:
        count = len(self._stage.repeats)
        return range(place * count, (place + 1) * count)

    def _whole(self, index: int) -> Values:
        """Best values of all repeats that were begun."""
        earlier, best = self._earlier[index], self._best[index]
        if not earlier:
            return best
        return {name: np.concatenate([earlier[name], own]) for name, own in best.items()}

    def _result(self, index: int, judged: Values | ValueError) -> TrialResult | Exception:
        if isinstance(judged, ValueError):  # a score is not finite
            return judged
        self._best[index] = _better(self._best[index], _with_sics(judged))
        rung = self._stage.rungs.get(self._epoch)
        seconds = self._seconds[index]
        return TrialResult(self._whole(index), self._epoch, seconds, self._is_last_epoch, rung)


def trial_epochs(
    setup: Setup,
    sample: TwoSample,
    *,
    repeats: int,
    seed: int,
    index: int = 0,
    rungs: Sequence[Rung] = (),
    also: Sequence[str] = (),
) -> Iterator[TrialResult]:
    """The result so far after each epoch of one trial; the last one is the trial's.

    Args:
        setup: the detector and its hyperparameters; `sample` must be of its mode and features.
        sample: the two samples, with labelled test events or without.
        repeats: independent fits.
        seed: of the study.
        index: of the trial; with `seed` it decides the fits.
        rungs: see `TrialPack`.
        also: names of metrics beyond those of every fit.

    Raises:
        InputError: if the detector or a hyperparameter is unknown.
        ValueError: if a score is not finite.
    """
    pack = TrialPack({index: setup}, sample, repeats=repeats, seed=seed, rungs=rungs, also=also)
    while pack.living:
        result = pack.step()[index]
        if isinstance(result, Exception):
            raise result
        yield result


def run_trial(
    setup: Setup,
    sample: TwoSample,
    *,
    repeats: int = 3,
    seed: int = 0,
    index: int = 0,
    also: Sequence[str] = (),
) -> TrialResult:
    """Train one setup on halves of the deciding rows and judge it; see `trial_epochs`."""
    *_, last = trial_epochs(setup, sample, repeats=repeats, seed=seed, index=index, also=also)
    return last


# By which metric the epoch is chosen that a value is taken at.
_CHOSEN_BY = {name: name for name in (*OBJECTIVES, CHANCE.name)} | {
    sic_at(name): name for name in OBJECTIVES
}


def _with_sics(values: Values) -> Values:
    """The values of an epoch, and its max SIC once more under the name of each other metric."""
    if MAX_SIC.name not in values:
        return values
    sics = {sic_at(name): values[MAX_SIC.name] for name in values if name in OBJECTIVES}
    return {**values, **sics}


def _better(best: Values, values: Values) -> Values:
    """Per metric and repeat the better of two epochs, and the max SIC that goes with it."""
    if not best:
        return values
    wins = {
        name: metric(name).is_better(values[name], best[name])
        for name in {_CHOSEN_BY[name] for name in values}
    }
    return {name: np.where(wins[_CHOSEN_BY[name]], own, best[name]) for name, own in values.items()}
