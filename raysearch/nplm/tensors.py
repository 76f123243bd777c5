"""From shared arrays to tensors in double precision."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from raysearch.nplm.arrays import Floats

# Rows handled at once: their kernel values stay in the cache of a core for a thousand centres.
CHUNK_ROWS = 2048


def tensor(array: NDArray[Any], device: str = "cpu") -> Tensor:
    """The array as a tensor; on the CPU it shares the memory, which nobody may write to."""
    with warnings.catch_warnings():
        # Arrays in Ray's object store are read-only, and torch has no such notion.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.as_tensor(array, device=device)


def outer_sum(rows: Tensor) -> Tensor:
    """(r, r) sum of the outer products of (n, r) rows with themselves.

    NumPy sees that it is symmetric and multiplies half of it, which torch does not.
    """
    if rows.is_cuda:
        return rows.T @ rows
    own = array(rows)
    return tensor(own.T @ own)


def array(values: Tensor) -> Floats:
    """The tensor as a numpy array on the host."""
    return np.asarray(values.detach().cpu().numpy(), dtype=np.float64)
