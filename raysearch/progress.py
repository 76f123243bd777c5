"""One line for each trial that ends, readable in a terminal and in a job's log."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from raysearch.objectives import Objective
from raysearch.records import Record, trial_id

Say = Callable[[str], None]
# Asked between two steps: whether to end early, since another process has taken the study over.
Halt = Callable[[], bool]


def never() -> bool:
    """False: what runs here is nobody else's to take over."""
    return False


class Progress:
    """Counts trials and keeps the best, for the lines it says."""

    def __init__(self, objective: Objective, done: int, trials: int, say: Say) -> None:
        """Start at `done` of `trials`.

        Args:
            objective: what is optimised.
            done: trials that were finished before.
            trials: asked for in total.
            say: where the lines go.
        """
        self._objective, self._say = objective, say
        self._done, self._before, self._trials = done, done, trials
        self._best = float("nan")
        self._started = time.monotonic()

    def __call__(self, index: int, record: Record) -> None:
        """Say how a trial ended."""
        self._done += 1
        self._say(
            f"[{self._done:>3}/{self._trials}] trial {trial_id(index)} {record.detector:<9}"
            f"{self._outcome(record)}  ({record.seconds:.1f} s; {self._left()})"
        )

    def _outcome(self, record: Record) -> str:
        if record.state == "FAIL":
            return f"failed: {record.error}"
        name = self._objective.name
        value = float(np.mean(record.metrics[name]))
        if record.state == "PRUNED":
            return f"{name} {value:.4f}  stopped early after {record.epochs} epochs"
        better = np.fmax if self._objective.direction == "max" else np.fmin
        self._best = float(better(self._best, value))
        return f"{name} {value:.4f}  best {self._best:.4f}"

    def _left(self) -> str:
        rate = (time.monotonic() - self._started) / (self._done - self._before)
        return f"about {rate * (self._trials - self._done):.0f} s of search left"
