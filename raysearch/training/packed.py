"""The packed trainer: K independent networks trained as one batch of matrix products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from raysearch.errors import InputError
from raysearch.training.adam import Adam
from raysearch.training.batches import Batch, Batches
from raysearch.training.dropout import Dropout, attainable
from raysearch.training.layout import Layer, Layout
from raysearch.training.networks import Networks
from raysearch.training.passes import alternating, backward, forward
from raysearch.training.settings import MemberSettings, PackSettings


def train(
    features: NDArray[np.float32],
    is_data: NDArray[np.bool_],
    members: Sequence[MemberSettings],
    settings: PackSettings,
    *,
    device: str | None = None,
) -> Iterator[Networks]:
    """Train the members, yielding a copy of all of them after every epoch.

    The loss is binary cross entropy with balanced class weights, averaged over the batch; the
    optimiser is Adam. A member comes out the same, to rounding, in whatever pack it stands.

    Args:
        features: (n, d) rows that the members choose theirs from, not standardised.
        is_data: (n,) True for class 1.
        members: K networks.
        settings: what they share.
        device: where to train, by default on a GPU if there is one.

    Raises:
        InputError: if there are no members, or a member's rows lack a class.
    """
    if not members:
        raise InputError("a pack must have at least one member, but got none.")
    # By falling number of rows, as `Batches` wants them.
    order = sorted(range(len(members)), key=lambda member: -len(members[member].rows))
    pack = _Pack(
        features, is_data, [members[member] for member in order], settings, _device(device)
    )
    back = np.argsort(order).tolist()
    for epoch in range(settings.epochs):
        pack.run_epoch(epoch)
        yield pack.networks(back)


def _device(name: str | None) -> torch.device:
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def generator(seed: int, device: torch.device) -> torch.Generator:
    """A generator of its own for one member.

    The seed passes through a hash because the CPU generator sees its lowest 32 bits only, and
    starts poorly from a small number.
    """
    word = int(np.random.SeedSequence(seed).generate_state(1)[0])
    return torch.Generator(device).manual_seed(word)


class _Pack:
    """Parameters, optimiser and buffers of a pack in training."""

    def __init__(
        self,
        features: NDArray[np.float32],
        is_data: NDArray[np.bool_],
        members: Sequence[MemberSettings],
        settings: PackSettings,
        device: torch.device,
    ) -> None:
        generators = [generator(member.seed, device) for member in members]
        self._layout = Layout(features.shape[1], settings.hidden)
        self._parameters = torch.stack([self._layout.initial(own) for own in generators])
        rows = [member.rows for member in members]
        self._batches = Batches(features, is_data, rows, settings.batch_size, generators)
        self._adam = Adam(self._parameters, members, self._batches.steps)
        rates = attainable([member.dropout for member in members])
        self._dropout, self._scale = None, None
        if any(rates):
            self._dropout = Dropout(rates, generators, settings.hidden, settings.batch_size)
            self._scale = self._dropout_scale(rates)
        self._workspace = _Workspace(self._layout, self._parameters, settings, self._scale)

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

    def networks(self, order: Sequence[int]) -> Networks:
        """A copy of the members, the i-th being the `order[i]`-th of the pack."""
        return Networks(self._layout, self._parameters, self._batches.moments).take(order)


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
        self, layout: Layout, parameters: Tensor, settings: PackSettings, scale: Tensor | None
    ) -> None:
        self._layout, self._parameters, self._scale = layout, parameters, scale
        self._scaled = parameters if scale is None else torch.empty_like(parameters)
        self._gradients = torch.zeros_like(parameters)
        rows, device = len(parameters) * settings.batch_size, parameters.device
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
