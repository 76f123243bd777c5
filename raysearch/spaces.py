"""Look up a search space and try it before anything is started."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.trial import BaseTrial, FixedTrial

from raysearch.detectors import check
from raysearch.errors import InputError, unknown_name
from search_spaces import SPACES

Space = Callable[[BaseTrial], dict[str, Any]]

_DRY_RUNS = 20


def space(name: str) -> Space:
    """The search space called `name`.

    Args:
        name: one of SPACES, or ``module:function`` importable on every worker.

    Raises:
        InputError: if there is none, or it suggests an unknown detector or hyperparameter.
    """
    found = lookup(name)
    _try(name, found)
    return found


def space_name(given: str | Space) -> str:
    """The name under which workers and a resumed study find the space.

    Raises:
        InputError: if a function is not importable by name.
    """
    if isinstance(given, str):
        return given
    name = f"{given.__module__}:{given.__qualname__}"
    if _imported(name) is not given:
        raise InputError(
            f"a search space must be a function of a module, importable on every worker, but got "
            f"{name}; move it to the top level of a file in search_spaces/."
        )
    return name


def replay(name: str, suggested: Mapping[str, Any]) -> dict[str, Any]:
    """What the space called `name` returns when it is given these values again."""
    return lookup(name)(FixedTrial(dict(suggested)))


def lookup(name: str) -> Space:
    """The search space called `name`, not tried; an unknown one raises InputError."""
    found = _imported(name) if ":" in name else SPACES.get(name)
    if found is None:
        raise unknown_name("search space", name, SPACES)
    return found


def _imported(name: str) -> Space | None:
    module, _, function = name.partition(":")
    try:
        found: Space | None = getattr(importlib.import_module(module), function, None)
    except (ImportError, TypeError, ValueError) as error:  # the last two: a malformed name
        raise InputError(
            f"a search space `module:function` must be importable, but got {name!r}: {error}."
        ) from error
    return found


def _try(name: str, function: Space) -> None:
    """Draw a few random setups: an unknown name shows before Ray is started."""
    study = _dry_study()
    for _ in range(_DRY_RUNS):
        config = _suggested(name, function, study.ask())
        if not isinstance(config, dict) or {"detector", "parameters"} - config.keys():
            raise InputError(
                f"a search space must return a dict with 'detector' and 'parameters', but "
                f"{name!r} returned {config!r}."
            )
        check(config["detector"], config["parameters"])


def _dry_study() -> optuna.Study:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    finally:
        optuna.logging.set_verbosity(verbosity)


def _suggested(name: str, function: Space, trial: BaseTrial) -> object:
    try:
        return function(trial)
    except Exception as error:
        raise InputError(
            f"a search space must suggest a setup for any trial, but {name!r} raised "
            f"{type(error).__name__}: {error}."
        ) from error
