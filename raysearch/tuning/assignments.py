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
from raysearch.records import Record
from raysearch.samples import TwoSample
from raysearch.trial import Setup, TrialResult, trial_epochs
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
    batch: Sequence[Assignment], sample: TwoSample, repeats: int, seed: int
) -> Iterator[Ended]:
    """Run trials one after the other; each is given back when it has ended, in any order.

    Args:
        batch: the trials.
        sample: the two samples, of the mode and features of all setups.
        repeats: fits of each setup.
        seed: of the study.
    """
    for assignment in batch:
        yield _run(assignment, sample, repeats, seed)


def _run(assignment: Assignment, sample: TwoSample, repeats: int, seed: int) -> Ended:
    """Run one trial; whatever it raises is how it ended."""
    index, setup, rule = assignment.index, assignment.setup, assignment.rule
    result, course = START, dict[str, list[float]]()
    try:
        for result in trial_epochs(setup, sample, repeats=repeats, seed=seed, index=index):
            for name, mean in finite_means(result).items():
                course.setdefault(name, []).append(mean)
            # A trial that has trained all its epochs is over before a rule may end it.
            if not result.finished and not rule.goes_on(result.epochs, result.values):
                break
    except Exception as error:
        return Ended(index, record(setup.detector, result, failure(error)), course)
    return Ended(index, record(setup.detector, result), course)


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
