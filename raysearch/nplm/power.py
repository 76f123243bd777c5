"""Which setting of the test finds an injected signal best, before any data are looked at.

The power is an objective of a trial like any other, but of simulated data alone: null toys and toys
with injected signal, both of the reference. The observed p-value has no part in it, and the toys
that calibrate the chosen test are others, so the p-value of the chosen setting needs no correction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from raysearch.nplm.candidates import Candidate
from raysearch.nplm.prepare import make_pool, make_statistic
from raysearch.nplm.question import Question
from raysearch.nplm.result import median_error, significances
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.statistic import t_of
from raysearch.nplm.tensors import Floats
from raysearch.nplm.work import Runner, Work, in_batches, toy_seed
from raysearch.seeds import number


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


def power(question: Question, candidate: Candidate, runner: Runner) -> Power:
    """The objective of a trial: the median Z of toys with signal, to be maximised.

    Raises:
        InputError: if a column is unknown.
    """
    # A seed of its own: the toys that calibrate the chosen test must not be these.
    seed = number(question.settings.seed, "nplm selection")
    asked = question.with_candidate(candidate)
    settings, reference = replace(asked.settings, seed=seed), asked.points["reference"]
    n_data, n_nuisances = len(asked.points["data"]), len(question.nuisances)
    pool = make_pool(reference, n_data, settings, asked.sampler, n_nuisances)
    signal = pool.standardised(asked.points["signal"].values)
    work = Work(make_statistic(pool, settings, question.nuisances, question.device)[0], signal)
    toys = _toys(work, settings, None, runner)
    injected = _toys(work, settings, settings.n_signal_select, runner)
    z = significances(injected, toys, settings.aggregate)
    return Power(candidate, float(np.median(z)), median_error(z))


def _toys(work: Work, settings: NplmSettings, n_signal: int | None, runner: Runner) -> Floats:
    seeds = [toy_seed(settings.seed, n_signal, k) for k in range(settings.select_toys)]
    batches = in_batches(n_signal, seeds)
    made = dict(runner(work, batches))
    return t_of(np.concatenate([made[batch] for batch in batches]))


def best(powers: Sequence[Power]) -> Power:
    """The largest power; the first of several that are equal."""
    return max(powers, key=lambda power: power.z)
