"""Look up a search space and try it before anything is started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import BaseTrial

from raysearch.detectors import check
from raysearch.errors import InputError, unknown_name
from raysearch.imported import current_directory, imported
from raysearch.quiet import quiet_optuna
from search_spaces import SPACES

Space = Callable[[BaseTrial], dict[str, Any]]

_DRY_RUNS = 20
_KIND = "search space"
# Parameters of the joint space.
MODE, FEATURES = "mode", "features"
RESERVED = frozenset({MODE, FEATURES})


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
    if imported(name, _KIND) is not given:
        raise InputError(
            f"a search space must be a function of a module, importable on every worker, but got "
            f"{name}; move it to the top level of a file in search_spaces/."
        )
    return name


def lookup(name: str) -> Space:
    """The search space called `name`, not tried; an unknown one raises InputError."""
    found: Space | None = imported(name, _KIND) if ":" in name else SPACES.get(name)
    if found is None:
        raise unknown_name("search space", name, SPACES)
    return found


def check_outside(name: str, directory: Path) -> None:
    """Refuse a space of which a study itself holds the code; nothing is imported.

    A study may be somebody else's: going on with it runs what its space names.

    Args:
        name: of the space.
        directory: of the study.

    Raises:
        InputError: if importing the space would run a file in that directory.
    """
    for file in _files(name.partition(":")[0]) if ":" in name else ():
        if file.resolve().is_relative_to(directory.resolve()):
            raise InputError(
                f"the search space of a study that is resumed must not lie in the study's own "
                f"directory, whose files are data, but {name!r} is {file}; read it, and if it may "
                "run, move it out of there."
            )


def _files(module: str) -> Iterator[Path]:
    """The files that importing a module would run."""
    folders: list[str] | None = None
    with current_directory():
        for part in module.split("."):
            spec = PathFinder.find_spec(part, folders)
            if spec is None:
                return
            if spec.has_location and spec.origin:
                yield Path(spec.origin)
            folders = list(spec.submodule_search_locations or ())


def families(name: str) -> frozenset[str]:
    """Detectors among a few random setups of a search space: all but a rare one.

    Args:
        name: of the space.
    """
    function, study, found = lookup(name), _dry_study(), set[str]()
    for _ in range(_DRY_RUNS):
        with suppress(Exception):  # what is wrong with a rare branch, the trial that has it says
            found.add(function(study.ask())["detector"])
    return frozenset(found)


def _try(name: str, function: Space) -> None:
    """Draw a few random setups: an unknown name shows before Ray is started."""
    study = _dry_study()
    for _ in range(_DRY_RUNS):
        trial = study.ask()
        config = _suggested(name, function, trial)
        if taken := RESERVED & trial.params.keys():
            raise InputError(
                f"a search space must leave the names {', '.join(sorted(RESERVED))} to the study, "
                f"but {name!r} suggests {', '.join(sorted(taken))}; call it something else."
            )
        if not isinstance(config, dict) or {"detector", "parameters"} - config.keys():
            raise InputError(
                f"a search space must return a dict with 'detector' and 'parameters', but "
                f"{name!r} returned {config!r}."
            )
        check(config["detector"], config["parameters"])


def _dry_study() -> optuna.Study:
    with quiet_optuna():
        return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))


def _suggested(name: str, function: Space, trial: BaseTrial) -> object:
    try:
        return function(trial)
    except Exception as error:
        raise InputError(
            f"a search space must suggest a setup for any trial, but {name!r} raised "
            f"{type(error).__name__}: {error}."
        ) from error
