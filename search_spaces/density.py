"""Density estimators of the CATHODE mode, around the published settings (arXiv:2511.14832).

This space suggests a density, not a detector: ``{"estimator": name, "parameters": {...}}``, for
`raysearch.density.fit_density`. ``--cathode trials=10`` draws from it for the estimator asked for
and samples the set with the least validation loss; the losses of two estimators do not compare.
All train for the same epochs, so that large batches get fewer steps. A flow of 15 blocks diverges
from rates of 2e-3 on.
"""

from typing import Any

from optuna.trial import BaseTrial


def space(
    trial: BaseTrial, estimators: tuple[str, ...] = ("maf", "flow_matching")
) -> dict[str, Any]:
    """The estimator, then learning rate, batch size, width and its depth."""
    estimator = trial.suggest_categorical("density/estimator", list(estimators))
    own = _maf(trial) if estimator == "maf" else _flow_matching(trial)
    return {"estimator": estimator, "parameters": own}


def _maf(trial: BaseTrial) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("maf/learning_rate", 1e-4, 2e-3, log=True),
        "batch_size": trial.suggest_categorical("maf/batch_size", [256, 512, 1024, 2048]),
        "hidden": trial.suggest_categorical("maf/hidden", [32, 64, 128, 256]),
        "blocks": trial.suggest_int("maf/blocks", 3, 15),
    }


def _flow_matching(trial: BaseTrial) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("flow_matching/learning_rate", 1e-4, 1e-2, log=True),
        "batch_size": trial.suggest_categorical("flow_matching/batch_size", [256, 512, 1024, 2048]),
        "hidden": trial.suggest_categorical("flow_matching/hidden", [64, 128, 256]),
        "layers": trial.suggest_int("flow_matching/layers", 2, 4),
    }
