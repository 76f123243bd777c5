"""The actor of the direct backend: runs batches of trials in one process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from raysearch.detectors.warming import warm_all
from raysearch.tuning.assignments import Assignment, Ended, run_assignments
from raysearch.tuning.devices import hide_unassigned_gpus
from raysearch.tuning.stream import as_they_come
from raysearch.tuning.task import Task


class TrialWorker:
    """Runs one batch after another; events are fetched once (shared memory, not a copy)."""

    def __init__(self, task: Task) -> None:
        """Look for a GPU; events are fetched when a trial asks for them."""
        hide_unassigned_gpus()
        self._task = task

    def ready(self) -> None:
        """Return as soon as the worker can run trials: what it imports is in no trial's limit."""
        warm_all(self._task.families)

    def run(self, batch: Sequence[Assignment]) -> Iterator[list[Ended]]:
        """Run the trials of a batch and stream back their ends, each as soon as there is one."""
        yield from as_they_come(run_assignments(batch, self._task.samples, self._task))
