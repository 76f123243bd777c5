"""How densities are trained: who hears of it, who may end it, and what runs it. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from raysearch.density.estimators import Halt, Say
from raysearch.events import Events

if TYPE_CHECKING:
    from raysearch.density.fit import Density


class Sidebands(NamedTuple):
    """The events of a training.

    Attributes:
        training: what weights and scales are fitted to.
        validation: what decides when to stop, which epochs count, and which hyperparameters do.
    """

    training: Events
    validation: Events


Fit: TypeAlias = "Callable[[Sidebands, Say, Halt], Density | None]"
# Runs fits, in this process or on others, and gives what they gave in their order.
Runs: TypeAlias = "Callable[[Sequence[Fit], Sidebands, Say, Halt], Iterable[Density | None]]"


def one_after_another(
    fits: Sequence[Fit], parts: Sidebands, say: Say, halt: Halt
) -> Iterator[Density | None]:
    """Run them in this process."""
    return (fit(parts, say, halt) for fit in fits)


class Conduct(NamedTuple):
    """How densities are trained.

    Attributes:
        say: receives progress, line by line.
        halt: asked all the time whether to end early, as Ctrl-C does.
        run: trains them, where there are several.
    """

    say: Say = lambda _: None
    halt: Halt = lambda: False
    run: Runs = one_after_another


PLAIN = Conduct()
