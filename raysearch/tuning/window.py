"""Optuna's in-memory storage, of whose finished trials a sampler sees a bounded choice.

TPE's time grows with the number of trials it sees, while the density of its good trials rests on 25
of them at most. It is shown those same 25, the most recent others, and an even thinning of the
rest, by which its density of the bad trials keeps its shape.

References:
    Algorithms for Hyper-Parameter Optimization (Bergstra et al., 2011): the two densities.
"""

from __future__ import annotations

import copy
import math
from bisect import insort
from collections.abc import Container, Mapping, Sequence
from typing import Any

from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

# Optuna's TPE calls 25 trials good, from 241 trials on. It also gives the last 25 full weight.
_GOOD = 25
_RECENT = 25
WINDOW = 250
# Where Optuna looks for parameters that a trial has to get.
_FIXED = "fixed_params"

_Rank = tuple[int, float, float, int]


class Window(InMemoryStorage):
    """Storage of one study; see the module.

    The choice follows from the finished trials alone, not from the order in which they finished.
    """

    def __init__(self, direction: StudyDirection, size: int | None = WINDOW) -> None:
        """Start empty.

        Args:
            direction: of the objective.
            size: how many finished trials are shown; at least 50. None for all.
        """
        super().__init__()
        self._sign = -1.0 if direction == StudyDirection.MAXIMIZE else 1.0
        self._size = size or math.inf
        self._ranks: list[_Rank] = []
        self._numbers: list[int] = []
        self._running: set[int] = set()
        self._shown: list[int] | None = []
        self._offered: int | None = None

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """See optuna's BaseStorage."""
        trial_id = super().create_new_trial(study_id, template_trial)
        self._follow(trial_id)
        return trial_id

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """See optuna's BaseStorage."""
        done = super().set_trial_state_values(trial_id, state, values)
        self._follow(trial_id)
        return done

    def offer(self, number: int, params: Mapping[str, Any]) -> None:
        """Make a waiting trial the one that Optuna begins next.

        Args:
            number: of the trial.
            params: that it has to get; empty to let the sampler suggest them.
        """
        self._offered = number
        if params:
            self.set_trial_system_attr(number, _FIXED, dict(params))

    def enter(self, number: int, trial: FrozenTrial) -> None:
        """Make a waiting trial one that ended elsewhere."""
        self.set_trial_state_values(number, TrialState.RUNNING)
        for name, value in trial.params.items():
            kind = trial.distributions[name]
            self.set_trial_param(number, name, kind.to_internal_repr(value), kind)
        for step, reached in trial.intermediate_values.items():
            self.set_trial_intermediate_value(number, step, reached)
        self.set_trial_state_values(number, trial.state, trial.values)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """The chosen ones of the finished trials, all that run, and the offered one."""
        asked = states or tuple(TrialState)
        numbers = list(self._running)
        if TrialState.COMPLETE in asked or TrialState.PRUNED in asked:
            if self._shown is None:
                self._shown = self._choose()
            numbers += self._shown
        if TrialState.WAITING in asked:
            numbers += [] if self._offered is None else [self._offered]
        trials = [self.get_trial(number) for number in sorted(numbers)]
        trials = [trial for trial in trials if trial.state in asked]
        return copy.deepcopy(trials) if deepcopy else trials

    def _follow(self, trial_id: int) -> None:
        """Note the state of a trial; in a storage of one study its id is its number."""
        trial = self.get_trial(trial_id)
        if trial.state == TrialState.RUNNING:
            self._running.add(trial_id)
        else:
            self._running.discard(trial_id)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
            insort(self._ranks, self._rank(trial))
            insort(self._numbers, trial_id)
            self._shown = None

    def _rank(self, trial: FrozenTrial) -> _Rank:
        """Better ones first, and any complete one before those stopped early, as in TPE."""
        if trial.state == TrialState.COMPLETE:
            return 0, self._sign * _or_nan(trial.value), 0.0, trial.number
        step, value = max(trial.intermediate_values.items(), default=(-1, math.inf))
        return 1, -step, self._sign * value, trial.number

    def _choose(self) -> list[int]:
        if len(self._numbers) <= self._size:
            return self._numbers.copy()
        good = {rank[-1] for rank in self._ranks[:_GOOD]}
        others = [number for number in self._numbers if number not in good]
        earlier, recent = others[:-_RECENT], others[-_RECENT:]
        room = int(self._size) - _GOOD - _RECENT
        thinned = [earlier[k * len(earlier) // room] for k in range(room)]
        return sorted([*good, *thinned, *recent])


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
