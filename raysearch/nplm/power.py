"""Which setting of the test finds an injected signal best, before any data are looked at.

The power is an objective of a trial like any other, but of simulated data alone: null toys and toys
with injected signal, both of the reference. The observed p-value has no part in it, and the toys
that calibrate the chosen test are others, so the p-value of the chosen setting needs no correction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from raysearch.errors import InputError
from raysearch.nplm.points import Points
from raysearch.nplm.prepare import kernel_test, make_pool
from raysearch.nplm.result import significances
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.tensors import Floats
from raysearch.nplm.work import Batch, Runner, Work, toy_seed
from raysearch.seeds import number

_BATCH_TOYS = 25


class Candidate(NamedTuple):
    """A setting to be judged.

    Attributes:
        columns: compared.
        sigmas: kernel widths; empty for the rule.
        centres: M; None for the rule.
    """

    columns: tuple[str, ...]
    sigmas: tuple[float, ...] = ()
    centres: int | None = None


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


@dataclass(frozen=True, eq=False)
class Trial:
    """What all candidates are judged on.

    Attributes:
        reference: from which toys are drawn.
        signal: events to inject.
        n_data: background events of a toy.
        n_signal: events injected.
        settings: of the test; `toys` and `injected_toys` are made for each candidate.
    """

    reference: Points
    signal: Points
    n_data: int
    n_signal: int
    settings: NplmSettings

    def power(self, candidate: Candidate, runner: Runner) -> Power:
        """The objective of a trial: the median Z of toys with signal, to be maximised.

        Raises:
            InputError: if a column is unknown.
        """
        # A seed of its own: the toys that calibrate the chosen test must not be these.
        seed = number(self.settings.seed, "nplm selection")
        settings = replace(
            self.settings, sigmas=candidate.sigmas, centres=candidate.centres, seed=seed
        )
        pool = make_pool(only(self.reference, candidate.columns), self.n_data, settings)
        signal = pool.standardised(only(self.signal, candidate.columns).values)
        work = Work(kernel_test(pool, settings, "cpu")[0], signal)
        toys = self._toys(work, None, settings.toys, runner)
        injected = self._toys(work, self.n_signal, settings.injected_toys, runner)
        z = significances(injected, toys, settings.aggregate)
        error = float(np.sqrt(np.pi / 2) * z.std() / np.sqrt(len(z)))
        return Power(candidate, float(np.median(z)), error)

    def _toys(self, work: Work, n_signal: int | None, count: int, runner: Runner) -> Floats:
        seed = number(self.settings.seed, "nplm selection")
        seeds = [toy_seed(seed, n_signal, index) for index in range(count)]
        starts = range(0, count, _BATCH_TOYS)
        batches = [Batch(n_signal, tuple(seeds[k : k + _BATCH_TOYS])) for k in starts]
        made = dict(runner(work, batches))
        return np.concatenate([made[batch] for batch in batches])


def select_by_power(
    trial: Trial, candidates: Sequence[Candidate], runner: Runner
) -> tuple[Power, ...]:
    """All candidates with their power, the best first.

    Args:
        trial: what they are judged on.
        candidates: at least one.
        runner: makes the toys.

    Raises:
        InputError: if there is no candidate.
    """
    if not candidates:
        raise InputError("a selection needs at least one candidate, but got none.")
    judged = [trial.power(candidate, runner) for candidate in candidates]
    return tuple(sorted(judged, key=lambda power: -power.z))


def only(points: Points, columns: Sequence[str]) -> Points:
    """The same rows with these columns; an unknown one raises InputError."""
    unknown = [name for name in columns if name not in points.columns]
    if unknown or not columns:
        raise InputError(
            f"columns must be among {', '.join(points.columns)}, but got {', '.join(columns)!r}."
        )
    places = [points.columns.index(name) for name in columns]
    return replace(points, values=points.values[:, places], columns=tuple(columns))
