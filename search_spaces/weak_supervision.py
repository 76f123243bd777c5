"""All weakly supervised classifiers with the published ranges, the architecture chosen first."""

from typing import Any

from optuna.trial import BaseTrial

from search_spaces import adaboost, hgb, mlp

_OF_DETECTOR = {"mlp": mlp.space, "hgb": hgb.space, "adaboost": adaboost.space}


def space(trial: BaseTrial) -> dict[str, Any]:
    """The architecture, then its own hyperparameters."""
    return _OF_DETECTOR[trial.suggest_categorical("detector", list(_OF_DETECTOR))](trial)
