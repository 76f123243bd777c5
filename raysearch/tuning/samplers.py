"""Optuna's samplers, reseeded for each trial by its number.

A suggestion then depends on the study's seed, the trial's index and (for TPE) the finished and
running trials alone: a random search is the same at any concurrency, and a resumed study does not
replay the start-up points of the first run.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from raysearch.seeds import seed_sequence
from raysearch.tuning.groups import Groups


def _tpe(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        # Optuna marks an argument as experimental; a change in it fails our tests.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(multivariate=True, constant_liar=True, seed=seed)


_MAKERS: Mapping[str, Callable[[int], BaseSampler]] = MappingProxyType(
    {"tpe": _tpe, "random": lambda seed: RandomSampler(seed=seed)}
)


Given = Callable[[int], Mapping[str, Any]]


class IndexSeededSampler(BaseSampler):
    """A sampler made anew for each trial, seeded by study seed and trial number.

    Parameters that only occur together are suggested together, as by TPE's option `group`, but only
    the groups that a trial asks for: in a conditional space that is half of the work.
    """

    def __init__(self, name: str, seed: int, given: Given = lambda _: {}) -> None:
        """Choose the sampler.

        Args:
            name: "tpe" (multivariate, grouped, constant liar) or "random".
            seed: of the study.
            given: parameters of a trial, by its number, that are not suggested.
        """
        self._make = _MAKERS[name]
        self._joint = name == "tpe"
        self._seed = seed
        self._groups = Groups()
        self._sampler = self._make(0)
        self._drawn: dict[str, Any] = {}
        self._given = given
        self._fixed: Mapping[str, Any] = {}

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Reseed for the trial."""
        state = seed_sequence(self._seed, "suggest", trial.number).generate_state(1)
        self._sampler = self._make(int(state[0]))
        self._drawn = {}
        self._fixed = self._given(trial.number)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Empty: what belongs together is drawn when the first of it is asked for."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Empty; see `infer_relative_search_space`."""
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The value of one parameter; draws its whole group unless that is done, or it is given."""
        if param_name in self._fixed:
            return self._fixed[param_name]
        group = self._groups.of(param_name) if self._joint else {}
        if group.get(param_name) != param_distribution:  # new, or its range has changed
            return self._sampler.sample_independent(study, trial, param_name, param_distribution)
        if param_name not in self._drawn:
            self._drawn |= self._sampler.sample_relative(study, trial, group)
        if param_name not in self._drawn:  # too few trials are finished
            return self._sampler.sample_independent(study, trial, param_name, param_distribution)
        return self._drawn[param_name]

    def learn(self, trial: FrozenTrial) -> None:
        """Note which parameters occur together; to be called for each trial that has a value."""
        self._groups.add(trial.distributions)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """See optuna's BaseSampler."""
        if state in (TrialState.COMPLETE, TrialState.PRUNED):
            self.learn(trial)
        self._sampler.after_trial(study, trial, state, values)
