"""Multilayer perceptrons that see each feature by its bins, too.

A plain perceptron is slow to learn what happens in a narrow range of one feature, and mixes all
features from the first layer on, so that uninformative ones distract it; trees do neither. Beside
the standardised feature this network gets its piecewise linear encoding: one input for each
quantile bin. It is the authors' embedding "version B" with its linear map left to the first layer,
of which every bin has a row of its own, so that the compiled kernel of the plain perceptron trains
it. The authors' first and last bin are open, linear beyond the outermost edges; here they are
closed, so that in the tails only the standardised feature still moves. Among dozens of
uninformative inputs trees remain the better choice. On eight columns of simulated dijets (masses
and N-subjettiness) it has 1.12 of the plain network's max SIC at 300 signal events and 1.02 at 600,
as much as trees (tests/benchmarks/README.md); extended sets 2 and 3 were not measured.

Every bin costs an input for each feature. 32 bins of 56 features are 1,848 inputs, of which one
block of 64 events, and the weights of the first layer as well, are 473 kB in single precision: with
gradients and moments more than a core's second-level cache often holds.

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
