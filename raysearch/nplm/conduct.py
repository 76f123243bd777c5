"""From a prepared test to its result: toys, and the result so far beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from raysearch.nplm.aggregate import combine_counted
from raysearch.nplm.arrays import Floats
from raysearch.nplm.beside import Beside
from raysearch.nplm.evaluate import evaluate
from raysearch.nplm.pool import pool_spread
from raysearch.nplm.prepare import Prepared
from raysearch.nplm.pvalues import FEW_RESAMPLES, RESAMPLES, WRONG_STOPS, excludes
from raysearch.nplm.result import NplmResult
from raysearch.nplm.settings import FEWEST_TOYS, NplmSettings
from raysearch.nplm.statistic import t_of
from raysearch.nplm.store import Store
from raysearch.nplm.work import BATCH_TOYS, Batch, Runner, in_batches, toy_seed
from raysearch.progress import Say

_LOOK_EVERY = 20


@dataclass(eq=False)
class Course:
    """A test under way.

    Attributes:
        prepared: the test.
        settings: of the test.
        about: what nplm.json tells of the settings.
        store: its directory, with the toys of earlier runs.
        observed: (k + 1,) tau of the data at each kernel width, and Delta.
        say: receives progress, line by line.
    """

    prepared: Prepared
    settings: NplmSettings
    about: Mapping[str, Any]
    store: Store
    observed: Floats
    say: Say
    # Toys after which stopping was looked for in vain; they are not looked at again.
    _looked: int = 0

    def run(self, runner: Runner, batches: Sequence[Batch], until_decided: bool) -> None:
        """Make the toys of the batches; those that are made are on disk every few seconds.

        Neither writing nor evaluating holds up the toys: an evaluation of many takes seconds, in
        which a large cluster would run out of batches.
        """
        try:
            with Beside() as saving, Beside() as evaluating:
                for batch, values in runner((self.prepared.work, batch) for batch in batches):
                    keys = [(batch.n_signal, seed) for seed in batch.seeds]
                    self.store.toys |= dict(zip(keys, values, strict=True))
                    if saving.is_due:
                        saving.begin(self._so_far().store.write_toys)
                    if evaluating.is_due:
                        evaluating.begin(partial(self._so_far().write, complete=False))
                    if until_decided and self.decided():
                        break
        finally:
            # However this ends, no toy that was made is lost.
            self.store.write_toys()

    def _so_far(self) -> Course:
        """The course with the toys that are made, to which no more will come."""
        return replace(self, store=replace(self.store, toys=dict(self.store.toys)))

    def write(self, complete: bool) -> NplmResult | None:
        """Write the result so far; it, or None while there are too few toys."""
        result = self.result(RESAMPLES if complete else FEW_RESAMPLES)
        if result is not None:
            stopping = {
                "stopped_at": self.decided(),
                "stop_at": self.settings.stop_at,
                "wrong_stops_at_most": WRONG_STOPS,
            }
            self.store.write_result(result, {"complete": complete, "stopping": stopping})
        self.say(progress_line(result, self.settings.toys))
        return result

    def result(self, resamples: int = RESAMPLES) -> NplmResult | None:
        """The result of the toys made so far; None if they are too few."""
        seeds = [s for s in toy_seeds(self.settings, None) if (None, s) in self.store.toys]
        seeds = seeds[: self.decided() or len(seeds)]
        if len(seeds) < FEWEST_TOYS:
            return None
        injected = {n: self._injected(n) for n in self.settings.inject}
        return evaluate(
            self.observed,
            seeds,
            np.stack([self.store.toys[None, seed] for seed in seeds]),
            {n: np.stack(values) for n, values in injected.items() if values},
            self.about,
            pool_spread(self.prepared.work.statistic.pool),
            resamples,
        )

    def decided(self) -> int | None:
        """Toys after which `stop_at` is excluded as the p of infinitely many; None if it is not.

        Only whole prefixes of the toys in the order of their index are looked at, at fixed numbers,
        so that neither workers nor batches decide where a test stops.
        """
        threshold = self.settings.stop_at
        if threshold is None:
            return None
        seeds = toy_seeds(self.settings, None)
        while self._looked < len(seeds):
            seen = seeds[: min(self._looked + _LOOK_EVERY, len(seeds))]
            if not all((None, seed) in self.store.toys for seed in seen):
                return None
            if self._excludes(seen, threshold):
                return len(seen)
            self._looked = len(seen)
        return None

    def _excludes(self, seeds: Sequence[int], threshold: float) -> bool:
        toys = np.stack([self.store.toys[None, seed] for seed in seeds])
        t, observed = t_of(toys), t_of(self.observed)
        combined = combine_counted(t, observed, self.settings.aggregate)
        return excludes(combined.n_larger, len(toys), threshold)

    def _injected(self, n_signal: int) -> list[Floats]:
        keys = [(n_signal, seed) for seed in toy_seeds(self.settings, n_signal)]
        return [self.store.toys[key] for key in keys if key in self.store.toys]


def conduct(course: Course, runner: Runner, batch_toys: int = BATCH_TOYS) -> NplmResult:
    """Make the toys that are missing and evaluate the test.

    Args:
        course: the test.
        runner: makes batches of toys.
        batch_toys: toys of a batch.
    """
    if not course.decided():
        course.run(runner, missing(course, None, batch_toys), until_decided=True)
    injected = [b for n in course.settings.inject for b in missing(course, n, batch_toys)]
    course.run(runner, injected, until_decided=False)
    result = course.write(complete=True)
    if result is None:
        raise RuntimeError("the runner ended before it had made the toys")
    return result


def missing(course: Course, n_signal: int | None, batch_toys: int) -> list[Batch]:
    """Batches of those toys that the store does not hold."""
    seeds = toy_seeds(course.settings, n_signal)
    left = [seed for seed in seeds if (n_signal, seed) not in course.store.toys]
    return in_batches(n_signal, left, batch_toys)


@lru_cache
def toy_seeds(settings: NplmSettings, n_signal: int | None) -> tuple[int, ...]:
    """Seeds of all toys of a test with so many injected signal events, in order."""
    count = settings.toys if n_signal is None else settings.injected_toys
    return tuple(toy_seed(settings.seed, n_signal, index) for index in range(count))


def progress_line(result: NplmResult | None, toys: int) -> str:
    """The p-value so far, in a line."""
    if result is None:
        return f"fewer than {FEWEST_TOYS} of {toys} toys so far"
    p = result.p_empirical
    return f"[{result.toys:>5}/{toys}] p = {p.value:.2g} ({p.low:.2g} to {p.high:.2g}) so far"
