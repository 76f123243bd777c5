"""The published random search of HGB (Hein et al., 2025, arXiv:2511.14832)."""

from typing import Any

from optuna.trial import BaseTrial


def space(trial: BaseTrial) -> dict[str, Any]:
    """Learning rate, iterations, leaves, depth, l2 and bins."""
    rate = trial.suggest_float("hgb/learning_rate", 1e-4, 10**-0.1, log=True)
    return {
        "detector": "hgb",
        "parameters": {
            "learning_rate": rate,
            "max_iter": trial.suggest_int("hgb/max_iter", 2, 199),
            "max_leaf_nodes": trial.suggest_int("hgb/max_leaf_nodes", 2, 99),
            "max_depth": trial.suggest_int("hgb/max_depth", 2, 14),
            "l2_regularization": trial.suggest_float("hgb/l2_regularization", 0.0, 10.0),
            "max_bins": trial.suggest_int("hgb/max_bins", 31, 254),
        },
    }
