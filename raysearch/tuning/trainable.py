"""A trial as Ray Tune sees it: one step per epoch, actors reused, failures as results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ray
from ray import tune

from raysearch.trial import TrialResult, trial_epochs
from raysearch.tuning.assignments import START, as_lists, failure, finite_means
from raysearch.tuning.task import Task


class TrialActor(tune.Trainable):
    """Runs one trial after another in the same process."""

    _epochs: Iterator[TrialResult]
    _result: TrialResult

    def setup(self, config: dict[str, Any], task: Task) -> None:
        """Fetch the events (shared memory, not a copy) and begin the first trial."""
        self._task = task
        self._sample = ray.get(task.sample)
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin the next trial."""
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train one epoch; a trial that fails ends with its reason instead of an exception."""
        try:
            self._result = next(self._epochs)
            return _report(self._result)
        except Exception as error:
            return {**_progress(self._result), "error": failure(error), "done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing to save: a trial that lost its worker starts anew."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """See `save_checkpoint`."""

    def _begin(self, config: dict[str, Any]) -> None:
        task = self._task
        self._result = START
        setup = task.setup(config)
        self._epochs = trial_epochs(
            setup, self._sample, repeats=task.repeats, seed=task.seed, index=config["index"]
        )


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
