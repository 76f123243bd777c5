"""Mass windows, sidebands, signal injection and seeded splits of rows.

References:
    Extending the search for new resonances with machine learning (Collins, Howe, Nachman, 2019),
    arXiv:1902.02634: signal region and short sidebands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from raysearch.errors import InputError


@dataclass(frozen=True)
class Window:
    """The half-open mass window ``low_tev <= mjj < high_tev``.

    Raises:
        InputError: unless 0 <= low < high.
    """

    low_tev: float
    high_tev: float

    def __post_init__(self) -> None:
        """Check the order of the edges."""
        if not 0 <= self.low_tev < self.high_tev < float("inf"):
            raise InputError(
                "`0 <= low < high` must hold for a mass window in TeV, but got "
                f"(low={self.low_tev}, high={self.high_tev})."
            )

    def contains(self, mjj_tev: NDArray[np.floating]) -> NDArray[np.bool_]:
        """(n,) True where the mass lies inside.

        Example:
            >>> Window(3.3, 3.7).contains(np.array([3.2, 3.3, 3.7]))
            array([False,  True, False])
        """
        # In the precision of the events, so that an edge value means the same everywhere.
        low, high = np.float32(self.low_tev), np.float32(self.high_tev)
        mjj = np.asarray(mjj_tev, dtype=np.float32)
        return (mjj >= low) & (mjj < high)


# The published signal region of the LHC Olympics R&D data.
SIGNAL_REGION = Window(3.3, 3.7)
SIDEBAND_WIDTH_TEV = 0.2


def sidebands(region: Window, width_tev: float) -> tuple[Window, Window]:
    """The short sidebands below and above the signal region.

    Raises:
        InputError: if the width is not positive or the lower one would reach below zero.
    """
    if not width_tev > 0:
        raise InputError(f"the sideband width must be positive, but got {width_tev} TeV.")
    return (
        Window(region.low_tev - width_tev, region.low_tev),
        Window(region.high_tev, region.high_tev + width_tev),
    )


def choose(
    n_rows: int, n_chosen: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows chosen at random without repetition, and the rest; both in rising order."""
    order = rng.permutation(n_rows)
    return np.sort(order[:n_chosen]), np.sort(order[n_chosen:])


def set_aside(
    is_data: NDArray[np.bool_], share: float, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Rising numbers of a share of the rows of each class, drawn at random.

    Args:
        is_data: (n,) class of each row.
        share: of either class.
        rng: decides which rows.

    Example:
        >>> rows = set_aside(np.arange(30) < 10, 0.2, np.random.default_rng(1))
        >>> len(rows), int((rows < 10).sum())
        (6, 2)
    """
    chosen = [
        rng.permutation(np.flatnonzero(of_class))[: round(share * int(of_class.sum()))]
        for of_class in (is_data, ~is_data)
    ]
    return np.sort(np.concatenate(chosen))


def folds(
    is_data: NDArray[np.bool_],
    n_folds: int,
    rng: np.random.Generator,
    among: NDArray[np.intp] | None = None,
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Training and validation rows of each fold, both classes shared out evenly.

    The validation rows of the folds are disjoint and complete.

    Args:
        is_data: (n,) class of each row.
        n_folds: number of folds, at least 2.
        rng: decides which row falls into which fold.
        among: numbers of the rows that are divided; None for all n. The others fall into no fold,
            and their classes are not looked at.

    Yields:
        Rising row numbers (train, validation), disjoint, together all that are divided.
    """
    rows = np.arange(len(is_data)) if among is None else np.sort(among)
    fold_of = np.full(len(is_data), -1, dtype=np.intp)
    for of_class in (is_data[rows], ~is_data[rows]):
        shuffled = rng.permutation(rows[of_class])
        fold_of[shuffled] = np.arange(len(shuffled)) % n_folds
    for fold in range(n_folds):
        in_fold = fold_of[rows] == fold
        yield rows[~in_fold], rows[in_fold]
