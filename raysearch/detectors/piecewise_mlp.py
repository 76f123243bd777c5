"""Multilayer perceptrons that see each feature by its bins, too.

A plain perceptron is slow to learn what happens in a narrow range of one feature, and mixes all
features from the first layer on, so that uninformative ones distract it; trees do neither. Beside
the standardised feature this network gets its piecewise linear encoding: one input for each
quantile bin. It is the authors' embedding "version B" with its linear map left to the first layer,
of which every bin has a row of its own, so that the compiled kernel of the plain perceptron trains
it. Among dozens of uninformative inputs trees remain the better choice.

References:
    On embeddings for numerical features in tabular deep learning (Gorishniy, Rubachev, Babenko,
    2022), arXiv:2203.05556
    TabM: advancing tabular deep learning with parameter-efficient ensembling (Gorishniy,
    Kotelnikov, Babenko, 2024), arXiv:2410.24210: version B of the embeddings
"""

from types import MappingProxyType

from raysearch.detectors.mlp import DEFAULTS, MLPDetector

PIECEWISE_MLP = MLPDetector(
    name="piecewise_mlp", defaults=MappingProxyType({**DEFAULTS, "bins": 16})
)
"""The plain perceptron's hyperparameters, and how many bins each feature has."""
