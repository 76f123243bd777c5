"""Workers of the direct backend: as many as the cluster has room for, and what they send back."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import ray

from raysearch.tuning.assignments import Assignment, Ended, OverdueError, failure
from raysearch.tuning.cluster import is_lost, renew, room
from raysearch.tuning.task import Task
from raysearch.tuning.worker import TrialWorker

# Workers in a row that died before they were ready: something is wrong with all of them.
_FAILED_STARTS = 9
# Workers that found the events lost: the object store is of no use. Many may begin at once.
_MOST_LOSSES = 1_000


class Lost(NamedTuple):
    """A worker died, or was ended since a trial takes too long.

    Attributes:
        running: trials of the batch that it was at.
        waiting: trials that it had not begun.
        reason: what Ray says, in one line.
        overdue: whether it was ended.
        blameless: whether its trials have no part in it, since the events could not be had.
    """

    running: list[Assignment]
    waiting: list[Assignment]
    reason: str
    overdue: bool = False
    blameless: bool = False


@dataclass(eq=False)
class _Batch:
    stream: Any
    open: dict[int, Assignment]


@dataclass(eq=False)
class Worker:
    """A worker and what it was given.

    Attributes:
        actor: Ray's handle of it.
        starting: done when it is ready; None from then on.
        batches: what it was given, the one it runs first.
        since: when it was given work or was last heard of, by the monotonic clock.
    """

    actor: Any
    starting: Any
    batches: deque[_Batch] = field(default_factory=deque)
    since: float = 0.0

    def is_overdue(self, timeout_s: float) -> bool:
        """Whether it has been at work for so long without a word."""
        return bool(self.batches) and time.monotonic() - self.since > timeout_s


class Pool:
    """Starts workers, gives them batches, and collects what they send."""

    def __init__(self, task: Task, gpus_per_trial: float) -> None:
        """Start no worker yet.

        Args:
            task: what the trials share.
            gpus_per_trial: share of a GPU for each worker.
        """
        needs = {"num_cpus": 1, "num_gpus": gpus_per_trial, "max_restarts": 0}
        self._make = ray.remote(**needs)(TrialWorker)
        self._task, self._gpus = task, gpus_per_trial
        self._workers: list[Worker] = []
        self._failed_starts = 0
        self._losses = 0

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in list(self._workers):
            self._dismiss(worker)

    @property
    def ready(self) -> list[Worker]:
        """Workers that can be given trials."""
        return [worker for worker in self._workers if worker.starting is None]

    @property
    def is_busy(self) -> bool:
        """Whether a trial is running or waiting."""
        return any(worker.batches for worker in self._workers)

    def grow(self, trials: int) -> None:
        """Ask for workers while there are `trials` that none has.

        The cluster's room is filled at once. Beyond that as many wait for room as are ready: they
        get what others leave free, and show an autoscaler that more could be used.
        """
        ready = len(self.ready)
        wanted = max(1, ready, room(self._gpus) - ready)
        starting = len(self._workers) - ready
        for _ in range(min(wanted, trials) - starting):
            actor = self._make.remote(self._task)
            self._workers.append(Worker(actor, actor.ready.remote()))

    def shrink(self) -> None:
        """Dismiss workers that have nothing to do; others may use their place."""
        for worker in [w for w in self._workers if not w.batches]:
            self._dismiss(worker)

    def give(self, worker: Worker, batch: Sequence[Assignment]) -> None:
        """Give a batch to a worker, behind those that it has."""
        if not worker.batches:
            worker.since = time.monotonic()
        stream = worker.actor.run.options(num_returns="streaming").remote(batch)
        worker.batches.append(_Batch(stream, {a.index: a for a in batch}))

    def events(self, timeout_s: float) -> Iterator[Ended | Lost]:
        """What has happened, at the latest after `timeout_s`."""
        waited = self._waited()
        if not waited:
            return
        first, _ = ray.wait(list(waited), num_returns=1, timeout=timeout_s)
        if first:
            first, _ = ray.wait(list(waited), num_returns=len(waited), timeout=0)
        for source in first:
            worker = waited[source]
            if worker in self._workers:  # it may have been lost with its previous batch
                worker.since = time.monotonic()
                yield from self._received(worker, source)
        yield from self._overdue()

    def _waited(self) -> dict[Any, Worker]:
        starting = {w.starting: w for w in self._workers if w.starting is not None}
        return starting | {w.batches[0].stream: w for w in self._workers if w.batches}

    def _overdue(self) -> Iterator[Lost]:
        """Workers that have been at a trial for too long; they end here."""
        limit = self._task.timeout_s
        if limit is not None:
            for worker in [w for w in self._workers if w.is_overdue(limit)]:
                yield self._ended(worker, failure(OverdueError(limit)), overdue=True)

    def _received(self, worker: Worker, source: Any) -> Iterator[Ended | Lost]:
        try:
            if source is worker.starting:
                ray.get(source)
                worker.starting, self._failed_starts = None, 0
                return
            for ended in ray.get(next(source)):
                del worker.batches[0].open[ended.index]
                yield ended
        except StopIteration:
            worker.batches.popleft()
        except ray.exceptions.RayError as error:
            lost = self._lost(worker, error)
            if is_lost(error):
                self._renew(error)
                lost = lost._replace(blameless=True)
            yield lost

    def _renew(self, error: Exception) -> None:
        """Put the events again; workers that began before may still have to be replaced."""
        self._losses += 1
        if self._losses > _MOST_LOSSES:
            raise RuntimeError(f"the events were lost {_MOST_LOSSES} times: {error}") from error
        renew(self._task.samples)

    def _lost(self, worker: Worker, error: Exception) -> Lost:
        if worker.starting is not None:
            self._failed_starts += 1
            if self._failed_starts == _FAILED_STARTS:
                raise RuntimeError(f"{_FAILED_STARTS} workers could not start: {error}") from error
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        return self._ended(worker, reason)

    def _ended(self, worker: Worker, reason: str, overdue: bool = False) -> Lost:
        running, *waiting = [list(batch.open.values()) for batch in worker.batches] or [[]]
        self._dismiss(worker)
        return Lost(running, list(itertools.chain(*waiting)), reason, overdue)

    def _dismiss(self, worker: Worker) -> None:
        self._workers.remove(worker)
        ray.kill(worker.actor)
