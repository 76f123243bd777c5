"""What a worker of the direct backend is given and what it gives back. No Ray.

A worker is given several trials at once and streams back how each ended, so that very short trials
share the cost of a round trip.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from raysearch.judge import Values
from raysearch.packs import pack_key, packs
from raysearch.records import Record
from raysearch.samples import TwoSample
from raysearch.trial import Setup, TrialPack, TrialResult
from raysearch.tuning.halving import Rule

START = TrialResult({}, 0, 0.0, False)


@dataclass(frozen=True)
class Assignment:
    """A trial to be run.

    Attributes:
        index: of the trial.
        setup: what is trained.
        rule: asked after each epoch whether the trial goes on.
    """

    index: int
    setup: Setup
    rule: Rule


@dataclass(frozen=True)
class Ended:
    """How a trial ended.

    Attributes:
        index: of the trial.
        record: how it ended.
        course: name of each metric -> mean over the repeats after each epoch, best so far.
    """

    index: int
    record: Record
    course: Mapping[str, Sequence[float]]


def run_assignments(
    batch: Sequence[Assignment], sample: TwoSample, repeats: int, seed: int, capacity: int = 1
) -> Iterator[Ended]:
    """Run trials, compatible ones together; each is given back when it has ended, in any order.

    Args:
        batch: the trials.
        sample: the two samples, of the mode and features of all setups.
        repeats: fits of each setup.
        seed: of the study.
        capacity: trials that are trained as one pack at most.
    """
    possible: dict[int, Assignment] = {}
    for assignment in batch:
        try:
            pack_key(assignment.setup)
            possible[assignment.index] = assignment
        except Exception as error:
            yield _Course(assignment).ended(error)
    for pack in packs({index: a.setup for index, a in possible.items()}, capacity):
        yield from _run_pack([possible[index] for index in pack], sample, repeats, seed)


def _run_pack(
    together: Sequence[Assignment], sample: TwoSample, repeats: int, seed: int
) -> Iterator[Ended]:
    """Run trials as one pack; if it fails as a whole, each that is left alone."""
    courses = {assignment.index: _Course(assignment) for assignment in together}
    try:
        pack = TrialPack({a.index: a.setup for a in together}, sample, repeats=repeats, seed=seed)
        while pack.living:
            for index, result in pack.step().items():
                end = courses[index].hear(result)
                if end is not None:
                    pack.stop([index])
                    del courses[index]
                    yield end
    except Exception as error:
        if len(together) == 1:
            yield from (course.ended(error) for course in courses.values())
            return
        for assignment in together:
            if assignment.index in courses:
                yield from _run_pack([assignment], sample, repeats, seed)


class _Course:
    """One trial while it runs."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._result = START
        self._means: dict[str, list[float]] = {}

    def hear(self, result: TrialResult | Exception) -> Ended | None:
        """The next result; how the trial ended, if it has."""
        if isinstance(result, Exception):
            return self.ended(result)
        try:
            means = finite_means(result)
        except ValueError as error:
            return self.ended(error)
        self._result = result
        for name, mean in means.items():
            self._means.setdefault(name, []).append(mean)
        # A trial that has trained all its epochs is over before a rule may end it.
        if result.finished or not self._assignment.rule.goes_on(result.epochs, result.values):
            return self.ended()
        return None

    def ended(self, error: Exception | None = None) -> Ended:
        """How it ended, by now."""
        assignment = self._assignment
        reason = None if error is None else failure(error)
        ended = record(assignment.setup.detector, self._result, reason)
        return Ended(assignment.index, ended, self._means)


def finite_means(result: TrialResult) -> dict[str, float]:
    """Mean over the repeats of each metric.

    Raises:
        ValueError: if one is not finite; it could not be compared with others.
    """
    means = {name: float(np.mean(values)) for name, values in result.values.items()}
    for name, mean in means.items():
        if not math.isfinite(mean):
            raise ValueError(f"{name} must be finite, but is {mean} after {result.epochs} epochs")
    return means


def failure(error: Exception) -> str:
    """Why a trial failed, in one line for tables."""
    return f"{type(error).__name__}: {error}"


def as_lists(values: Values) -> dict[str, list[float]]:
    """Metrics as a record holds them."""
    return {name: of_repeats.tolist() for name, of_repeats in values.items()}


def record(detector: str, result: TrialResult, error: str | None = None) -> Record:
    """The record of a trial from its last result."""
    state = "FAIL" if error else "COMPLETE" if result.finished else "PRUNED"
    metrics = as_lists(result.values)
    return Record(state, metrics, result.epochs, result.seconds, error, detector)
