"""A trial as Ray Tune sees it: one step per epoch, actors reused, failures as results."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray
from ray import tune

from raysearch.samples import TwoSample
from raysearch.trial import Setup, TrialResult, trial_epochs


@dataclass(frozen=True)
class Task:
    """What all trials of a study share.

    Attributes:
        sample: where the events lie in the object store, put there once.
        mode: background mode.
        features: feature set.
        repeats: fits of each setup.
        seed: of the study.
    """

    sample: ray.ObjectRef[TwoSample]
    mode: str
    features: str
    repeats: int
    seed: int


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
            reason = f"{type(error).__name__}: {error}"
            return {**_progress(self._result), "error": reason, "done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing to save: a trial that lost its worker starts anew."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """See `save_checkpoint`."""

    def _begin(self, config: dict[str, Any]) -> None:
        task = self._task
        setup = Setup(task.mode, task.features, config["detector"], config["parameters"])
        self._result = TrialResult({}, 0, 0.0, False)
        self._epochs = trial_epochs(
            setup, self._sample, repeats=task.repeats, seed=task.seed, index=config["index"]
        )


def _report(result: TrialResult) -> dict[str, Any]:
    """The result so far: means for the scheduler, all repeats for the record.

    Raises:
        ValueError: if a metric is not finite; Optuna would keep such a trial open for ever.
    """
    means = {name: float(np.mean(values)) for name, values in result.values.items()}
    for name, mean in means.items():
        if not math.isfinite(mean):
            raise ValueError(f"{name} must be finite, but is {mean} after {result.epochs} epochs")
    # A trial that has trained all its epochs is over before a scheduler may call it stopped early.
    return {**means, **_progress(result), "done": result.finished}


def _progress(result: TrialResult) -> dict[str, Any]:
    metrics = {name: values.tolist() for name, values in result.values.items()}
    return {
        "epoch": result.epochs,
        "seconds": result.seconds,
        "metrics": metrics,
        "finished": result.finished,
    }
