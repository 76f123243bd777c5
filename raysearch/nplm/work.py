"""Batches of toys: each toy is a pure function of its seed, whichever worker makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from raysearch.nplm.arrays import Floats
from raysearch.nplm.pool import draw_toy
from raysearch.nplm.statistic import Statistic
from raysearch.seeds import number
from raysearch.threads import one_thread


@dataclass(frozen=True, eq=False)
class Work:
    """What all batches share.

    Attributes:
        statistic: of the test.
        signal: (s, d) standardised signal events to inject, or None.
    """

    statistic: Statistic
    signal: Floats | None = None


class Batch(NamedTuple):
    """Toys that one task makes.

    Attributes:
        n_signal: signal events injected into each; None for the toys that calibrate the test.
        seeds: one per toy.
        trial: number of the candidate that the toys judge; None if they are of the test itself.
    """

    n_signal: int | None
    seeds: tuple[int, ...]
    trial: int | None = None


# Toys of a batch, if nothing else is said.
BATCH_TOYS = 25
# The last toys come in smaller batches, so that no worker has much to do when others have nothing.
_LAST, _SMALLER = 20, 5


def in_batches(
    n_signal: int | None, seeds: Sequence[int], batch_toys: int = BATCH_TOYS
) -> list[Batch]:
    """The toys of these seeds in batches, in order; the last ones are smaller."""
    whole = len(seeds) - len(seeds) // _LAST
    starts = [*range(0, whole, batch_toys), *range(whole, len(seeds), -(-batch_toys // _SMALLER))]
    return [Batch(n_signal, tuple(seeds[k:n])) for k, n in pairwise([*starts, len(seeds)])]


# A batch beside what it shares with others.
Job = tuple[Work, Batch]
# Makes the toys of the batches, in any order; closing the iterator ends the work. Jobs are asked
# for one by one as there is room for them, those that share their work one after another.
Runner = Callable[[Iterable[Job]], Iterator[tuple[Batch, Floats]]]


def toy_seed(seed: int, n_signal: int | None, index: int) -> int:
    """The seed of a toy of a test; see `Batch`."""
    if n_signal is None:
        return number(seed, "nplm toy", index)
    return number(seed, "nplm injected toy", n_signal, index)


def batch_values(work: Work, batch: Batch) -> Floats:
    """(n, k + 1) tau of each toy of a batch at each kernel width, and its Delta."""
    pool = work.statistic.pool
    draws = [draw_toy(pool, seed, work.signal, batch.n_signal or 0) for seed in batch.seeds]
    with one_thread():
        return work.statistic.parts(draws)


def serial(jobs: Iterable[Job]) -> Iterator[tuple[Batch, Floats]]:
    """Make the toys one batch after another in this process."""
    return ((batch, batch_values(work, batch)) for work, batch in jobs)
