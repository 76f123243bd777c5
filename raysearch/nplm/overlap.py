"""Events that data and reference share, told apart from values that merely coincide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from raysearch.errors import InputError
from raysearch.nplm.arrays import Floats

# Odd 64-bit constants of the SplitMix64 generator (Steele, Lea & Flood, 2014).
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
# Samples that do not overlap are refused this rarely.
_UNLIKELY = 1e-4
# Of the 24 and 53 of single and double precision, some are the same for values of like size.
_DIGITS_32, _DIGITS_64 = 18, 47


def row_hashes(rows: Floats) -> NDArray[np.uint64]:
    """(n,) a 64-bit hash of each of the (n, d) rows.

    Example:
        >>> a, b, c = row_hashes(np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0]]))
        >>> bool(a == c), bool(a == b)
        (True, False)
    """
    hashes = np.zeros(len(rows), np.uint64)
    for values in rows.T:
        # The sum turns -0.0 into 0.0, which is the same value in other bits.
        hashes ^= np.ascontiguousarray(values + 0.0, np.float64).view(np.uint64)
        hashes *= _MIX
        hashes ^= hashes >> np.uint64(29)
        hashes += _GAMMA
    return hashes


def check_disjoint(data: Floats, reference: Floats) -> None:
    """Refuse data of which more occur in the reference than coincidence explains.

    Rounded values coincide. How often they may, the reference says itself: d pairs of equal rows
    among m rows let ``2 d n / m`` of n data be found in it; d is replaced by d + 1, of which there
    might have been one. Where it has no such pair, the digits of the values may bound it further.

    Args:
        data: (n, k) everything known of the data.
        reference: (m, k) the same of the reference.

    Raises:
        InputError: if they overlap.
    """
    data, reference = in_common_precision(data, reference)
    of_data, of_reference = row_hashes(data), row_hashes(reference)
    found = int(np.isin(of_data, of_reference).sum())
    counts = np.unique(of_reference, return_counts=True)[1].astype(np.float64)
    pairs = float((counts * (counts - 1) / 2).sum())
    chance = 2 * (pairs + 1) * len(data) / len(reference)
    if pairs == 0:
        chance = min(chance, len(data) * len(reference) * _coincidence(reference))
    # The chance that so many or more are found, by Poisson's law.
    if gammainc(found, chance) < _UNLIKELY:
        raise InputError(
            f"data and reference must not share events, but {found} of {len(data)} rows of the "
            f"data occur in the reference (by chance about {chance:.2g} would); remove them."
        )


def in_common_precision(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Both samples with those columns in single precision that are so in one of them.

    The same event may have been stored as float32 here and as float64 there.
    """
    first, second = first.copy(), second.copy()
    for one, other in zip(first.T, second.T, strict=True):
        if is_single(one) or is_single(other):
            one[:], other[:] = _single(one), _single(other)
    return first, second


def is_single(column: Floats) -> bool:
    """Whether single precision holds all of these values."""
    return bool((column == _single(column)).all())


def _single(column: Floats) -> Floats:
    # What is too large for it becomes infinite, and then differs.
    with np.errstate(over="ignore"):
        return column.astype(np.float32).astype(np.float64)


def _coincidence(rows: Floats) -> float:
    """Probability that two rows are equal, if columns are independent and use all their digits."""
    return float(np.prod([2.0 ** -_digits(column) for column in rows.T]))


def _digits(column: Floats) -> int:
    """Binary digits by which values of a column differ; of integers hardly any are safe."""
    if (column == np.round(column)).all():
        return 0
    return _DIGITS_32 if is_single(column) else _DIGITS_64
