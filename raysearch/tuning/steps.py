"""Strategy "steps": hyperparameters first, then mode and features.

A third of the trials searches hyperparameters in the first mode on the first feature set. Then the
best few of them are tried in every other pair of mode and feature set, and what is left of the
trials searches hyperparameters in the pair that has done best. The mean of the best trials follows,
as after any search.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from raysearch.joint import view_of
from raysearch.objectives import objective
from raysearch.records import Records
from raysearch.settings import Settings
from raysearch.spaces import FEATURES, MODE, RESERVED

# Sets of hyperparameters that go into every pair, at most.
MOST_SETS = 5


@dataclass(frozen=True)
class Steps:
    """What each trial is given before the sampler suggests the rest; see the module.

    What is given follows from how all trials of the steps before ended, so that a trial has to wait
    for them: then the strategy is as deterministic as the sampler, whoever finishes first.

    Attributes:
        settings: of the study, of several modes or feature sets.
    """

    settings: Settings

    @property
    def _others(self) -> int:
        return len(self.settings.views) - 1

    @property
    def _ends(self) -> tuple[int, int]:
        """The first trials of the second and of the third step."""
        first = self.settings.first_step
        sets = min(MOST_SETS, (self.settings.trials - first) // self._others)
        return first, first + sets * self._others

    def must_wait(self, index: int, records: Records) -> bool:
        """Whether a trial of an earlier step has not ended.

        Args:
            index: of the trial that is to come next.
            records: of the trials that ended.
        """
        begin = max(end for end in (0, *self._ends) if end <= index)
        return any(earlier not in records for earlier in range(begin))

    def given(self, index: int, records: Records) -> Mapping[str, Any]:
        """Parameters that are not suggested, by name.

        Args:
            index: of the trial.
            records: of all trials of earlier steps, and perhaps of more.
        """
        first, second = self._ends
        views = self.settings.views
        if index < first:
            return _of_view(*views[0])
        if index < second:
            rank, place = divmod(index - first, self._others)
            best = next(islice(self._best(records, first), rank, None), None)
            # Too few may have come to their end: then the sampler suggests.
            hyperparameters = {} if best is None else _without_view(records[best][0])
            return {**hyperparameters, **_of_view(*views[1 + place])}
        best = next(iter(self._best(records, second)), None)
        view = views[0] if best is None else view_of(self.settings, records[best][0])
        return _of_view(*view)

    def _best(self, records: Records, end: int) -> Sequence[int]:
        """Complete trials before `end`, the best first; of equal ones the earlier."""
        by = objective(self.settings.objective)
        complete = [i for i in range(end) if i in records and records[i][1].state == "COMPLETE"]
        means = [float(np.mean(records[i][1].metrics[by.name])) for i in complete]
        return [complete[k] for k in by.order(np.array(means))]


def steps_of(settings: Settings) -> Steps | None:
    """The steps of a study; None where all is searched jointly."""
    return Steps(settings) if settings.strategy == "steps" else None


def given_of(steps: Steps | None, records: Records) -> Callable[[int], Mapping[str, Any]]:
    """What each trial is given, by its index.

    Args:
        steps: of the study; None where nothing is given.
        records: of the trials that ended; looked at when a trial is asked about.
    """
    return (lambda _: {}) if steps is None else (lambda index: steps.given(index, records))


def _of_view(mode: str, features: str) -> dict[str, str]:
    return {MODE: mode, FEATURES: features}


def _without_view(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in RESERVED}
