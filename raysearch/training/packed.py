"""The packed trainer: independent networks of one shape, trained together.

All of it in single precision: on CPUs only some have bfloat16 products, and Adam's small steps are
lost in its 8 bits, so that weights would have to be kept twice. And without `torch.compile`, which
needs a compiler on every worker at run time, where the kernel needs one at installation alone, and
compiles anew for each shape of a search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray

from raysearch.errors import InputError, unknown_name
from raysearch.training.batches import Table
from raysearch.training.eager import EagerPack
from raysearch.training.kernel import kernel
from raysearch.training.native import NativePack
from raysearch.training.networks import Networks, merge
from raysearch.training.settings import MemberSettings, PackSettings

# "native": the compiled kernel, on the CPU; "eager": torch, on any device.
ENGINES = ("native", "eager")


class Engine(Protocol):
    """Members in training at their own order."""

    def run_epoch(self, epoch: int) -> None:
        """Train every member once on each of its rows; epochs count from 0."""
        ...

    def networks(self) -> Networks:
        """A copy of the members as they are now."""
        ...

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members alone, in rising order."""
        ...


class Training(Iterator[Networks]):
    """Yields a copy of all members after every epoch; see `train`."""

    def __init__(self, groups: Sequence[tuple[Sequence[int], Engine]], epochs: int) -> None:
        """Train groups of members, given by their places, each in an engine of its own."""
        self._groups = [(list(places), engine) for places, engine in groups]
        self._epochs = iter(range(epochs))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Networks:
        """All members after one more epoch."""
        epoch = next(self._epochs)
        for _, engine in self._groups:
            engine.run_epoch(epoch)
        places = [place for group, _ in self._groups for place in group]
        whole = merge([engine.networks() for _, engine in self._groups])
        return whole.take(np.argsort(places).tolist())

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members alone; they stand in this order from now on.

        A member's further training does not depend on who else is kept.
        """
        new_place = {member: place for place, member in enumerate(members)}
        groups = []
        for places, engine in self._groups:
            kept = [own for own, place in enumerate(places) if place in new_place]
            if kept:
                engine.keep(kept)
                groups.append(([new_place[places[own]] for own in kept], engine))
        self._groups = groups


def train(
    features: NDArray[np.float32],
    is_data: NDArray[np.bool_],
    members: Sequence[MemberSettings],
    settings: PackSettings,
    *,
    device: str | None = None,
    engine: str | None = None,
) -> Training:
    """Train the members, yielding a copy of all of them after every epoch.

    The loss is binary cross entropy with balanced class weights, averaged over the batch; the
    optimiser is Adam. A member comes out the same in whatever pack it stands: to the last bit with
    the native engine, to rounding with the eager one.

    Args:
        features: (n, d) rows that the members choose theirs from, not standardised.
        is_data: (n,) True for class 1.
        members: K networks.
        settings: what they share.
        device: where to train, by default on a GPU if there is one.
        engine: one of ENGINES; by default native on a CPU for which the kernel was built.

    Raises:
        InputError: if there are no members, a member's rows lack a class or are not in the
            table, or the engine is unknown or cannot run here.
    """
    if not members:
        raise InputError("a pack must have at least one member, but got none.")
    where = resolve_device(device)
    if resolve_engine(engine, where) == "native":
        compiled = kernel()
        if compiled is None:
            raise InputError(
                "engine 'native' needs the compiled kernel, but none was built for this "
                "processor; install raysearch where there is a C compiler, or use 'eager'."
            )
        native = NativePack(compiled, features, is_data, members, settings.hidden, settings.bins)
        return Training([(range(len(members)), native)], settings.epochs)
    table = Table(features, is_data, where)
    groups = [
        (places, EagerPack(table, [members[k] for k in places], settings.hidden, settings.bins))
        for places in _by_batch_size(members)
    ]
    return Training(groups, settings.epochs)


def _by_batch_size(members: Sequence[MemberSettings]) -> Iterator[list[int]]:
    """Places of members that can be one batch, by falling number of rows."""

    def order(place: int) -> tuple[int, int]:
        return members[place].batch_size, -len(members[place].rows)

    places = sorted(range(len(members)), key=order)
    for _, group in groupby(places, key=lambda place: members[place].batch_size):
        yield list(group)


def resolve_device(name: str | None) -> torch.device:
    """The device called `name`; None for a GPU if there is one."""
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def resolve_engine(name: str | None, device: torch.device) -> str:
    """The engine called `name`; None for the faster one that the device allows."""
    if name is None:
        return "native" if device.type == "cpu" and kernel() is not None else "eager"
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    return name
