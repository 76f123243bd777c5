"""Tune's searcher: setups from the study's history, every end of a trial into it."""

from __future__ import annotations

from typing import Any

from ray.tune.search import Searcher

from raysearch.objectives import Objective
from raysearch.racing import Race
from raysearch.records import Record
from raysearch.tuning.assignments import OverdueError, failure
from raysearch.tuning.book import Book, Suggestion
from raysearch.tuning.cluster import LOST


class HistorySearch(Searcher):
    """Asks the study's history for trials and tells it how each ended.

    Early-stopped trials are told as pruned, failed ones with their reason, unfinished ones of an
    interrupted run not at all, and Tune's snapshots do not hold the study, which is on disk.
    """

    def __init__(self, book: Book, objective: Objective) -> None:
        """Search for what is left of the study.

        Args:
            book: where setups come from and ends are entered.
            objective: what is optimised.
        """
        super().__init__(metric=objective.name, mode=objective.direction)
        self._book = book
        self._running: dict[str, tuple[int, str]] = {}
        self._late = False
        self.interrupted = False
        self.lost: str | None = None
        self.broken: Exception | None = None

    @property
    def left(self) -> int:
        """Trials that are still to be suggested."""
        return self._book.history.left

    def race(self) -> Race:
        """What the study's finished trials reached where they were compared."""
        return self._book.race()

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """The configuration of the next trial, None if it has to wait, or `FINISHED`."""
        suggestion = None if self.interrupted else self._next()
        if suggestion is None:
            finished: dict[str, Any] | None = Searcher.FINISHED
            return None if self._must_wait else finished
        self._running[trial_id] = suggestion.index, suggestion.config["detector"]
        return {"index": suggestion.index, **suggestion.config}

    @property
    def _must_wait(self) -> bool:
        """Whether trials that run decide what is next; one without a worker waits for a round."""
        return not self.interrupted and bool(self._running) and self._book.history.must_wait

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: only ends are recorded."""

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record how the trial ended, unless the whole study was interrupted.

        A trial whose worker died stays open in the history, which gives it again.
        """
        index, detector = self._running.pop(trial_id, (None, ""))
        if index is None or error:
            return
        if lost := (result or {}).get(LOST):
            self.lost = str(lost)
            # No trial can run before the driver has put the events again: the round ends.
            self.interrupted = True
            return
        try:
            record = _record(detector, result or {})
            if record.state == "PRUNED" and (self.interrupted or not record.metrics):
                return
            self._book.enter(index, record)
        except Exception as failure:  # Tune would log it and go on without the trial
            self._break(failure)

    def overdue(self, trial_id: str, timeout_s: float) -> None:
        """Record that a trial took too long and did not say so itself."""
        index, detector = self._running.pop(trial_id, (None, ""))
        if index is None:
            return
        reason = failure(OverdueError(timeout_s))
        try:
            self._book.enter(index, Record("FAIL", {}, 0, timeout_s, reason, detector))
        except Exception as error:  # see `on_trial_complete`
            self._break(error)

    def turn(self) -> None:
        """Write and tell what ended before this turn of Tune's loop, which calls it in each.

        Writing takes milliseconds. What ended in this turn waits for the next, a tenth of a second
        at most, and by then the worker that has become free has its next trial.
        """
        try:
            if self._late:
                self._book.flush()
            self._late = not self._book.is_written
        except Exception as failure:
            self._break(failure)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the history is on disk."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: `History` restores itself."""

    def __getstate__(self) -> dict[str, Any]:
        """Empty: Tune pickles its searcher into the experiment, which is not ours to read."""
        return {}

    def _next(self) -> Suggestion | None:
        try:
            suggestion = self._book.next()
            # Until a claim is written other drivers wait.
            self._book.history.commit()
        except Exception as failure:  # see `on_trial_complete`
            self._break(failure)
            return None
        return suggestion

    def _break(self, failure: Exception) -> None:
        self.broken = failure
        self.interrupted = True


def _record(detector: str, result: dict[str, Any]) -> Record:
    reason = result.get("error")
    return Record(
        state="FAIL" if reason else "COMPLETE" if result.get("finished") else "PRUNED",
        # Tune hands nested results over flat, as "metrics/val_sic".
        metrics={
            key.removeprefix("metrics/"): value
            for key, value in result.items()
            if key.startswith("metrics/")
        },
        epochs=result.get("epoch", 0),
        seconds=result.get("seconds", 0.0),
        error=reason,
        detector=detector,
        reached=tuple(result.get("reached", ())),
    )
