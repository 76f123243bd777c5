"""The published random search of the MLP (Hein et al., 2025, arXiv:2511.14832)."""

from typing import Any

from optuna.trial import BaseTrial

LEARNING_RATES = [1e-2, 5e-3, 1e-3, 5e-4, 1e-4]
BATCH_SIZES = [64, 128, 256, 512, 1024, 2048, 5096]
DROPOUTS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
WEIGHT_DECAYS = [0.0, 1e-5, 1e-4, 1e-3, 1e-2]
BETA1S = [0.8, 0.9, 0.95, 0.99]


def space(trial: BaseTrial) -> dict[str, Any]:
    """Learning rate, batch size, dropout, weight decay and beta1 of the 3 x 64 network."""
    return {"detector": "mlp", "parameters": parameters(trial, "mlp")}


def parameters(trial: BaseTrial, detector: str) -> dict[str, Any]:
    """The hyperparameters for a detector that is trained like the MLP."""
    return {
        "learning_rate": trial.suggest_categorical(f"{detector}/learning_rate", LEARNING_RATES),
        "batch_size": trial.suggest_categorical(f"{detector}/batch_size", BATCH_SIZES),
        "dropout": trial.suggest_categorical(f"{detector}/dropout", DROPOUTS),
        "weight_decay": trial.suggest_categorical(f"{detector}/weight_decay", WEIGHT_DECAYS),
        "beta1": trial.suggest_categorical(f"{detector}/beta1", BETA1S),
    }
