"""Views of the trials table: numbers as arrays, parameters per detector, rank correlation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from raysearch.objectives import OBJECTIVES
from raysearch.report.contents import NotAvailable, ReportContents

MINIMISED = frozenset(o.name for o in OBJECTIVES.values() if o.direction == "min")


class Parameter(NamedTuple):
    """One hyperparameter as the trials of one detector had it.

    Attributes:
        name: as the detector calls it.
        values: one per trial, none of them None.
    """

    name: str
    values: list[Any]

    @property
    def varies(self) -> bool:
        """Whether the trials had at least two different values."""
        return len(set(self.values)) > 1

    @property
    def is_numeric(self) -> bool:
        """Whether the values are numbers (True and False are not)."""
        return all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)

    @property
    def is_log(self) -> bool:
        """Whether the values are positive and span more than a factor of 30."""
        return self.is_numeric and min(self.values) > 0 and max(self.values) > 30 * min(self.values)


def values(trials: pa.Table, name: str) -> NDArray[np.float64]:
    """(n,) a numeric column; NaN where it is null, not finite, or absent."""
    if name not in trials.column_names:
        return np.full(trials.num_rows, np.nan)
    column = np.array(trials[name].to_pylist(), dtype=np.float64)  # None becomes NaN
    return np.where(np.isfinite(column), column, np.nan)


def texts(trials: pa.Table, name: str, absent: str = "") -> NDArray[np.str_]:
    """(n,) a column as text; `absent` where it is null or there is no such column."""
    if name not in trials.column_names:
        # A bare `np.str_` would keep one letter.
        return np.full(trials.num_rows, absent, dtype=f"U{max(1, len(absent))}")
    return np.array(
        [absent if value is None else str(value) for value in trials[name].to_pylist()],
        dtype=np.str_,
    )


def detectors(trials: pa.Table) -> NDArray[np.str_]:
    """(n,) the detector of every trial, "setup" where the table names none."""
    return texts(trials, "config.detector", absent="setup")


def complete(trials: pa.Table) -> NDArray[np.bool_]:
    """(n,) True for trials that ran to their end."""
    return np.asarray(texts(trials, "state") == "COMPLETE")


def principal(contents: ReportContents) -> str:
    """The study's objective, if complete trials have its value.

    Raises:
        NotAvailable: if none has.
    """
    name = str(contents.selection.get("objective") or contents.settings.get("objective", "val_sic"))
    if not np.isfinite(values(contents.trials, name)[complete(contents.trials)]).any():
        raise NotAvailable(f"no complete trial has a value of {name}.")
    return name


def valued(contents: ReportContents, name: str) -> pa.Table:
    """The complete trials that have a value of this metric."""
    trials = contents.trials
    return trials.filter(pa.array(complete(trials) & np.isfinite(values(trials, name))))


def parameters(trials: pa.Table, detector: str) -> list[Parameter]:
    """The hyperparameters that every trial of this detector has and that vary among them."""
    own = trials.filter(pa.array(detectors(trials) == detector))
    columns = [
        Parameter(_short(name, detector), own[name].to_pylist())
        for name in own.column_names
        if name.startswith("config.") and name != "config.detector"
    ]
    return [p for p in columns if None not in p.values and p.varies]


def robust_limits(numbers: NDArray[np.float64]) -> tuple[float, float]:
    """Where an axis should end, so that a few values far off do not squash the others."""
    low, middle, high = np.quantile(numbers, [0.25, 0.5, 0.75])
    reach = 4 * (high - low) or np.inf
    start, end = max(numbers.min(), middle - reach), min(numbers.max(), middle + reach)
    margin = 0.08 * (end - start) or 0.05 * abs(end) or 1.0
    return float(start - margin), float(end + margin)


def rank_correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    """Spearman's coefficient, ties at their mean rank; None where a side is constant.

    Example:
        >>> round(rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 8.0, 27.0])), 6)
        1.0
    """
    if len(np.unique(x)) < 2 or len(np.unique(y)) < 2:
        return None
    return float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])


def _ranks(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks


def _short(column: str, detector: str) -> str:
    return column.removeprefix("config.").removeprefix(f"{detector}.")
