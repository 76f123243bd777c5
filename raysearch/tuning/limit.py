"""The time limit of Tune's trials, kept by the driver where their own process no longer can.

A trial looks at its limit by itself and says that it has failed. One whose process is stopped, or
never lets go of Python's lock, says nothing any more, and does not answer either. One that answers
has told of its end, which Tune may hear much later: it hears one process a turn, in any order.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import ray
from ray import tune
from ray.tune.experiment import Trial

from raysearch.tuning.searcher import HistorySearch

# A process that is well answers by then, and is not asked again until then.
_GRACE_S = 10.0
# Of a turn no more is counted: what answered while the driver stood still may not be here yet.
_LONGEST_TURN_S = 1.0


class _Watch(NamedTuple):
    """A trial that has a process.

    Attributes:
        since: when it began, or its process was asked whether it answers.
        answer: what is there once it does; None if it was not asked.
    """

    since: float
    answer: Any = None


class Limit(tune.Callback):
    """Ends the processes of trials that do not end by themselves; Tune calls it in each turn."""

    def __init__(self, timeout_s: float, search: HistorySearch) -> None:
        """Watch no trial yet.

        Args:
            timeout_s: of a trial.
            search: enters how it ended.
        """
        self._timeout_s, self._search = timeout_s, search
        self._seen, self._open = 0, dict[Trial, _Watch | None]()
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
        for trial, watch in list(self._open.items()):
            actor = trial.temporary_state.ray_actor
            # Without one it waits for a process, perhaps for another one.
            self._open[trial] = None if actor is None else self._watched(trial, actor, watch)

    def _watched(self, trial: Trial, actor: Any, watch: _Watch | None) -> _Watch | None:
        if watch is None:
            return _Watch(self._now)
        lasts = self._now - watch.since
        if watch.answer is None:
            # Its turn is after the call in which the trial notices its limit.
            is_due = lasts > self._timeout_s
            return _Watch(self._now, actor.__ray_ready__.remote()) if is_due else watch
        answered, _ = ray.wait([watch.answer], timeout=0)
        if answered:
            return _Watch(self._now - self._timeout_s + _GRACE_S)
        if lasts <= _GRACE_S:
            return watch
        self._end(trial, actor)
        # Ray may count the death as the node's, and Tune give it again: then it begins anew.
        return None

    def _end(self, trial: Trial, actor: Any) -> None:
        self._search.overdue(trial.trial_id, self._timeout_s)
        # Tune would give it again.
        trial.max_failures = 0
        ray.kill(actor)

    def __getstate__(self) -> dict[str, Any]:
        """Empty: not Tune's to restore."""
        return {}
