"""What the user of the packed trainer chooses: per member, and for the whole pack."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from raysearch.errors import InputError


@dataclass(frozen=True, eq=False)
class MemberSettings:
    """One network of a pack; everything here may differ from member to member.

    Attributes:
        rows: indices of the rows it trains on.
        seed: non-negative; initial weights, order of the rows and dropout follow from it.
        batch_size: rows per step; the last batch of an epoch may be smaller.
        learning_rate: Adam's step size.
        weight_decay: L2 penalty added to the gradient, as in `torch.optim.Adam`.
        beta1: Adam's decay of the mean gradient.
        dropout: share of hidden activations dropped in every step, of every epoch.

    Raises:
        InputError: if a value lies outside its range or there are no rows.
    """

    rows: NDArray[np.intp]
    seed: int
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    beta1: float = 0.9
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _demand("rows", len(self.rows), operator.ge, 1)
        _demand("seed", self.seed, operator.ge, 0)
        _demand("batch_size", self.batch_size, operator.ge, 1)
        _demand("learning_rate", self.learning_rate, operator.gt, 0)
        _demand("weight_decay", self.weight_decay, operator.ge, 0)
        for name, share in (("beta1", self.beta1), ("dropout", self.dropout)):
            _demand(name, share, operator.ge, 0)
            _demand(name, share, operator.lt, 1)


@dataclass(frozen=True)
class PackSettings:
    """What all members of a pack have in common.

    Attributes:
        hidden: width of each hidden layer.
        epochs: passes over each member's rows.
        bins: of each feature; 0 for features that are standardised only.

    Raises:
        InputError: if a number is not positive, or that of bins negative.
    """

    hidden: tuple[int, ...] = (64, 64, 64)
    epochs: int = 20
    bins: int = 0

    def __post_init__(self) -> None:
        _demand("hidden layers", len(self.hidden), operator.ge, 1)
        _demand("hidden width", min(self.hidden), operator.ge, 1)
        _demand("epochs", self.epochs, operator.ge, 1)
        _demand("bins", self.bins, operator.ge, 0)


_Comparison = Callable[[float, float], bool]
_SYMBOLS: Mapping[_Comparison, str] = {
    operator.ge: ">=",
    operator.gt: ">",
    operator.lt: "<",
}


def _demand(name: str, value: float, compare: _Comparison, limit: float) -> None:
    if not compare(value, limit):
        raise InputError(f"`{name} {_SYMBOLS[compare]} {limit}` must hold, but got {value}.")
