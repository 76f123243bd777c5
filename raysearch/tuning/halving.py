"""Rules that end a trial between two epochs, and asynchronous successive halving. No Ray.

References:
    A System for Massively Parallel Hyperparameter Tuning (Li et al., 2020), arXiv:1810.05934.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from raysearch.judge import Values
from raysearch.objectives import Objective

# Half of the trials that reach a rung go on to the next one.
GRACE_EPOCHS = 5
REDUCTION = 2


class Rule(Protocol):
    """Decides after each epoch, where the trial is trained, whether it is trained on.

    It is sent along with the trial, so it is small and knows what was known when it was sent.
    """

    def goes_on(self, epoch: int, values: Values) -> bool:
        """Whether the trial goes on.

        Args:
            epoch: epochs trained so far.
            values: name of each metric -> (repeats,) best values so far.
        """
        ...


@dataclass(frozen=True)
class AlwaysOn:
    """The rule that ends no trial."""

    def goes_on(self, epoch: int, values: Values) -> bool:
        """True."""
        return True


@dataclass(frozen=True)
class Cutoffs:
    """Ends a trial that is worse than a value at certain epochs.

    Attributes:
        objective: name of the metric that is compared.
        sign: 1 if larger is better, else -1.
        at: epoch -> the least value, times `sign`, that goes on.
    """

    objective: str
    sign: int
    at: Mapping[int, float]

    def goes_on(self, epoch: int, values: Values) -> bool:
        """Whether the mean of the objective is at least the cutoff of this epoch, if any."""
        reached = self.sign * float(np.mean(values[self.objective]))
        return epoch not in self.at or reached >= self.at[epoch]


class Racing(Protocol):
    """Learns from the trials that ended and makes the rule of the next one."""

    def rule(self) -> Rule:
        """The rule for a trial that starts now."""
        ...

    def learn(self, course: Mapping[str, Sequence[float]]) -> None:
        """A trial has ended.

        Args:
            course: name of each metric -> mean over its repeats after each epoch, best so far.
        """
        ...


class NoRacing:
    """Ends no trial early."""

    def rule(self) -> Rule:
        """The rule that ends none."""
        return AlwaysOn()

    def learn(self, course: Mapping[str, Sequence[float]]) -> None:
        """Nothing."""


class Halving:
    """A trial goes on at a rung while it is among the best share of those that reached it.

    The first rung is after `grace` epochs, each next one at `reduction` times as many.
    """

    def __init__(
        self, objective: Objective, grace: int = GRACE_EPOCHS, reduction: int = REDUCTION
    ) -> None:
        """Start without trials.

        Args:
            objective: what is compared, as the mean over the repeats.
            grace: epochs that every trial gets.
            reduction: one in so many goes on.
        """
        self._objective, self._grace, self._reduction = objective, grace, reduction
        self._sign = 1 if objective.direction == "max" else -1
        self._reached: dict[int, list[float]] = {}

    def rule(self) -> Cutoffs:
        """The rule for a trial that starts now."""
        share = 100 * (1 - 1 / self._reduction)
        at = {rung: float(np.percentile(v, share)) for rung, v in self._reached.items()}
        return Cutoffs(self._objective.name, self._sign, at)

    def learn(self, course: Mapping[str, Sequence[float]]) -> None:
        """Note the values with which a trial reached its rungs."""
        values = course.get(self._objective.name, ())
        rung = self._grace
        while rung <= len(values):
            self._reached.setdefault(rung, []).append(self._sign * values[rung - 1])
            rung *= self._reduction
