"""Which events two samples share: an event seen in training must not be counted in a test."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from raysearch.errors import InputError
from raysearch.events.base import Events

# Odd 64-bit constants of the SplitMix64 generator (Steele, Lea & Flood, 2014).
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


def shared_rows(a: Events, b: Events) -> int:
    """Number of events in b that also occur in a.

    Two events are the same if every byte of mjj and features is; labels do not count. Hashes select
    the candidates, whose bytes are then compared.

    Args:
        a: one sample.
        b: another with the same columns.

    Returns:
        The count, at most len(b).

    Raises:
        InputError: if the columns differ.
    """
    if a.columns != b.columns:
        raise InputError(
            f"events must have the same columns to be compared, but got {a.columns} and "
            f"{b.columns}."
        )
    hash_a, hash_b = _hashes(a), _hashes(b)
    candidates_a, candidates_b = np.isin(hash_a, hash_b), np.isin(hash_b, hash_a)
    if not candidates_b.any():
        return 0
    return int(np.isin(_bytes(b, candidates_b), _bytes(a, candidates_a)).sum())


def _hashes(events: Events) -> NDArray[np.uint64]:
    """(n,) a 64-bit hash of each event."""
    hashes = np.zeros(len(events), np.uint64)
    for values in (events.mjj_tev, *events.features.T):
        hashes ^= np.ascontiguousarray(values).view(np.uint32)
        hashes *= _MIX
        hashes ^= hashes >> np.uint64(29)
        hashes += _GAMMA
    return hashes


def _bytes(events: Events, rows: NDArray[np.bool_]) -> NDArray[Any]:
    """(k,) the bytes of each selected event as one opaque value."""
    table = np.column_stack([events.mjj_tev[rows], events.features[rows]])
    return np.ascontiguousarray(table).view(np.dtype((np.void, table.strides[0]))).ravel()
