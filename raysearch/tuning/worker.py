"""The actor of the direct backend: runs batches of trials in one process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import ray

from raysearch.tuning.assignments import Assignment, Ended, run_assignments
from raysearch.tuning.task import Task

# What ends within this time is sent together.
_TOGETHER_S = 0.05


class TrialWorker:
    """Runs one batch after another; the events are fetched once (shared memory, not a copy)."""

    def __init__(self, task: Task) -> None:
        """Fetch the events."""
        self._task = task
        self._sample = ray.get(task.sample)

    def ready(self) -> None:
        """Return as soon as the worker can run trials."""

    def run(self, batch: Sequence[Assignment]) -> Iterator[list[Ended]]:
        """Run the trials of a batch and stream back their ends, a few at a time."""
        ends: list[Ended] = []
        sent = time.monotonic()
        for end in run_assignments(batch, self._sample, self._task):
            ends.append(end)
            if time.monotonic() - sent > _TOGETHER_S:
                yield ends
                ends, sent = [], time.monotonic()
        if ends:
            yield ends
