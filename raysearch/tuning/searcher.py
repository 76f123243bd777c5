"""OptunaSearch that records every end of a trial in the study's history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from optuna.trial import Trial
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from raysearch.objectives import objective
from raysearch.records import Record
from raysearch.settings import Settings
from raysearch.spaces import Space
from raysearch.tuning.history import History

OnRecord = Callable[[int, Record], None]


class HistorySearch(OptunaSearch):
    """Asks the study's history for trials and tells it how each ended.

    Differs from OptunaSearch where that loses or repeats trials: early-stopped trials are told as
    pruned, failed ones with their reason, unfinished ones of an interrupted run not at all, and
    Tune's snapshots do not hold the study, which is on disk already.
    """

    def __init__(
        self, history: History, space: Space, settings: Settings, on_record: OnRecord
    ) -> None:
        """Search `space` for what is left of the study.

        Args:
            history: of the study.
            space: define-by-run function.
            settings: of the study.
            on_record: called with index and record when a trial has ended.
        """
        self._history = history
        self._on_record = on_record
        self._detectors: dict[str, str] = {}
        self._indices: dict[str, int] = {}
        self.interrupted = False
        self.broken: Exception | None = None
        chosen = objective(settings.objective)
        super().__init__(space=space, metric=chosen.name, mode=chosen.direction)

    def _setup_study(self, mode: str) -> None:
        self._ot_study = self._history.study

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """The configuration of the next trial, or `FINISHED`."""
        while self._history.left and not self.interrupted:
            index, trial = self._history.ask()
            try:
                config = self._space(trial)
                self._detectors[trial_id] = config["detector"]
            except Exception as error:  # the user's function; one bad branch is one failed trial
                self._finish(index, trial, _unsuggested(error))
                continue
            self._ot_trials[trial_id] = trial
            self._indices[trial_id] = index
            return {"index": index, **config}
        finished: dict[str, Any] | None = Searcher.FINISHED
        return finished

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: only ends are recorded."""

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record how the trial ended, unless the whole study was interrupted.

        A trial whose worker died stays open in the history, which gives it again.
        """
        trial: Trial | None = self._ot_trials.pop(trial_id, None)
        if trial is None or error:
            return
        try:
            self._record(trial, trial_id, result or {})
        except Exception as failure:  # Tune would log it and go on without the trial
            self.broken = failure
            self.interrupted = True

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the history is on disk."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: `History` restores itself."""

    def __getstate__(self) -> dict[str, Any]:
        """Empty: Tune pickles its searcher into the experiment, which is not ours to read."""
        return {}

    def _record(self, trial: Trial, trial_id: str, result: dict[str, Any]) -> None:
        reason = result.get("error")
        state = "FAIL" if reason else "COMPLETE" if result.get("finished") else "PRUNED"
        if state == "PRUNED" and (self.interrupted or self.metric not in result):
            return
        record = Record(
            state=state,
            # Tune hands nested results over flat, as "metrics/val_sic".
            metrics={
                key.removeprefix("metrics/"): value
                for key, value in result.items()
                if key.startswith("metrics/")
            },
            epochs=result.get("epoch", 0),
            seconds=result.get("seconds", 0.0),
            error=reason,
            detector=self._detectors[trial_id],
        )
        self._finish(self._indices[trial_id], trial, record)

    def _finish(self, index: int, trial: Trial, record: Record) -> None:
        self._history.finish(trial, record)
        self._on_record(index, record)


def _unsuggested(error: Exception) -> Record:
    reason = f"the search space raised {type(error).__name__}: {error}"
    return Record("FAIL", {}, 0, 0.0, reason, "unknown")
