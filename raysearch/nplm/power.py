"""Which setting of the test finds an injected signal best, before any data are looked at.

The power of a candidate is the median Z of toys with signal against null toys, both of the
reference. All that enters is the reference and the number of data: the observed p-value has no
part in it, and the toys that calibrate the chosen test are others. So the selection is inside the
calibration: to data and toys of the chosen test it is a setting fixed beforehand, and its p-value
needs no correction for the candidates that were tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from raysearch.nplm.arrays import Floats
from raysearch.nplm.candidates import Candidate
from raysearch.nplm.evaluate import median_error, significances
from raysearch.nplm.pool import Pool
from raysearch.nplm.prepare import make_pool, make_statistic
from raysearch.nplm.question import Question
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.statistic import t_of
from raysearch.nplm.store import Store, open_store
from raysearch.nplm.work import Batch, Job, Runner, Work, in_batches, toy_seed
from raysearch.seeds import number

# In it, one for each candidate, directories of their toys.
TRIALS = "selection"


class Power(NamedTuple):
    """How well a setting finds the injected signal.

    Attributes:
        candidate: the setting.
        z: median significance of toys with signal.
        z_error: standard error of the median.
    """

    candidate: Candidate
    z: float
    z_error: float

    def as_json(self) -> dict[str, Any]:
        """Plain values, as files hold them."""
        return {**self._asdict(), "candidate": self.candidate.as_json()}


@dataclass(frozen=True, eq=False)
class Trial:
    """A candidate that is judged.

    Attributes:
        number: of the candidate.
        candidate: a setting.
        settings: of the test that it makes, with the seed of its toys.
        store: of the toys.
    """

    number: int
    candidate: Candidate
    settings: NplmSettings
    store: Store

    def missing(self) -> Iterator[Batch]:
        """Batches of the toys that the store does not hold."""
        for n_signal in (None, self.settings.n_signal_select):
            seeds = [s for s in self._seeds(n_signal) if (n_signal, s) not in self.store.toys]
            yield from (b._replace(trial=self.number) for b in in_batches(n_signal, seeds))

    def keep(self, batch: Batch, values: Floats) -> None:
        """Put toys that are made into the store, and on disk."""
        keys = [(batch.n_signal, seed) for seed in batch.seeds]
        self.store.toys |= dict(zip(keys, values, strict=True))
        self.store.write_toys()

    def power(self) -> Power:
        """The objective of a trial: the median Z of toys with signal, to be maximised."""
        toys, injected = (self._toys(n) for n in (None, self.settings.n_signal_select))
        z = significances(injected, toys, self.settings.aggregate)
        return Power(self.candidate, float(np.median(z)), median_error(z))

    def _toys(self, n_signal: int | None) -> Floats:
        toys = [self.store.toys[n_signal, seed] for seed in self._seeds(n_signal)]
        return t_of(np.stack(toys))

    def _seeds(self, n_signal: int | None) -> list[int]:
        count = range(self.settings.select_toys)
        return [toy_seed(self.settings.seed, n_signal, index) for index in count]


def judge(
    question: Question,
    candidates: Sequence[Candidate],
    directory: Path,
    runner: Runner,
    first: int = 0,
) -> list[Power]:
    """The powers of candidates, whose toys are one heap of tasks.

    Args:
        question: of which they are candidates.
        candidates: settings.
        directory: of the result; toys that an earlier run has left there are not made again.
        runner: makes the toys.
        first: number of the first candidate.

    Raises:
        InputError: if a column is unknown.
    """
    trials: dict[int | None, Trial] = {}

    def jobs() -> Iterator[Job]:
        # One is prepared while toys of those before are made; only jobs hold what its toys share.
        for k, candidate in enumerate(candidates, first):
            trials[k], work = _begin(question, candidate, k, directory)
            yield from ((work, batch) for batch in trials[k].missing())

    for batch, values in runner(jobs()):
        trials[batch.trial].keep(batch, values)
    return [trial.power() for trial in trials.values()]


def pool_of(question: Question) -> Pool:
    """The pool of the toys that judge: of the number of data, not of the data."""
    reference, n_data = question.points["reference"], len(question.points["data"])
    settings, n_nuisances = selecting(question.settings), len(question.nuisances)
    return make_pool(reference, n_data, settings, question.sampler, n_nuisances)


def selecting(settings: NplmSettings) -> NplmSettings:
    """The settings with another seed: the toys that calibrate the chosen test are not these."""
    return replace(settings, seed=number(settings.seed, "nplm selection"))


def best(powers: Sequence[Power]) -> Power:
    """The largest power; the first of several that are equal."""
    return max(powers, key=lambda power: power.z)


def _begin(question: Question, candidate: Candidate, k: int, directory: Path) -> tuple[Trial, Work]:
    asked = question.with_candidate(candidate)
    pool, settings = pool_of(asked), selecting(asked.settings)
    statistic, choices = make_statistic(pool, settings, asked.nuisances, asked.device)
    store = open_store(
        directory / TRIALS / f"{k}",
        statistic.sigmas,
        {"candidate": candidate.as_json()},
        {name: choice.value for name, choice in choices.items()},
    )
    signal = pool.standardised(asked.points["signal"].values)
    return Trial(k, candidate, settings, store), Work(statistic, signal)
