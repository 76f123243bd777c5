"""The joint space: what a search space suggests, in one of several modes and feature sets.

A mode or feature set that is the only one of its kind is no parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import BaseTrial, FixedTrial

from raysearch.samples import View
from raysearch.settings import Settings
from raysearch.spaces import FEATURES, MODE, Space, lookup
from raysearch.trial import Setup


@dataclass(frozen=True)
class JointSpace:
    """Detector and hyperparameters, mode and features as one define-by-run space.

    Hyperparameters are suggested first, so that those of a random search do not depend on which
    modes and feature sets there are.

    Attributes:
        space: suggests detector and hyperparameters.
        modes: background templates.
        features: feature sets.
    """

    space: Space
    modes: tuple[str, ...]
    features: tuple[str, ...]

    def __call__(self, trial: BaseTrial) -> dict[str, Any]:
        """All fields of a `Setup`."""
        config = self.space(trial)
        mode = _one_of(trial, MODE, self.modes)
        return {**config, MODE: mode, FEATURES: _one_of(trial, FEATURES, self.features)}


def joint_space(settings: Settings) -> JointSpace:
    """The joint space of a study; an unknown search space raises InputError."""
    return JointSpace(lookup(settings.space), settings.mode, settings.features)


def as_setup(config: Mapping[str, Any]) -> Setup:
    """The setup that a joint space suggested."""
    return Setup(*(config[name] for name in Setup._fields))


def replay(settings: Settings, suggested: Mapping[str, Any]) -> Setup:
    """The setup of a trial from its recorded parameters."""
    return as_setup(joint_space(settings)(FixedTrial(dict(suggested))))


def view_of(settings: Settings, suggested: Mapping[str, Any]) -> View:
    """Mode and features of a trial from its recorded parameters; nothing is replayed.

    Example:
        >>> view_of(Settings(features=("baseline", "baseline_dr")), {"features": "baseline_dr"})
        View(mode='idealised', features='baseline_dr')
    """
    mode, features = settings.mode[0], settings.features[0]
    return View(suggested.get(MODE, mode), suggested.get(FEATURES, features))


def _one_of(trial: BaseTrial, name: str, choices: Sequence[str]) -> str:
    return choices[0] if len(choices) == 1 else str(trial.suggest_categorical(name, choices))
