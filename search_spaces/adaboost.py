"""The published random search of AdaBoost (Hein et al., 2025, arXiv:2511.14832)."""

from typing import Any

from optuna.trial import BaseTrial


def space(trial: BaseTrial) -> dict[str, Any]:
    """Learning rate, trees, depth, leaves and smallest leaf."""
    rate = trial.suggest_float("adaboost/learning_rate", 1e-4, 10**-0.1, log=True)
    return {
        "detector": "adaboost",
        "parameters": {
            "learning_rate": rate,
            "n_estimators": trial.suggest_int("adaboost/n_estimators", 2, 99),
            "max_depth": trial.suggest_int("adaboost/max_depth", 2, 14),
            "max_leaf_nodes": trial.suggest_int("adaboost/max_leaf_nodes", 2, 99),
            "min_samples_leaf": trial.suggest_int("adaboost/min_samples_leaf", 1, 99),
        },
    }
