"""Optuna's samplers, reseeded for each trial by its index.

A suggestion then depends on the study's seed, the trial's index and (for TPE) the finished trials
alone: a random search is the same at any concurrency, and a resumed study does not replay the
start-up points of the first run.
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


def _tpe(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        # Optuna marks these three arguments as experimental; a change in them fails our tests.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(multivariate=True, group=True, constant_liar=True, seed=seed)


_MAKERS: Mapping[str, Callable[[int], BaseSampler]] = MappingProxyType(
    {"tpe": _tpe, "random": lambda seed: RandomSampler(seed=seed)}
)


class IndexSeededSampler(BaseSampler):
    """A sampler made anew for each trial, seeded by study seed and trial index."""

    def __init__(self, name: str, seed: int) -> None:
        """Choose the sampler.

        Args:
            name: "tpe" (multivariate, grouped, constant liar) or "random".
            seed: of the study.
        """
        self._make = _MAKERS[name]
        self._seed = seed
        self._sampler = self._make(0)

    def start_trial(self, index: int) -> None:
        """Reseed for the trial of this index."""
        state = seed_sequence(self._seed, "suggest", index).generate_state(1)
        self._sampler = self._make(int(state[0]))

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """See optuna's BaseSampler."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """See optuna's BaseSampler."""
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """See optuna's BaseSampler."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """See optuna's BaseSampler."""
        self._sampler.after_trial(study, trial, state, values)
