"""Members trained by the compiled kernel, one after another or one per thread.

A network that stays in its core's cache is trained as fast alone as in company, so that members
need nothing in common here, and none depends on the others to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from raysearch.training.adam import BETA2, step_sizes
from raysearch.training.batches import balanced_weights, checked_rows
from raysearch.training.dropout import LANES, attainable, limit
from raysearch.training.encoding import fit_encoding
from raysearch.training.kernel import Kernel, Shape, Training, pointer
from raysearch.training.layout import Layout
from raysearch.training.networks import Networks
from raysearch.training.settings import MemberSettings
from raysearch.training.streams import member_generator
from raysearch.training.threads import side_by_side

# Random bits of several steps are drawn at once; this bounds their memory per member.
BITS_BYTES = 1 << 20
_CPU = torch.device("cpu")


class NativePack:
    """Members in training on the CPU; see `Engine`."""

    def __init__(
        self,
        kernel: Kernel,
        features: NDArray[np.float32],
        is_data: NDArray[np.bool_],
        members: Sequence[MemberSettings],
        hidden: tuple[int, ...],
        bins: int = 0,
    ) -> None:
        """Take (n, d) features and (n,) classes as they are, without a copy."""
        table = np.ascontiguousarray(features, dtype=np.float32)
        labels = is_data.astype(np.float32)
        self._layout = Layout(table.shape[1], hidden, bins)
        rows = [checked_rows(own.rows, len(table)) for own in members]
        self._encoding = fit_encoding(table, rows, bins)
        encodings = zip(*self._encoding.single(), strict=True)
        self._members = [
            _Member(kernel, self._layout, table, labels, own, centre, inverse)
            for own, (centre, inverse) in zip(members, encodings, strict=True)
        ]

    def run_epoch(self, epoch: int) -> None:
        """Train every member once on each of its rows."""
        side_by_side([partial(own.run_epoch, epoch) for own in self._members])

    def networks(self) -> Networks:
        """A copy of the members as they are now."""
        flat = torch.from_numpy(np.stack([own.parameters for own in self._members]))
        return Networks(self._layout, flat, self._encoding)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members alone."""
        self._members = [self._members[k] for k in members]
        self._encoding = self._encoding.take(members)


class _Member:
    """One network, its optimiser and its random numbers."""

    def __init__(
        self,
        kernel: Kernel,
        layout: Layout,
        features: NDArray[np.float32],
        labels: NDArray[np.float32],
        settings: MemberSettings,
        centre: NDArray[np.float32],
        inverse_width: NDArray[np.float32],
    ) -> None:
        self._kernel, self._settings = kernel, settings
        self._generator = member_generator(settings.seed, _CPU)
        self._rows = torch.from_numpy(settings.rows.astype(np.int64))
        self._order = torch.empty_like(self._rows)
        self._steps = -(-len(self._rows) // settings.batch_size)
        self.parameters = layout.initial(self._generator).numpy()
        self._moments = np.zeros((2, layout.size), dtype=np.float32)
        self._shape = Shape(kernel, layout, self.parameters, centre, inverse_width)
        self._bits = _bits(settings, layout)
        self._features, self._labels = features, labels
        self._training = self._described(layout)

    def _described(self, layout: Layout) -> Training:
        """What never changes while this member trains; `run_epoch` fills in the rest."""
        own = self._settings
        (rate,) = attainable([own.dropout])
        template, data = balanced_weights(self._labels[own.rows] > 0)
        return Training(
            features=pointer(self._features),
            labels=pointer(self._labels),
            order=self._order.data_ptr(),
            rows=len(self._rows),
            batch_size=own.batch_size,
            template_weight=template,
            data_weight=data,
            size=layout.size,
            mean=pointer(self._moments[0]),
            square=pointer(self._moments[1]),
            gain=1 - own.beta1,
            decay=own.weight_decay,
            square_decay=BETA2,
            limit=limit(rate),
            dropout_gain=1 / (1 - rate),
            bits=None if self._bits is None else self._bits.data_ptr(),
            bits_of_a_step=0 if self._bits is None else self._bits.shape[1] * LANES,
        )

    def run_epoch(self, epoch: int) -> None:
        """Shuffle the rows and train on each once."""
        shuffle = torch.randperm(len(self._rows), generator=self._generator)
        torch.index_select(self._rows, 0, shuffle, out=self._order)
        own = self._settings
        counts = epoch * self._steps + 1 + np.arange(self._steps)
        sizes = step_sizes(own.learning_rate, own.beta1, counts)
        rates, epsilons = (values.astype(np.float32) for values in sizes)
        self._training.rates, self._training.epsilons = pointer(rates), pointer(epsilons)
        span = self._steps if self._bits is None else len(self._bits)
        for first in range(0, self._steps, span):
            self._run_steps(first, min(first + span, self._steps))

    def _run_steps(self, first: int, last: int) -> None:
        if self._bits is not None:
            self._bits[: last - first].random_(-(1 << 63), None, generator=self._generator)
        self._training.first, self._training.last = first, last
        self._kernel.train(self._shape, self._training)


def _bits(settings: MemberSettings, layout: Layout) -> torch.Tensor | None:
    """(steps, words) memory for random bits; every step draws those of a whole batch."""
    if not any(attainable([settings.dropout])):
        return None
    words = -(-settings.batch_size * sum(layout.hidden) // LANES)
    steps = -(-len(settings.rows) // settings.batch_size)
    return torch.empty(max(1, min(steps, BITS_BYTES // (8 * words))), words, dtype=torch.int64)
