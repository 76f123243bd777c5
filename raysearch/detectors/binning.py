"""Quantile bins of the training rows, counted from the ranks of the sample instead of sorted.

Classes play no part in it, and rows that do not train none either: an edge is the value of a
training row, placed by the number of training rows on each side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors.base import Member
from raysearch.errors import InputError
from raysearch.samples import Rows

# A code is one byte, and scikit-learn keeps one of its values for missing entries.
MAX_BINS = 255

Codes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Bins:
    """The edges between bins: a value equal to an edge lies in the bin below it.

    Attributes:
        edges: per column its rising edges, at most 254.
    """

    edges: tuple[NDArray[np.float32], ...]

    def codes(self, features: NDArray[np.float32]) -> Codes:
        """(n, d) number of the bin of each entry of (n, d) features."""
        columns = zip(self.edges, features.T, strict=True)
        coded = [np.searchsorted(edges, column) for edges, column in columns]
        return np.ascontiguousarray(np.array(coded, dtype=np.uint8).T)


@dataclass(frozen=True, eq=False)
class Binned:
    """The rows of one member in the bins of its training rows.

    Attributes:
        bins: the edges.
        train: (n, d) codes of the training rows.
        validation: (m, d) codes of the validation rows.
    """

    bins: Bins
    train: Codes
    validation: Codes


def binned(rows: Rows, member: Member, max_bins: int) -> Binned:
    """The member's rows in at most `max_bins` bins of equally many training rows.

    Raises:
        InputError: if `max_bins` is not from 2 to 255.
    """
    if not 2 <= max_bins <= MAX_BINS:
        raise InputError(f"max_bins must be from 2 to {MAX_BINS}, but got {max_bins}.")
    ranks = rows.ranks
    edges = [_edges(of_rows[member.train], max_bins) for of_rows in ranks.of_rows]
    values = [value[edge] for value, edge in zip(ranks.values, edges, strict=True)]
    tables = [_code_of_rank(edge, len(v)) for edge, v in zip(edges, ranks.values, strict=True)]
    train, validation = (
        _codes(tables, ranks.of_rows[:, part]) for part in (member.train, member.validation)
    )
    return Binned(Bins(tuple(values)), train, validation)


def _edges(ranks: NDArray[np.int32], max_bins: int) -> NDArray[np.intp]:
    """Ranks of the last value of every bin but the uppermost."""
    counts = np.bincount(ranks)
    present = np.flatnonzero(counts)
    if len(present) <= max_bins:
        return present[:-1]
    below = np.cumsum(counts[present])
    quantile = (below - 1) * max_bins // below[-1]
    return present[np.flatnonzero(quantile[1:] != quantile[:-1])]


def _code_of_rank(edges: NDArray[np.intp], n_values: int) -> Codes:
    """(n_values,) bin of each rank: the number of edges below it."""
    begins = np.zeros(n_values, np.uint8)
    begins[edges + 1] = 1
    return np.cumsum(begins, dtype=np.uint8)


def _codes(tables: list[Codes], ranks: NDArray[np.int32]) -> Codes:
    columns = [table[of_rows] for table, of_rows in zip(tables, ranks, strict=True)]
    return np.ascontiguousarray(np.array(columns, dtype=np.uint8).T)
