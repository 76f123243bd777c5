"""The kinds of density estimator and their hyperparameters; known without torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from raysearch.errors import InputError, unknown_name

if TYPE_CHECKING:
    from raysearch.density.base import ConditionalNetwork

Parameters = Mapping[str, int | float]
Say = Callable[[str], None]
# Asked after each epoch: whether to end early.
Halt = Callable[[], bool]


@dataclass(frozen=True)
class Estimator:
    """A kind of density estimator.

    Attributes:
        name: how the user calls it.
        defaults: every hyperparameter with its default value.
        build: makes the untrained network for d features and complete hyperparameters.
    """

    name: str
    defaults: Parameters
    build: Callable[[int, Parameters], ConditionalNetwork]

    def complete(self, parameters: Parameters) -> Parameters:
        """The parameters completed by the defaults.

        Raises:
            InputError: if one is unknown, of another kind than its default, or negative.
        """
        for name, value in parameters.items():
            if name not in self.defaults:
                raise unknown_name(f"{self.name} parameter", name, self.defaults)
            _check(f"{self.name} parameter {name}", value, self.defaults[name])
        return {**self.defaults, **parameters}


def _check(what: str, value: int | float, default: int | float) -> None:
    if isinstance(default, int):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"`{what}` must be a whole number of at least 1, but got {value!r}.")
    elif not 0 <= value < float("inf"):
        raise InputError(f"`{what}` must be a number of at least 0, but got {value!r}.")


def _maf(n_features: int, parameters: Parameters) -> ConditionalNetwork:
    from raysearch.density.maf import Maf  # who trains waits for torch

    return Maf(n_features, parameters)


def _flow_matching(n_features: int, parameters: Parameters) -> ConditionalNetwork:
    from raysearch.density.matching import FlowMatching

    return FlowMatching(n_features, parameters)


# The published blocks and widths, trained for a processor: batches four times as large, a larger
# rate that falls along a cosine, a fifth of the epochs, and the best 4 of those instead of 10,
# since with a falling rate the last epochs are the best. Rates of 2e-3 and more make 15 blocks
# diverge.
MAF = Estimator(
    "maf",
    MappingProxyType(
        {
            "blocks": 15,
            "hidden": 128,
            "learning_rate": 1e-3,
            "weight_decay": 0.0,
            "batch_size": 1024,
            "epochs": 20,
            "patience": 8,
            "best_epochs": 4,
        }
    ),
    _maf,
)

# The published width and batches, trained for a processor: twice the rate, falling along a cosine,
# 30 epochs instead of 200, and the best 4 of those, since with a falling rate the last are the
# best.
FLOW_MATCHING = Estimator(
    "flow_matching",
    MappingProxyType(
        {
            "hidden": 256,
            "layers": 3,
            "learning_rate": 2e-3,
            "weight_decay": 0.01,
            "batch_size": 1024,
            "epochs": 30,
            "patience": 8,
            "best_epochs": 4,
            "steps": 10,
        }
    ),
    _flow_matching,
)
