"""K networks of one batch size trained as one batch of matrix products, in torch on any device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from raysearch.training.adam import Adam
from raysearch.training.batches import Batch, Batches, Table, checked_rows
from raysearch.training.dropout import Dropout, attainable
from raysearch.training.layout import Layer, Layout
from raysearch.training.networks import Networks
from raysearch.training.passes import alternating, backward, forward
from raysearch.training.settings import MemberSettings
from raysearch.training.streams import member_generator


class EagerPack:
    """Members in training; see `Engine`. They stand in the order of falling numbers of rows."""

    def __init__(
        self,
        table: Table,
        members: Sequence[MemberSettings],
        hidden: tuple[int, ...],
        bins: int = 0,
    ) -> None:
        """Begin on the table's device; the members share their batch size."""
        self._members = list(members)
        self._generators = [member_generator(member.seed, table.device) for member in members]
        self._layout = Layout(table.features.shape[1], hidden, bins)
        self._parameters = torch.stack([self._layout.initial(own) for own in self._generators])
        rows = [checked_rows(member.rows, len(table.features)) for member in members]
        self._batch_size = members[0].batch_size
        self._batches = Batches(table, rows, self._batch_size, self._generators, bins)
        self._adam = Adam(self._parameters, members, self._batches.steps)
        self._reserve()

    def _reserve(self) -> None:
        """Memory for a step of the present members."""
        rates = attainable([member.dropout for member in self._members])
        hidden, size = self._layout.hidden, self._batch_size
        self._dropout, self._scale = None, None
        if any(rates):
            self._dropout = Dropout(rates, self._generators, hidden, size)
            self._scale = self._dropout_scale(rates)
        self._workspace = _Workspace(self._layout, self._parameters, size, self._scale)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members alone, in rising order."""
        self._members = [self._members[k] for k in members]
        self._generators = [self._generators[k] for k in members]
        self._parameters = self._parameters[list(members)]
        self._batches.keep(members)
        self._adam.keep(members, self._parameters, self._batches.steps)
        self._reserve()

    def _dropout_scale(self, rates: Sequence[float]) -> Tensor:
        """(K, P) factor 1/(1 - p) on all weights that meet a dropped activation, else 1.

        Scaling the weights, and their gradients, stands for scaling the activations: there are
        fewer of them.
        """
        scale = torch.ones_like(self._parameters)
        gain = 1 / (1 - torch.tensor(rates, device=scale.device))
        for layer in self._layout.layers(scale)[1:]:
            layer.weight.mul_(gain.view(-1, 1, 1))
        return scale

    @torch.inference_mode()
    def run_epoch(self, epoch: int) -> None:
        """Train every member once on each of its rows."""
        self._adam.start_epoch(epoch)
        for batch in self._batches.shuffled():
            views = self._workspace.of(*batch.targets.shape)
            self._differentiate(batch, views)
            self._adam.update(batch.step, views.flat_gradients)

    def _differentiate(self, batch: Batch, views: _Views) -> None:
        """Fill the gradients of this batch's loss."""
        layers, activations, errors = views.layers, views.activations, views.errors
        if self._dropout is not None:
            self._dropout.draw(len(errors))
        if views.scale is not None:
            torch.mul(views.parameters, views.scale, out=views.scaled)
        forward(layers, batch.inputs, activations, errors, self._dropout)
        # Derivative of the weighted binary cross entropy with respect to the logit.
        errors.sigmoid_().sub_(batch.targets).mul_(batch.weights)
        backward(layers, views.gradients, batch.inputs, activations, errors, views.deltas)
        if views.scale is not None:
            views.flat_gradients.mul_(views.scale)

    def networks(self) -> Networks:
        """A copy of the members as they are now."""
        return Networks(self._layout, self._parameters.clone(), self._batches.encoding)


class _Views(NamedTuple):
    """The memory of a step as A members with b rows each see it."""

    parameters: Tensor
    scale: Tensor | None
    scaled: Tensor
    layers: list[Layer]
    flat_gradients: Tensor
    gradients: list[Layer]
    activations: list[Tensor]
    deltas: list[Tensor]
    errors: Tensor


class _Workspace:
    """Memory for one step, reused in every step; making the views anew would cost a third more."""

    def __init__(
        self, layout: Layout, parameters: Tensor, batch_size: int, scale: Tensor | None
    ) -> None:
        self._layout, self._parameters, self._scale = layout, parameters, scale
        self._scaled = parameters if scale is None else torch.empty_like(parameters)
        self._gradients = torch.zeros_like(parameters)
        rows, device = len(parameters) * batch_size, parameters.device
        self._activations = [torch.empty(rows * width, device=device) for width in layout.hidden]
        self._deltas = torch.empty(2, rows * max(layout.hidden), device=device)
        self._errors = torch.empty(rows, device=device)
        self._known: dict[tuple[int, int], _Views] = {}

    def of(self, members: int, rows: int) -> _Views:
        """The views of the first `members` for batches of `rows`, all of them contiguous."""
        if (members, rows) not in self._known:
            self._known[members, rows] = self._views(members, rows)
        return self._known[members, rows]

    def _views(self, members: int, rows: int) -> _Views:
        widths, count = self._layout.hidden, members * rows
        scaled, gradients = self._scaled[:members], self._gradients[:members]
        return _Views(
            parameters=self._parameters[:members],
            scale=None if self._scale is None else self._scale[:members],
            scaled=scaled,
            layers=self._layout.layers(scaled),
            flat_gradients=gradients,
            gradients=self._layout.layers(gradients),
            activations=[
                flat[: count * width].view(members, rows, width)
                for flat, width in zip(self._activations, widths, strict=True)
            ],
            deltas=alternating(self._deltas, widths, members, rows),
            errors=self._errors[:count].view(members, rows),
        )
