"""Every feature as ranks: sorted once per sample, so that no tree has to sort again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Ranks:
    """Which of the sorted distinct values of its column each entry has.

    A function of the features alone. Rows that do not train move the numbers, never their order,
    so bins that count training rows do not depend on the other rows.

    Attributes:
        of_rows: (d, n) index into the column's values.
        values: per column its distinct values, rising.
    """

    of_rows: NDArray[np.int32]
    values: tuple[NDArray[np.float32], ...]


def ranked(features: NDArray[np.float32]) -> Ranks:
    """The ranks of (n, d) features; equal values share one.

    Example:
        >>> ranked(np.array([[0.5], [-1.0], [0.5]], np.float32)).of_rows
        array([[1, 0, 1]], dtype=int32)
    """
    columns = [_column(column) for column in features.T]
    shape = features.shape[::-1]
    of_rows = np.array([ranks for ranks, _ in columns], dtype=np.int32).reshape(shape)
    return Ranks(of_rows, tuple(values for _, values in columns))


def _column(column: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    order = np.argsort(column)
    ordered = column[order]
    is_new = np.append(True, ordered[1:] != ordered[:-1])
    ranks = np.empty(len(column), np.int32)
    ranks[order] = np.cumsum(is_new, dtype=np.int32) - np.int32(1)
    return ranks, ordered[is_new]
