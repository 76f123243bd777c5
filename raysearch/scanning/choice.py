"""Which set an objective chooses among those of one detector in one cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from raysearch.objectives import metric
from raysearch.records import Record


def best_set(means: NDArray[np.float64], objective: str) -> int | None:
    """The set with the best mean over the repeats.

    Args:
        means: (s,) mean of the objective's metric over the repeats; NaN where a set failed.
        objective: its name, or that of chance.

    Returns:
        The first of the best; None if no set has a value.

    Example:
        >>> best_set(np.array([0.1, np.nan, 0.3]), "val_sic")
        2
    """
    if np.isnan(means).all():
        return None
    return metric(objective).best(means)


def choices(records: Sequence[Record], objectives: Sequence[str]) -> dict[str, int]:
    """The set that each objective chooses; without those for which no set has a value.

    Args:
        records: of all sets, in their order.
        objectives: names.
    """
    found = {}
    for name in objectives:
        best = best_set(np.array([_mean(record, name) for record in records]), name)
        if best is not None:
            found[name] = best
    return found


def shared(chosen: Mapping[str, int]) -> dict[tuple[str, ...], int]:
    """The sets to retrain, each with the objectives that chose it and share its training.

    Example:
        >>> shared({"val_sic": 4, "val_loss": 4, "max_sic": 2})
        {('val_sic', 'val_loss'): 4, ('max_sic',): 2}
    """
    by_set: dict[int, list[str]] = {}
    for name, index in chosen.items():
        by_set.setdefault(index, []).append(name)
    return {tuple(names): index for index, names in by_set.items()}


def _mean(record: Record, name: str) -> float:
    if record.state != "COMPLETE" or name not in record.metrics:
        return float("nan")
    return float(np.mean(record.metrics[name]))
