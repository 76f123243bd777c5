"""The Tune backend: Ray Tune schedules the trials."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import ray
from ray import tune

from raysearch.objectives import objective
from raysearch.packs import joins_packs
from raysearch.samples import TwoSample, View
from raysearch.settings import Resources, Settings
from raysearch.trial import Setup
from raysearch.tuning.book import Book
from raysearch.tuning.cluster import renew, room
from raysearch.tuning.devices import hide_unassigned_gpus
from raysearch.tuning.ending import Ending
from raysearch.tuning.limit import Limit
from raysearch.tuning.race_scheduler import RaceScheduler
from raysearch.tuning.searcher import HistorySearch
from raysearch.tuning.task import Task
from raysearch.tuning.trainable import TrialActor
from raysearch.tuning.trainer import Trainer

# Tune gives a trial again whose worker died, but not one whose worker died between two trials: such
# trials are left over and run in the next round.
WORKER_DEATHS = 2
ROUNDS = 3
# Rounds in a row that ended since the events were lost, and in which no trial ended.
_MOST_LOSSES = 20
# Setups of a random search that wait for a worker: whichever is free next finds one made.
_AHEAD = "4"
# Each of Tune's trials is a process of some 300 MB.
_MOST_TOGETHER = 8


class _Stop(tune.Stopper):
    """Ends the experiment when the ending is due. Tune asks between steps."""

    def __init__(self, search: HistorySearch, ending: Ending) -> None:
        self._search, self._ending = search, ending

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never ends a single trial."""
        return False

    def stop_all(self) -> bool:
        """True once there is a reason; also where ends of earlier turns are written."""
        self._search.turn()
        self._search.interrupted |= self._ending.is_due
        return self._search.interrupted

    def __getstate__(self) -> dict[str, Any]:
        """Empty: not ours to restore."""
        return {}


def run_tuned(
    book: Book, task: Task, settings: Settings, resources: Resources, ending: Ending
) -> None:
    """Run what is left of the study until none is left or the ending is due.

    Args:
        book: where setups come from and ends are entered.
        task: what the trials share.
        settings: of the study.
        resources: of a trial.
        ending: asked between steps.

    Raises:
        RuntimeError: if the events are lost again and again; what was left stays open.
    """
    task = replace(task, capacity=min(task.capacity, _MOST_TOGETHER))
    ahead = _AHEAD if settings.sampler == "random" else "auto"
    with quiet(TUNE_MAX_PENDING_TRIALS_PG=ahead), tempfile.TemporaryDirectory() as scratch:
        deaths = losses = 0
        while deaths < ROUNDS and (left := book.history.left) and not ending.is_due:
            search = HistorySearch(book, objective(settings.objective))
            with _trainers(task, resources.gpus_per_trial) as trainers:
                told = replace(task, trainers=trainers)
                _tuner(search, told, settings, resources, ending, scratch).fit()
            if search.broken:
                raise search.broken
            book.reopen()
            renew(task.samples)
            # Of lost events no trial dies.
            deaths += search.lost is None
            losses = 0 if search.lost is None or book.history.left < left else losses + 1
            if losses == _MOST_LOSSES:
                raise RuntimeError(f"the events were lost {losses} times in a row: {search.lost}")


class _TrainerActor(Trainer):
    """A trainer in a process of its own."""

    def __init__(self, samples: Mapping[View, TwoSample], task: Task) -> None:
        hide_unassigned_gpus()
        super().__init__(samples, task)


@contextmanager
def _trainers(task: Task, gpus_per_trial: float) -> Iterator[tuple[Any, ...]]:
    """One trainer for each device while trials are trained in packs, else none."""
    if task.capacity == 1:
        yield ()
        return
    threads = 2 * task.capacity + 1  # one call that waits, one that ends, for each trial
    needs = {"num_gpus": gpus_per_trial, "max_restarts": -1, "max_concurrency": threads}
    make = ray.remote(**needs)(_TrainerActor)
    arguments = (task.samples, task)
    found = tuple(make.options(num_cpus=0).remote(*arguments) for _ in range(room(gpus_per_trial)))
    try:
        yield found
    finally:
        for trainer in found:
            ray.kill(trainer)


def _tuner(
    search: HistorySearch,
    task: Task,
    settings: Settings,
    resources: Resources,
    ending: Ending,
    scratch: str,
) -> tune.Tuner:
    needs = partial(_needs, gpus=resources.gpus_per_trial)
    if task.trainers:
        needs = partial(_beside_trainers, capacity=task.capacity)
    trainable = tune.with_resources(tune.with_parameters(TrialActor, task=task), needs)
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=search,
            scheduler=RaceScheduler(search.race()),
            num_samples=search.left,
            max_concurrent_trials=task.capacity * len(task.trainers) or None,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="search",
            storage_path=scratch,
            stop=_Stop(search, ending),
            callbacks=[] if task.timeout_s is None else [Limit(task.timeout_s, search)],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=WORKER_DEATHS),
            verbose=0,
        ),
    )


def _beside_trainers(config: Mapping[str, Any], capacity: int) -> tune.PlacementGroupFactory:
    """What a trial needs where trainers hold the GPUs.

    Trainers have no CPU of their own: a trial that waits for one brings its share of it, and one
    that no pack would gain from, as of trees, trains by itself.
    """
    return tune.PlacementGroupFactory([{"CPU": 1 / capacity if _is_network(config) else 1.0}])


def _needs(config: Mapping[str, Any], gpus: float) -> tune.PlacementGroupFactory:
    """What a trial needs: networks go where GPUs are, trees to any CPU."""
    of_gpu = {"GPU": gpus} if gpus and _is_network(config) else {}
    return tune.PlacementGroupFactory([{"CPU": 1.0, **of_gpu}])


def _is_network(config: Mapping[str, Any]) -> bool:
    return joins_packs(Setup("", "", config["detector"], config["parameters"]))


@contextmanager
def quiet(**further: str) -> Iterator[None]:
    """Silence Tune's own output, and what Tune would write for each trial.

    Args:
        further: variables of the environment that Tune reads.
    """
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    wanted = {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
        "TUNE_DISABLE_SIGINT_HANDLER": "1",
        "RAY_AIR_NEW_OUTPUT": "0",
        **further,
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
