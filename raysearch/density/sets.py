"""Random sets of a density's hyperparameters. No torch."""

from __future__ import annotations

import optuna
from optuna.samplers import RandomSampler

from raysearch.density.estimators import Parameters
from raysearch.density.settings import CathodeSettings
from raysearch.errors import InputError
from raysearch.quiet import quiet_optuna
from raysearch.seeds import number
from search_spaces.density import space


def suggested_sets(settings: CathodeSettings, seed: int) -> list[Parameters]:
    """Sets of hyperparameters: the given ones alone, then random ones of the search space.

    What is given is the same in all sets; asking for more never changes the first.

    Args:
        settings: name the estimator, what is given, and how many sets there are.
        seed: of the study.

    Raises:
        InputError: if all that could be suggested is given.
    """
    found = [settings.parameters]
    for index in range(1, settings.trials):
        own_seed = number(seed, "density", "attempt", index) % 2**32
        with quiet_optuna():
            trial = optuna.create_study(sampler=RandomSampler(seed=own_seed)).ask()
        drawn = space(trial, (settings.estimator,))["parameters"]
        if drawn.keys() <= settings.parameters.keys():
            raise InputError(
                f"--cathode trials = {settings.trials} suggests {', '.join(drawn)}, but all of "
                "them are given; leave one out, or leave trials out."
            )
        found.append({**drawn, **settings.parameters})
    return found
