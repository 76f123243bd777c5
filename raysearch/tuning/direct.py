"""The direct backend: Ray actors that are given trials without Ray Tune in between.

For trials so short that Tune's part in each would be felt. The study's files, its faults and its
results are those of the other backend.
"""

from __future__ import annotations

from collections import Counter, deque

from raysearch.packs import joins_packs
from raysearch.racing import Race
from raysearch.records import Record
from raysearch.tuning.assignments import Assignment, Ended
from raysearch.tuning.book import Book, Suggestion
from raysearch.tuning.ending import Ending
from raysearch.tuning.pace import Pace
from raysearch.tuning.pool import Lost, Pool, Worker
from raysearch.tuning.task import Task

# How often Ctrl-C and the time budget are looked at.
_TURN_S = 0.1


class Direct:
    """Gives what is left of a study to a pool of workers."""

    def __init__(
        self, book: Book, task: Task, race: Race | None, pace: Pace, *, deaths: int, ahead: bool
    ) -> None:
        """Prepare; nothing starts yet.

        Args:
            book: where setups come from and ends are entered.
            task: what the trials share.
            race: ends trials early; None if all run to their end.
            pace: of the trials; learns from each end.
            deaths: so many workers may die of a trial, then it has failed.
            ahead: whether setups may be suggested long before they run, as in a random search.
        """
        self._book, self._task, self._race, self._pace = book, task, race, pace
        self._most_deaths, self._ahead = deaths, ahead
        self._deaths: Counter[int] = Counter()
        self._again: deque[list[Assignment]] = deque()

    def run(self, gpus_per_trial: float, ending: Ending, *, while_short: bool) -> None:
        """Run trials until none is left, the ending is due, or they turn out to take long.

        Args:
            gpus_per_trial: share of a GPU for each worker.
            ending: asked all the time.
            while_short: give no more trials once the pace is known to be long.
        """
        with Pool(self._task, gpus_per_trial) as pool:
            while (self._left or pool.is_busy) and not ending.is_due:
                if not (while_short and self._pace.is_long):
                    self._give(pool)
                elif not pool.is_busy:
                    break
                for event in pool.events(_TURN_S):
                    self._enter(event)
                self._book.flush()

    @property
    def _left(self) -> int:
        return self._book.history.left + len(self._again)

    def _give(self, pool: Pool) -> None:
        """Give every worker that has room for it a batch."""
        given: list[tuple[Worker, list[Assignment]]] = []
        for round_ in range(1 + self._pace.batches_ahead):
            for worker in pool.ready:
                if len(worker.batches) <= round_ and self._left:
                    given.append((worker, self._batch(len(pool.ready))))
        # A trial is on disk before it is begun.
        self._book.flush()
        for worker, batch in given:
            if batch:
                pool.give(worker, batch)
        if self._left:
            pool.grow(self._left)
        else:
            pool.shrink()

    def _batch(self, workers: int) -> list[Assignment]:
        if self._again:
            return self._again.popleft()
        left = self._book.history.left
        alone = self._pace.batch(left, workers) if self._ahead else 1
        # A pack must not take what other workers could be at.
        packed = max(alone, min(self._task.capacity, -(-left // workers)))
        batch: list[Assignment] = []
        for suggestion in iter(self._book.next, None):
            batch.append(self._assignment(suggestion))
            if len(batch) >= (packed if joins_packs(batch[-1].setup) else alone):
                break
        return batch

    def _assignment(self, suggestion: Suggestion) -> Assignment:
        setup = self._task.setup(suggestion.config)
        return Assignment(suggestion.index, setup, self._race.rule() if self._race else None)

    def _enter(self, event: Ended | Lost) -> None:
        if isinstance(event, Lost):
            self._bury(event)
            return
        self._pace.add(event.record)
        if self._race is not None:
            for rung, value in event.reached.items():
                self._race.reached(event.index, rung, value)
        self._book.enter(event.index, event.record)

    def _bury(self, lost: Lost) -> None:
        """Give again what a lost worker had; alone what it was at, which may be the cause."""
        if lost.waiting:
            self._again.appendleft(lost.waiting)
        if lost.blameless:
            self._again.extendleft([a] for a in lost.running)
            return
        for assignment in lost.running:
            reason = self._overdue(lost) if lost.overdue else self._died(assignment, lost)
            if reason is None:
                self._again.appendleft([assignment])
                continue
            seconds = (self._task.timeout_s or 0.0) if lost.overdue else 0.0
            detector = assignment.setup.detector
            self._book.enter(assignment.index, Record("FAIL", {}, 0, seconds, reason, detector))

    def _overdue(self, lost: Lost) -> str | None:
        """Why the trial has failed, if it was the only one that can have taken so long."""
        return lost.reason if len(lost.running) == 1 else None

    def _died(self, assignment: Assignment, lost: Lost) -> str | None:
        """Why a trial has failed, if too many workers died of it."""
        self._deaths[assignment.index] += 1
        if self._deaths[assignment.index] < self._most_deaths:
            return None
        return f"its worker died in each of {self._most_deaths} runs: {lost.reason}"
