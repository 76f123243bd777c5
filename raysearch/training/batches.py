"""Shuffled, encoded batches of every member, taken from one resident table of rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from raysearch.errors import InputError
from raysearch.training.encoding import Encoder, fit_encoding

# Inputs of several steps are gathered at once; this bounds their memory.
BLOCK_BYTES = 4 << 20


class Batch(NamedTuple):
    """One step of the first A members.

    Attributes:
        step: number within the epoch, from 0.
        inputs: (A, b, inputs) encoded features.
        targets: (A, b) class, 0 or 1.
        weights: (A, b) class weight over the rows of the member's batch, 0 for padding.
    """

    step: int
    inputs: Tensor
    targets: Tensor
    weights: Tensor


def read_only(array: NDArray[np.float32]) -> Tensor:
    """A tensor over the array's own memory, for reading only."""
    with warnings.catch_warnings():
        # Arrays in Ray's object store cannot be written; torch warns that they might be.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def checked_rows(rows: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    """The indices as they are; compiled code would read beyond the table without a word.

    Raises:
        InputError: if one of them is none of the n rows.
    """
    if not 0 <= rows.min() <= rows.max() < n:
        raise InputError(
            f"`0 <= row < {n}` must hold for training rows, but got {rows.min()} to {rows.max()}."
        )
    return rows


def balanced_weights(is_data: NDArray[np.bool_]) -> tuple[float, float]:
    """Weights n/(2 n_c) of template and data, so that both classes count alike.

    Raises:
        InputError: if a class is absent.

    Example:
        >>> balanced_weights(np.array([True, False, False, False]))
        (0.6666666666666666, 2.0)
    """
    n, n_data = len(is_data), int(np.count_nonzero(is_data))
    if not 0 < n_data < n:
        raise InputError(
            f"training rows must hold data and template, but got {n_data} data of {n} rows."
        )
    return n / (2 * (n - n_data)), n / (2 * n_data)


class Table:
    """All rows, resident on a device once for all packs of one training."""

    def __init__(
        self, features: NDArray[np.float32], is_data: NDArray[np.bool_], device: torch.device
    ) -> None:
        """Move (n, d) features and (n,) classes to the device."""
        self.features, self.is_data = features, is_data
        self.on_device = read_only(features).to(device)
        self.labels = torch.from_numpy(is_data.astype(np.float32)).to(device)

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.labels.device


class Batches:
    """The batches of K members, which must stand in the order of falling numbers of rows.

    Then the members that still have rows in a step are the first A, a plain slice of every
    tensor, and the others are not touched at all.
    """

    def __init__(
        self,
        table: Table,
        rows: Sequence[NDArray[np.intp]],
        batch_size: int,
        generators: Sequence[torch.Generator],
        bins: int = 0,
    ) -> None:
        """Move the K members' rows to the table's device."""
        device, is_data = table.device, table.is_data
        self._generators = list(generators)
        self._batch_size = batch_size
        self._features, self._labels = table.on_device, table.labels
        self._rows = [torch.from_numpy(own.astype(np.int64)).to(device) for own in rows]
        self._class_weights = torch.tensor(
            [balanced_weights(is_data[own]) for own in rows], device=device
        )
        self.encoding = fit_encoding(table.features, rows, bins)
        self._plan()

    def _plan(self) -> None:
        """What follows from the members and their numbers of rows."""
        rows, size, device = self._rows, self._batch_size, self._features.device
        self._encode = Encoder(self.encoding, device)
        self.steps = [-(-len(own) // size) for own in rows]
        self._active = [sum(s > step for s in self.steps) for step in range(self.steps[0])]
        row_bytes = self.encoding.centre.size * self._features.itemsize
        self._steps_per_block = max(1, BLOCK_BYTES // (row_bytes * size))
        # Padding refers to row 0 with weight 0.
        self._order = torch.zeros(len(rows), len(rows[0]), dtype=torch.int64, device=device)
        share = _share_of_batch([len(own) for own in rows], size)
        self._per_row = torch.from_numpy(share.astype(np.float32)).to(device)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members alone, in rising order."""
        self._rows = [self._rows[k] for k in members]
        self._generators = [self._generators[k] for k in members]
        self._class_weights = self._class_weights[list(members)]
        self.encoding = self.encoding.take(members)
        self._plan()

    def shuffled(self) -> Iterator[Batch]:
        """The batches of one epoch, in a new random order of each member's rows."""
        for order, rows, generator in zip(self._order, self._rows, self._generators, strict=True):
            shuffle = torch.randperm(len(rows), generator=generator, device=rows.device)
            torch.index_select(rows, 0, shuffle, out=order[: len(rows)])
        targets = self._labels[self._order]
        template, data = self._class_weights[:, :1], self._class_weights[:, 1:]
        weights = (template + targets * (data - template)).mul_(self._per_row)
        for step, active, inputs, columns in self._slices():
            yield Batch(step, inputs, targets[:active, columns], weights[:active, columns])

    def _slices(self) -> Iterator[tuple[int, int, Tensor, slice]]:
        """Step, number of active members, their inputs and their columns of the order."""
        longest, size, span = self._order.shape[1], self._batch_size, self._steps_per_block
        for step, active in enumerate(self._active):
            if step % span == 0:
                block = self._gather(step)
            start, stop = step * size, min((step + 1) * size, longest)
            first = (step - step % span) * size
            yield step, active, block[:active, start - first : stop - first], slice(start, stop)

    def _gather(self, step: int) -> Tensor:
        """(A, rows of a block, inputs) encoded rows from this step on."""
        active, size = self._active[step], self._batch_size
        order = self._order[:active, step * size : (step + self._steps_per_block) * size]
        block = self._features.index_select(0, order.reshape(-1)).view(*order.shape, -1)
        return self._encode(block)


def _share_of_batch(lengths: Sequence[int], batch_size: int) -> NDArray[np.float64]:
    """(K, longest) one over the number of rows in the batch of each row, 0 for padding."""
    share = np.zeros((len(lengths), max(lengths)))
    for row, length in zip(share, lengths, strict=True):
        whole = length // batch_size * batch_size
        row[:whole] = 1 / batch_size
        row[whole:length] = 1 / max(length - whole, 1)
    return share
