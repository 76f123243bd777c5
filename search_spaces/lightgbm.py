"""LightGBM in the published ranges of HGB (Hein et al., 2025, arXiv:2511.14832)."""

from typing import Any

from optuna.trial import BaseTrial


def space(trial: BaseTrial) -> dict[str, Any]:
    """Learning rate, iterations, leaves, depth, l2 and bins."""
    rate = trial.suggest_float("lightgbm/learning_rate", 1e-4, 10**-0.1, log=True)
    return {
        "detector": "lightgbm",
        "parameters": {
            "learning_rate": rate,
            "max_iter": trial.suggest_int("lightgbm/max_iter", 2, 199),
            "max_leaf_nodes": trial.suggest_int("lightgbm/max_leaf_nodes", 2, 99),
            "max_depth": trial.suggest_int("lightgbm/max_depth", 2, 14),
            "l2_regularization": trial.suggest_float("lightgbm/l2_regularization", 0.0, 10.0),
            "max_bins": trial.suggest_int("lightgbm/max_bins", 31, 254),
        },
    }
