"""A trial as Ray Tune sees it: actors reused, failures as results, reports where they matter.

It trains by itself, or has a trainer train it in a pack with other trials.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any
from uuid import uuid4

import ray
from ray import tune

from raysearch.detectors.warming import warm_all
from raysearch.packs import joins_packs
from raysearch.trial import Setup, TrialResult, trial_epochs
from raysearch.tuning.assignments import START, OverdueError, as_lists, failure, finite_means
from raysearch.tuning.cluster import LOST, is_lost
from raysearch.tuning.devices import hide_unassigned_gpus
from raysearch.tuning.race_scheduler import rung_report
from raysearch.tuning.task import Task
from raysearch.tuning.trainer import NotBegunError

# A report costs Tune some 10 ms. One trial that lasts reports often enough to end it on demand.
_REPORT_S = 2.0
# A trial that was given up may still come to its end by itself within this time.
_GRACE_S = 1.0


class TrialActor(tune.Trainable):
    """Runs one trial after another in the same process.

    Tune makes one call to begin a trial and another to train it. Training begins with the first, in
    a thread, and the second finds it under way.
    """

    _epochs: Iterator[TrialResult] = iter(())
    _under_way: Future[None] | None = None
    _began = 0.0
    _hangs = False
    _result: TrialResult
    _reached: tuple[tuple[Any, ...], ...] = ()

    def setup(self, config: dict[str, Any], task: Task) -> None:
        """Begin the first trial."""
        hide_unassigned_gpus()
        self._task = task
        warm_all(task.families)  # before any trial's clock
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin the next trial."""
        self.cleanup()
        self._begin(new_config)
        return True

    def cleanup(self) -> None:
        """End what is left of the trial, so that its pack goes on without it."""
        if isinstance(self._epochs, _Remote):
            self._epochs.end()
        if self._under_way is not None:
            self._under_way.cancel()
            _, running = wait([self._under_way], _GRACE_S if self._hangs else None)
            if running:
                # A thread cannot be ended, its process can: Tune begins what is next in another.
                os._exit(1)

    def step(self) -> dict[str, Any]:
        """Train on to the next report; a trial that fails ends with its reason, not by raising."""
        try:
            self._trained()
            if self._result.finished:
                self.cleanup()
            compared = rung_report(self._result, self._task.objective)
            if compared:
                self._reached += (tuple(compared.values()),)
            return {**_report(self._result), **compared, "reached": self._reached}
        except (ray.exceptions.RayActorError, NotBegunError):
            raise  # the trainer died: Tune gives the trial again
        except Exception as error:
            self._hangs = isinstance(error, OverdueError)
            # Of lost events the driver hears, and nothing is recorded.
            why = {LOST if is_lost(error) else "error": failure(error)}
            return {**_progress(self._result), **why, "done": True, "reached": self._reached}

    def _trained(self) -> None:
        """Wait for the training that began with the trial, or train on.

        Raises:
            OverdueError: if it takes longer than a trial may.
        """
        if self._under_way is None:
            self._under_way = self._thread.submit(self._train)
        limit = self._task.timeout_s
        left = None if limit is None else max(0.0, self._began + limit - time.monotonic())
        done, _ = wait([self._under_way], left)
        if not done:
            raise OverdueError(limit or 0.0)
        self._under_way = None
        done.pop().result()

    def _train(self) -> None:
        """Train until there is something to decide, or until it is time to ask for an ending."""
        started, due = time.monotonic(), False
        while not due:
            self._result = next(self._epochs)
            due = self._result.finished or self._result.rung is not None
            due |= time.monotonic() - started > _REPORT_S

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing to save: a trial that lost its worker starts anew."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """See `save_checkpoint`."""

    def _begin(self, config: dict[str, Any]) -> None:
        task, index = self._task, config["index"]
        self._result, self._reached = START, ()
        setup = task.setup(config)
        self._began, self._hangs = time.monotonic(), False
        if task.trainers and joins_packs(setup):
            # Trials that Tune starts one after another meet in one trainer.
            trainer = task.trainers[index // task.capacity % len(task.trainers)]
            self._epochs = _Remote(trainer, index, setup)
        else:
            self._epochs = self._alone(index, setup)
        self._under_way = self._thread.submit(self._train)

    def _alone(self, index: int, setup: Setup) -> Iterator[TrialResult]:
        """The epochs of a trial that is trained here; what is wrong with it is raised by `step`."""
        task = self._task
        rungs = task.rungs(setup.detector)
        yield from trial_epochs(
            setup,
            task.samples[setup.view],
            repeats=task.repeats,
            seed=task.seed,
            index=index,
            rungs=rungs,
            also=task.also,
        )


class _Remote(Iterator[TrialResult]):
    """The epochs of a trial that a trainer trains."""

    def __init__(self, trainer: Any, index: int, setup: Setup) -> None:
        self._trainer, self._try = trainer, (index, uuid4().hex)
        self._begun = trainer.begin.remote(*self._try, setup)

    def __next__(self) -> TrialResult:
        try:
            ray.get(self._begun)
            result: TrialResult = ray.get(self._trainer.advance.remote(*self._try))
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        return result

    def end(self) -> None:
        self._trainer.end.remote(*self._try)


def _report(result: TrialResult) -> dict[str, Any]:
    """The result so far: means for the scheduler, all repeats for the record.

    Raises:
        ValueError: if a metric is not finite; Optuna would keep such a trial open for ever.
    """
    # A trial that has trained all its epochs is over before a scheduler may call it stopped early.
    return {**finite_means(result), **_progress(result), "done": result.finished}


def _progress(result: TrialResult) -> dict[str, Any]:
    return {
        "epoch": result.epochs,
        "seconds": result.seconds,
        "metrics": as_lists(result.values),
        "finished": result.finished,
    }
