"""What a worker of the direct backend is given and what it gives back. No Ray.

A worker is given several trials at once and streams back how each ended, so that very short trials
share the cost of a round trip.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from raysearch.judge import Values
from raysearch.packs import pack_key, packs
from raysearch.racing import Rule, Rung, as_news
from raysearch.records import Record
from raysearch.samples import TwoSample, View
from raysearch.trial import Setup, TrialPack, TrialResult

START = TrialResult({}, 0, 0.0, False)


class OverdueError(Exception):
    """A trial takes longer than it may."""

    def __init__(self, timeout_s: float) -> None:
        """Name the limit."""
        super().__init__(f"it took longer than trial_timeout_s = {timeout_s:g}")


@dataclass(frozen=True)
class Assignment:
    """A trial to be run.

    Attributes:
        index: of the trial.
        setup: what is trained.
        rule: asked at each rung whether the trial goes on; None for a trial that always does.
    """

    index: int
    setup: Setup
    rule: Rule | None = None


class Trials(Protocol):
    """How the trials of a study are run."""

    @property
    def repeats(self) -> int:
        """Fits of each setup."""
        ...

    @property
    def seed(self) -> int:
        """Of the study."""
        ...

    @property
    def objective(self) -> str:
        """Name of the metric that trials are compared by."""
        ...

    @property
    def also(self) -> Sequence[str]:
        """Names of metrics beyond those of every fit, the objective perhaps among them."""
        ...

    @property
    def capacity(self) -> int:
        """Trials that are trained as one pack at most."""
        ...

    def capacity_of(self, setup: Setup, sample: TwoSample) -> int:
        """Trials of such a setup in a pack at most."""
        ...

    def rungs(self, family: str) -> tuple[Rung, ...]:
        """Where trials of a detector are compared with others."""
        ...


@dataclass(frozen=True)
class Ended:
    """How a trial ended.

    Attributes:
        index: of the trial.
        record: how it ended.
        reached: the rungs where it was compared, and the value it reached them with.
    """

    index: int
    record: Record
    reached: Mapping[Rung, float]


def run_assignments(
    batch: Sequence[Assignment], samples: Mapping[View, TwoSample], task: Trials
) -> Iterator[Ended]:
    """Run trials, compatible ones together; each is given back when it has ended, in any order.

    Args:
        batch: the trials.
        samples: the two samples of each mode and feature set.
        task: how trials are run.
    """
    possible: dict[int, Assignment] = {}
    for assignment in batch:
        try:
            pack_key(assignment.setup)
            possible[assignment.index] = assignment
        except Exception as error:
            yield _Course(assignment, task).ended(error)
    setups = {index: assignment.setup for index, assignment in possible.items()}
    for pack in packs(setups, lambda setup: task.capacity_of(setup, samples[setup.view])):
        together = [possible[index] for index in pack]
        yield from _run_pack(together, samples[together[0].setup.view], task)


def _run_pack(together: Sequence[Assignment], sample: TwoSample, task: Trials) -> Iterator[Ended]:
    """Run trials as one pack; if it fails as a whole, each that is left alone."""
    courses = {assignment.index: _Course(assignment, task) for assignment in together}
    try:
        pack = TrialPack(
            {a.index: a.setup for a in together},
            sample,
            repeats=task.repeats,
            seed=task.seed,
            rungs=task.rungs(together[0].setup.detector),
            also=task.also,
        )
        while pack.living:
            ends = _heard(courses, pack.step())
            pack.stop([end.index for end in ends])
            for end in ends:
                del courses[end.index]
                yield end
    except Exception as error:
        if len(together) == 1:
            yield from (course.ended(error) for course in courses.values())
            return
        for assignment in together:
            if assignment.index in courses:
                yield from _run_pack([assignment], sample, task)


def _heard(
    courses: Mapping[int, _Course], found: Mapping[int, TrialResult | Exception]
) -> list[Ended]:
    """The trials that have ended with these results; those at one rung are judged together."""
    ends = [end for i, result in found.items() if (end := courses[i].hear(result)) is not None]
    at_rung = [course for course in courses.values() if course.stands_at is not None]
    return ends + _compared(at_rung)


def _compared(at_rung: Sequence[_Course]) -> list[Ended]:
    if not at_rung:
        return []
    rung, rule = at_rung[0].stands_at, at_rung[0].rule
    if rung is None or rule is None:
        return []
    goes_on = rule.contenders(rung, [course.reached[rung] for course in at_rung])
    return [c.ended() for c, on in zip(at_rung, goes_on, strict=True) if not on]


class _Course:
    """One trial while it runs."""

    def __init__(self, assignment: Assignment, task: Trials) -> None:
        self._assignment, self._objective = assignment, task.objective
        self._result = START
        self.reached: dict[Rung, float] = {}

    @property
    def rule(self) -> Rule | None:
        """Asked at each rung."""
        return self._assignment.rule

    @property
    def stands_at(self) -> Rung | None:
        """The rung that the last result stands at."""
        return self._result.rung

    def hear(self, result: TrialResult | Exception) -> Ended | None:
        """The next result; how the trial ended, if it has."""
        try:
            if isinstance(result, Exception):
                raise result
            finite_means(result)
        except Exception as error:
            self._result = self._result._replace(rung=None)
            return self.ended(error)
        self._result = result
        if result.rung is not None:
            self.reached[result.rung] = result.rung.value(result.values[self._objective])
        return self.ended() if result.finished else None

    def ended(self, error: Exception | None = None) -> Ended:
        """How it ended, by now."""
        assignment = self._assignment
        reason = None if error is None else failure(error)
        ended = record(assignment.setup.detector, self._result, reason)
        ended = ended._replace(reached=as_news(self.reached))
        return Ended(assignment.index, ended, self.reached)


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
