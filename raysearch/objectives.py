"""What a study optimises: a metric, its direction, and whether it needs truth labels.

Every fit has the metrics of `EVERY`. Those of `raysearch.excess` ask for calibrated scores of
all rows, of two fits that swap their halves, and are computed where a study wants them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from raysearch import excess, metrics
from raysearch.errors import unknown_name

Metric = Callable[[NDArray[np.bool_], NDArray[np.floating]], float]


@dataclass(frozen=True)
class Objective:
    """A metric of one fit.

    Attributes:
        name: how the user calls it.
        direction: "max" or "min", whichever is better.
        supervised: True if it is computed on labelled test events, False if on the
            validation events' classes data and template.
        function: of (n,) classes and (n,) log odds.
        is_pooled: True if two fits that swap their halves have one value, of the rows of both.
        is_permuted: True if the classes are permuted, which tells what luck alone would find.
    """

    name: str
    direction: Literal["max", "min"]
    supervised: bool
    function: Metric
    is_pooled: bool = False
    is_permuted: bool = False

    @property
    def extreme(self) -> str:
        """What the best value is among all, in a word."""
        return "largest" if self.direction == "max" else "smallest"

    def best(self, values: NDArray[np.floating]) -> int:
        """Index of the best value along the first axis; NaN never wins unless all are NaN.

        Example:
            >>> VAL_LOSS.best(np.array([0.7, np.nan, 0.6]))
            2
        """
        return int(self.order(values)[0])

    def order(self, values: NDArray[np.floating]) -> NDArray[np.intp]:
        """Indices from the best value to the worst, NaN last, equal values in their order."""
        signed = -values if self.direction == "max" else values
        return np.argsort(signed, kind="stable")

    def is_better(self, new: NDArray[np.floating], old: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Where a new value is better than an old one; equal ones and NaN are not."""
        return np.asarray(new > old if self.direction == "max" else new < old)


VAL_SIC = Objective("val_sic", "max", False, metrics.val_sic)
VAL_LOSS = Objective("val_loss", "min", False, metrics.val_loss)
MAX_SIC = Objective("max_sic", "max", True, metrics.max_sic)

EVERY = (VAL_SIC, VAL_LOSS, MAX_SIC)

# Not to be optimised: what val_sic would be without anything to find, best epochs and all.
CHANCE = replace(VAL_SIC, name="val_sic_permuted", is_permuted=True)


def _pooled(figure: Metric) -> Objective:
    return Objective(figure.__name__, "max", False, figure, is_pooled=True)


CROSS_SIC, SIC_BOUND, SIC_AREA, EXCESS_SIGNIFICANCE = map(
    _pooled, (excess.cross_sic, excess.sic_bound, excess.sic_area, excess.excess_significance)
)

OBJECTIVES: Mapping[str, Objective] = MappingProxyType(
    {o.name: o for o in (*EVERY, CROSS_SIC, SIC_BOUND, SIC_AREA, EXCESS_SIGNIFICANCE)}
)


def sic_at(name: str) -> str:
    """Name of max SIC at the epoch that is best by an objective.

    That is what a choice by the objective is worth. max SIC at its own best epoch is known to those
    alone who have labels.

    Example:
        >>> sic_at("val_sic"), sic_at("max_sic")
        ('max_sic_at_val_sic', 'max_sic')
    """
    return MAX_SIC.name if OBJECTIVES[name].supervised else f"{MAX_SIC.name}_at_{name}"


# All that may be known of a fit, in the order of tables.
METRICS = tuple(dict.fromkeys((*OBJECTIVES, *map(sic_at, OBJECTIVES))))
_EVERY_NAME = [o.name for o in EVERY]
# What a table has a column for, be it null.
COLUMNS = tuple(dict.fromkeys((*_EVERY_NAME, *map(sic_at, _EVERY_NAME))))


def columns(present: Iterable[str]) -> list[str]:
    """The metrics that a table of trials with these has columns for, in their order."""
    known = {*COLUMNS, *present}
    return [name for name in (*METRICS, CHANCE.name) if name in known]


def metric(name: str) -> Objective:
    """What a value of this name is: an objective, or `CHANCE`."""
    return CHANCE if name == CHANCE.name else OBJECTIVES[name]


def beyond_every(names: Iterable[str]) -> list[Objective]:
    """What has to be asked for, of the metrics with these names."""
    return [metric(name) for name in names if name not in _EVERY_NAME]


def objective(name: str) -> Objective:
    """The objective called `name`; an unknown one raises InputError with the nearest known."""
    if name not in OBJECTIVES:
        raise unknown_name("objective", name, OBJECTIVES)
    return OBJECTIVES[name]
