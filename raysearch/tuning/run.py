"""run_search: the trials of a study over the cluster, until all are recorded or time is up."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from raysearch.objectives import objective
from raysearch.records import INTERRUPTED, Record
from raysearch.settings import Resources, Settings
from raysearch.spaces import lookup
from raysearch.tuning.history import History
from raysearch.tuning.searcher import HistorySearch, OnRecord
from raysearch.tuning.trainable import Task, TrialActor

# Half of the trials that reach a rung go on to the next one.
_GRACE_EPOCHS = 5
_REDUCTION = 2
_MAX_EPOCHS = 10_000
# Tune gives a trial again whose worker died, but not one whose worker died between two trials: such
# trials are left over and run in the next round.
_WORKER_DEATHS = 2
_ROUNDS = 3


class _Stop(tune.Stopper):
    """Ends the experiment on Ctrl-C or when the time is up; finished trials stay finished.

    Tune asks between steps: a long fit of trees is waited for.
    """

    def __init__(self, search: HistorySearch, time_budget_s: float | None) -> None:
        self._search = search
        self._end = time.monotonic() + (time_budget_s or float("inf"))
        self.reason: str | None = None

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never ends a single trial."""
        return False

    def stop_all(self) -> bool:
        """True once there is a reason."""
        if self.reason is None and time.monotonic() > self._end:
            self.interrupt("the time budget is used up")
        return self.reason is not None or self._search.broken is not None

    def interrupt(self, reason: str) -> None:
        """End the experiment for this reason."""
        self.reason = self.reason or reason
        self._search.interrupted = True

    def __getstate__(self) -> dict[str, Any]:
        """Empty: not ours to restore."""
        return {}


def run_search(
    history: History, task: Task, settings: Settings, resources: Resources, on_record: OnRecord
) -> str | None:
    """Run what is left of the study; every end of a trial is recorded at once.

    Needs a connection to Ray. Concurrency follows from the cluster's resources.

    Args:
        history: of the study.
        task: what the trials share.
        settings: of the study.
        resources: of a trial, and the time budget.
        on_record: called with index and record when a trial has ended.

    Returns:
        Why the study ended early, or None if it is complete.
    """
    search = HistorySearch(history, lookup(settings.space), settings, on_record)
    stop = _Stop(search, resources.time_budget_s)
    with quiet(), _on_ctrl_c(stop), tempfile.TemporaryDirectory() as scratch:
        for _ in range(_ROUNDS):
            if not history.left or stop.reason:
                break
            _tuner(search, stop, task, settings, resources, history.left, scratch).fit()
            if search.broken:
                raise search.broken
            history.recover()
    if stop.reason is None:
        _give_up(history, on_record)
    return stop.reason


def _give_up(history: History, on_record: OnRecord) -> None:
    """Record the trials that no worker survived."""
    while history.left:
        index, trial = history.ask()
        record = Record("FAIL", {}, 0, 0.0, f"its worker died in each of {_ROUNDS} runs", "unknown")
        history.finish(trial, record)
        on_record(index, record)


def _tuner(
    search: HistorySearch,
    stop: _Stop,
    task: Task,
    settings: Settings,
    resources: Resources,
    trials: int,
    scratch: str,
) -> tune.Tuner:
    needs = {"cpu": 1, "gpu": resources.gpus_per_trial}
    trainable = tune.with_resources(tune.with_parameters(TrialActor, task=task), needs)
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=search,
            scheduler=_scheduler(settings),
            num_samples=trials,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="search",
            storage_path=scratch,
            stop=stop,
            failure_config=tune.FailureConfig(max_failures=_WORKER_DEATHS),
            verbose=0,
        ),
    )


def _scheduler(settings: Settings) -> TrialScheduler:
    """ASHA beside TPE; a random search stays exact at any concurrency and stops no trial."""
    if settings.sampler == "random":
        return FIFOScheduler()
    chosen = objective(settings.objective)
    return ASHAScheduler(
        time_attr="epoch",
        metric=chosen.name,
        mode=chosen.direction,
        max_t=_MAX_EPOCHS,
        grace_period=_GRACE_EPOCHS,
        reduction_factor=_REDUCTION,
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Tune's own output, and what Tune would write for each trial."""
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    wanted = {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
        "TUNE_DISABLE_SIGINT_HANDLER": "1",
        "RAY_AIR_NEW_OUTPUT": "0",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _on_ctrl_c(stop: _Stop) -> Iterator[None]:
    """The first Ctrl-C ends the search cleanly, a second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop.interrupt(INTERRUPTED)
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
