"""The time limit of Tune's trials, kept by the driver where their own process no longer can.

A trial looks at its limit by itself and says that it has failed. One whose process is stopped, or
never lets go of Python's lock, says nothing any more.
"""

from __future__ import annotations

import time
from typing import Any

import ray
from ray import tune
from ray.tune.experiment import Trial

from raysearch.tuning.searcher import HistorySearch

# A trial that is well has told of its limit by then.
_GRACE_S = 10.0
# Of a turn no more is counted: what trials said while the driver stood still is not heard yet.
_LONGEST_TURN_S = 1.0


class Limit(tune.Callback):
    """Ends the processes of trials that do not end by themselves; Tune calls it in each turn."""

    def __init__(self, timeout_s: float, search: HistorySearch) -> None:
        """Watch no trial yet.

        Args:
            timeout_s: of a trial.
            search: enters how it ended.
        """
        self._timeout_s, self._search = timeout_s, search
        self._seen, self._open = 0, dict[Trial, float | None]()
        self._now, self._last = 0.0, time.monotonic()

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        """A trial has ended."""
        self._open.pop(trial, None)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """A trial has lost its process for the last time."""
        self._open.pop(trial, None)

    def on_step_end(self, iteration: int, trials: list[Trial], **_: Any) -> None:
        """End what is overdue."""
        now = time.monotonic()
        self._now += min(_LONGEST_TURN_S, now - self._last)
        self._last = now
        self._open |= dict.fromkeys(trials[self._seen :])
        self._seen = len(trials)
        for trial, began in list(self._open.items()):
            if (actor := trial.temporary_state.ray_actor) is None:
                self._open[trial] = None  # it waits for a process, perhaps for another one
            elif began is None:
                self._open[trial] = self._now
            elif self._now - began > self._timeout_s + _GRACE_S:
                self._end(trial, actor)

    def _end(self, trial: Trial, actor: Any) -> None:
        del self._open[trial]
        self._search.overdue(trial.trial_id, self._timeout_s)
        # Tune would give it again.
        trial.max_failures = 0
        ray.kill(actor)

    def __getstate__(self) -> dict[str, Any]:
        """Empty: not Tune's to restore."""
        return {}
