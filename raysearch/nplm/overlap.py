"""Events that data and reference share, told apart from values that merely coincide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from raysearch.errors import InputError
from raysearch.nplm.tensors import Floats

# Odd 64-bit constants of the SplitMix64 generator (Steele, Lea & Flood, 2014).
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
# Standard deviations above the expected number of coincidences.
_TOLERATED = 5.0


def row_hashes(rows: Floats) -> NDArray[np.uint64]:
    """(n,) a 64-bit hash of each of the (n, d) rows.

    Example:
        >>> a, b, c = row_hashes(np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0]]))
        >>> bool(a == c), bool(a == b)
        (True, False)
    """
    hashes = np.zeros(len(rows), np.uint64)
    for values in rows.T:
        hashes ^= np.ascontiguousarray(values, np.float64).view(np.uint64)
        hashes *= _MIX
        hashes ^= hashes >> np.uint64(29)
        hashes += _GAMMA
    return hashes


def check_disjoint(data: Floats, reference: Floats) -> None:
    """Refuse data of which more occur in the reference than coincidence explains.

    Discrete values coincide: the share of the reference's own rows that occur in it twice says how
    many of the data may. Where no row occurs twice, none may.

    Args:
        data: (n, k) everything known of the data.
        reference: (m, k) the same of the reference.

    Raises:
        InputError: if they overlap.
    """
    of_data, of_reference = row_hashes(data), row_hashes(reference)
    found = int(np.isin(of_data, of_reference).sum())
    counts = np.unique(of_reference, return_counts=True)[1]
    chance = len(of_data) * float(counts[counts > 1].sum()) / len(of_reference)
    if found > chance + _TOLERATED * np.sqrt(chance):
        raise InputError(
            f"data and reference must not share events, but {found} of {len(data)} rows of the "
            f"data occur in the reference (by chance about {chance:.0f} would); remove them."
        )
