"""Random forests with the trees of the published random search (Hein et al., 2025, 2511.14832).

The paper has no random forest: trees are searched as AdaBoost's, the share of features around the
usual square root.
"""

from typing import Any

from optuna.trial import BaseTrial


def space(trial: BaseTrial) -> dict[str, Any]:
    """Trees, depth, leaves, smallest leaf and features."""
    return {
        "detector": "random_forest",
        "parameters": {
            "n_estimators": trial.suggest_int("random_forest/n_estimators", 10, 199),
            "max_depth": trial.suggest_int("random_forest/max_depth", 2, 14),
            "max_leaf_nodes": trial.suggest_int("random_forest/max_leaf_nodes", 2, 99),
            "min_samples_leaf": trial.suggest_int("random_forest/min_samples_leaf", 1, 99),
            "max_features": trial.suggest_float("random_forest/max_features", 0.25, 1.0),
        },
    }
