"""Racing: trials that fall behind are stopped at rungs of ever more repeats and epochs. No Ray.

A trial is trained from rung to rung of its `ladder`: first a few of its repeats for a few epochs,
at the end all of them to the end. At each rung it goes on if it is among the best share of all
trials known to have reached it. Since all trials of a study share the halves of each repeat, equal
repeats of two trials are a paired comparison; since repeats come in pairs that swap their halves,
an even number of them has judged every event equally often.

The driver keeps a `Race`, tells it what trials reached, and sends a `Rule`, which is small and
never changes, along with each trial; the worker asks the rule. Trials that stand at a rung at the
same time, as a pack does, are judged together. A search that suggests all its trials beforehand
needs no rule from the driver: with every trial at the rung, `Rule(direction).contenders` is plain
successive halving, and does not depend on the number of workers.

The ladders were chosen by tests/benchmarks/bench_racing.py among those of epochs alone, of repeats
alone and of both: they save most among those that lose nothing beyond errors. By val_sic on the
surrogate, studies of 16 random trials, with few (125 in 6500) and with many (403) signal events;
regret is max_sic of the pick over that of the pick without racing, of the two ways of running the
one further from 1:

| repeats | regret, few and many | saves, 4 workers | saves, all in step |
|---|---|---|---|
| mlp, 3 | .993 +- .008, 1.000 | 1.35x, 1.38x | 2.0x |
| mlp, 10 | .999 +- .001, 1.000 | 1.46x, 1.51x | 2.5x |
| hgb, 3 | 1.000, 1.000 | 1.14x, 1.11x | 1.24x |
| hgb, 10 | .994 +- .006, 1.001 +- .001 | 1.45x, 1.46x | 2.4x |

Two draws of the data are behind it. Draws that played no part in the choice agree (mlp two and one,
hgb one and none). What is lost is at the second rank: of 16 networks of 10 repeats four are left,
and the best three of them have .97 +- .02 of the max_sic of the best three of all (few signal
events, held out, in step), by val_loss .93 +- .02. The more trials to each worker, the more is
saved.

References:
    A System for Massively Parallel Hyperparameter Tuning (Li et al., 2020), arXiv:1810.05934.
    Hoeffding Races (Maron, Moore, 1993): training samples in place of epochs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from raysearch.errors import InputError

Direction = Literal["max", "min"]
# Repeats, epochs and share of a rung, and the value a trial reached it with, as records hold it.
News = tuple[int, int | None, float, float]

# Half of the trials that reach a rung go on; of those with a single fit, which is noisy, more.
_SHARE = 0.5
_SHARE_OF_ONE = 2 / 3
# The first rung of detectors with epochs stands after one in `_EARLY`, with two in five of the
# repeats, or with all where those would be fewer than `_ENOUGH`.
_EARLY = 4
_ENOUGH = 4
# A rule carries no more values than this for each rung: they place a trial to half a per cent.
_SUMMARY = 256
# What makes a share of a count that is whole in decimals no less than whole in binary.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Rung:
    """Where trials are compared: by the mean of their first repeats, best epoch so far.

    Attributes:
        repeats: fits that were trained, the first ones of each trial.
        epochs: epochs of each; None for all that the detector has, where families compare.
        share: of the trials that reach the rung, how many go on; 1 for the end of a ladder.

    Raises:
        InputError: if a number breaks its rule.
    """

    repeats: int
    epochs: int | None
    share: float = 1.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        _at_least_one("repeats", self.repeats)
        _at_least_one("epochs", 1 if self.epochs is None else self.epochs)
        if not 0 < self.share <= 1:
            raise InputError(f"`0 < share <= 1` must hold for a rung, but got {self.share}.")

    def value(self, values: NDArray[np.floating]) -> float:
        """What a trial is compared by here: the mean of the first of its (>= repeats,) values."""
        return float(np.mean(values[: self.repeats]))


def ladder(repeats: int, search_epochs: int, in_pairs: bool = False) -> tuple[Rung, ...]:
    """The rungs of a trial, the whole trial last; see the module for how they were chosen.

    Args:
        repeats: fits of the whole trial.
        search_epochs: epochs of each; 1 for detectors that have none.
        in_pairs: whether two repeats have one value, so that none is compared alone.

    Raises:
        InputError: if a number is not positive.

    Example:
        >>> [(rung.repeats, rung.epochs) for rung in ladder(10, 20)]
        [(4, 5), (4, None), (10, None)]
        >>> [(rung.repeats, rung.epochs) for rung in ladder(3, 20)]
        [(3, 5), (3, 10), (3, None)]
        >>> [(rung.repeats, rung.epochs) for rung in ladder(10, 1)]
        [(2, None), (4, None), (10, None)]
        >>> [[r.repeats for r in ladder(4, 1, in_pairs)] for in_pairs in (False, True)]
        [[1, 4], [2, 4]]
    """
    _at_least_one("repeats", repeats)
    _at_least_one("search_epochs", search_epochs)
    some = _some(repeats, in_pairs)
    has_epochs = search_epochs >= _EARLY
    part = _of_both(repeats, some, search_epochs) if has_epochs else _of_repeats(repeats, some)
    return (*part, Rung(repeats, None))


def _of_repeats(repeats: int, some: int) -> list[Rung]:
    """For detectors without epochs."""
    if some >= _ENOUGH:
        return [Rung(some // 2, None, _SHARE), Rung(some, None, _SHARE)]
    return [Rung(some, None, _SHARE if some > 1 else _SHARE_OF_ONE)] if some < repeats else []


def _of_both(repeats: int, some: int, search_epochs: int) -> list[Rung]:
    """Early with enough repeats to average the noise, then with as many to the end."""
    early = search_epochs // _EARLY
    if some >= _ENOUGH:
        return [Rung(some, early, _SHARE), Rung(some, None, _SHARE)]
    return [Rung(repeats, early, _SHARE), Rung(repeats, 2 * early, _SHARE)]


def _some(repeats: int, in_pairs: bool) -> int:
    """Two in five of the repeats, in pairs; one where that is less than a pair and may be one."""
    if repeats > _ENOUGH:
        return 2 * round(repeats / 5)
    return min(2, repeats) if in_pairs else 1


@dataclass(frozen=True)
class Rule:
    """Who goes on at a rung, from what was known when the rule was made.

    The best of all at a rung always goes on, so that the first trial of a race runs to its end.

    Attributes:
        direction: "max" or "min", whichever value is better.
        known: at each rung the values of the trials that reached it, evenly thinned out where
            there are many, the best one among them.
    """

    direction: Direction
    known: Mapping[Rung, Sequence[float]] = field(default_factory=dict)

    def goes_on(self, rung: Rung, value: float) -> bool:
        """Whether a trial that reached the rung with this value goes on; NaN never does."""
        return bool(self.contenders(rung, [value])[0])

    def contenders(self, rung: Rung, values: Sequence[float]) -> NDArray[np.bool_]:
        """Which of the trials that stand at the rung together go on.

        Args:
            rung: where they are.
            values: (n,) values they reached it with.

        Returns:
            (n,) True for those among the best `rung.share` of these and the known ones, rounded
            up; equal values share their fate; NaN never goes on and does not count.
        """
        own = _signed(self.direction, values)
        rivals = np.concatenate([_signed(self.direction, self.known.get(rung, ())), own])
        rivals = rivals[~np.isnan(rivals)]
        if not len(rivals):
            return np.zeros(len(own), dtype=np.bool_)
        last = math.ceil(rung.share * len(rivals) - _ROUNDING) - 1
        goes_on: NDArray[np.bool_] = own <= np.partition(rivals, last)[last]
        return goes_on


class Race:
    """What the driver knows of the trials' values at the rungs; it makes the rules."""

    def __init__(self, direction: Direction) -> None:
        """Start without trials; "max" or "min" says which value is better."""
        self._direction: Direction = direction
        self._values: dict[Rung, dict[int, float]] = {}

    def reached(self, index: int, rung: Rung, value: float) -> None:
        """A trial was seen at a rung, whether it went on or not.

        Args:
            index: of the trial; one that is seen again, as after a lost worker, counts once.
            rung: where.
            value: what it reached; NaN is left out.
        """
        if not math.isnan(value):
            self._values.setdefault(rung, {})[index] = value

    def recall(self, index: int, news: Iterable[News]) -> None:
        """Where a trial of an earlier run was seen, as `as_news` gave it."""
        for repeats, epochs, share, value in news:
            self.reached(index, Rung(repeats, epochs, share), value)

    def rule(self) -> Rule:
        """The rule for trials that begin now; the order of the news plays no part in it."""
        known = {rung: _thinned(list(of.values())) for rung, of in self._values.items()}
        return Rule(self._direction, known)


def as_news(reached: Mapping[Rung, float]) -> tuple[News, ...]:
    """What a trial reached, in plain values.

    Example:
        >>> as_news({Rung(4, None, 0.5): 1.25})
        ((4, None, 0.5, 1.25),)
    """
    return tuple((r.repeats, r.epochs, r.share, value) for r, value in reached.items())


def _thinned(values: Sequence[float]) -> tuple[float, ...]:
    ranked = np.sort(values)
    if len(ranked) > _SUMMARY:
        ranked = ranked[np.linspace(0, len(ranked) - 1, _SUMMARY).round().astype(np.intp)]
    return tuple(ranked.tolist())


def _signed(direction: Direction, values: Sequence[float]) -> NDArray[np.float64]:
    """The values so that smaller is better."""
    array = np.asarray(values, dtype=np.float64)
    return -array if direction == "max" else array


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise InputError(
            f"`{name} >= 1` must hold for a ladder of rungs, but got {name} = {value}."
        )
