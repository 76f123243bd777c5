"""The published random search of the MLP, and the bins of its piecewise linear encoding.

Hein et al., 2025, arXiv:2511.14832, for what the two networks have in common, so that a study
compares the encodings. The bins lie within the 2 to 128 that Gorishniy et al. search (2024,
arXiv:2410.24210; the embeddings: 2022, arXiv:2203.05556) and end at 32: every bin costs an input
for each feature, so that on wide feature sets a fit takes several times that of the plain network.
"""

from typing import Any

from optuna.trial import BaseTrial

from search_spaces import mlp

BINS = [2, 4, 8, 16, 32]


def space(trial: BaseTrial) -> dict[str, Any]:
    """Bins, learning rate, batch size, dropout, weight decay and beta1 of the 3 x 64 network."""
    bins = trial.suggest_categorical("piecewise_mlp/bins", BINS)
    shared = mlp.parameters(trial, "piecewise_mlp")
    return {"detector": "piecewise_mlp", "parameters": {"bins": bins, **shared}}
