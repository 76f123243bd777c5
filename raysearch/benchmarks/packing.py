"""Trials of mixed hyperparameters through Tune, against the same trials one actor each.

The trials are the same, to rounding: the published random search of the MLP, by index. Unpacked,
each trial has an actor of its own, which trains the trial's repeats as one batch by raysearch's
torch code: the way without reused actors, without packs across trials and without the compiled
kernel. The second baseline has the kernel, so that the ratio to it is what reused actors bring.
What packs across trials bring is measured by torch code in all workers, packed and not.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from optuna.trial import BaseTrial
from ray import tune

from raysearch.benchmarks.measurement import Measurement, measured
from raysearch.benchmarks.plain import FEATURES, HIDDEN, make_problem
from raysearch.benchmarks.workers import add_detectors, workers_that
from raysearch.detectors.mlp import MLPDetector
from raysearch.joint import as_setup, joint_space
from raysearch.samples import TwoSample
from raysearch.settings import Resources, Settings
from raysearch.training.layout import Layout
from raysearch.training.memory import GIB, Workload
from raysearch.training.memory import expected_packs as expected_text
from raysearch.trial import Setup, run_trial
from raysearch.tuning.cluster import share
from raysearch.tuning.history import History
from raysearch.tuning.run import run_search
from raysearch.tuning.task import Task
from raysearch.tuning.tuned import quiet
from search_spaces.mlp import space as published

_TARGET = 2.5
_PACKED = 8
# The detector that trains in torch even where the compiled kernel is, and its search.
EAGER = "mlp_eager"
EAGER_SPACE = f"{__name__}:eager_space"


def install() -> None:
    """Put the detector that trains in torch among the known ones of this process."""
    add_detectors({EAGER: MLPDetector(engine="eager")})


def eager_space(trial: BaseTrial) -> dict[str, Any]:
    """The published search, trained in torch."""
    return {**published(trial), "detector": EAGER}


class Size(NamedTuple):
    """How much is trained; rows for training, as many for validation, fewer for the test."""

    trials: int = 32
    repeats: int = 3
    rows: int = 10_000
    test: int = 7_000
    runs: int = 2


QUICK = Size(2, 1, 500, 500, 1)


def measure(*, quick: bool = False) -> list[Measurement]:
    """Wall time of the same trials in several ways; starts a Ray of its own."""
    size = QUICK if quick else Size()
    with workers_that(f"{__name__}.install"):
        taken = _timed(size)
    what = f"{size.trials} MLP trials x {size.repeats} of mixed hyperparameters"
    alone = "the same, one actor each, unpacked, its repeats as one batch"
    through = partial(_compared, f"{what} through Tune", taken, "ours")
    packs = partial(_compared, f"{what} in torch, packs of up to {_PACKED}", taken, "packed")
    return [
        through(EAGER, f"{alone} in torch", _TARGET),
        through("mlp", f"{alone}, compiled", None),
        packs("single", "the same without packs", None),
        expected_packs(),
    ]


def _timed(size: Size) -> dict[str, list[float]]:
    """Wall seconds of each way in each run; the ways alternate."""
    compiled, eager = (
        Settings(space=space, sampler="random", trials=size.trials, repeats=size.repeats)
        for space in ("mlp", EAGER_SPACE)
    )
    task = _task(size, compiled)
    ways = {
        "ours": partial(_searched_s, task, compiled, Resources(backend="tune")),
        EAGER: partial(_unpacked_s, task, eager),
        "mlp": partial(_unpacked_s, task, compiled),
        # By the direct backend, where a pack costs no further process.
        "packed": partial(_searched_s, task, eager, _direct(_PACKED)),
        "single": partial(_searched_s, task, eager, _direct(1)),
    }
    rounds = [{name: way() for name, way in ways.items()} for _ in range(size.runs)]
    return {name: [taken[name] for taken in rounds] for name in ways}


def _direct(trials_per_pack: int) -> Resources:
    return Resources(backend="direct", trials_per_pack=trials_per_pack)


def _compared(
    name: str,
    taken: Mapping[str, list[float]],
    own: str,
    other: str,
    against: str,
    target: float | None,
) -> Measurement:
    ratios = [their / our for our, their in zip(taken[own], taken[other], strict=True)]
    detail = f"{min(taken[own]):.1f} against {min(taken[other]):.1f} s wall, the best of each"
    return measured(name, ratios, against, target, detail)


def expected_packs() -> Measurement:
    """How many networks two usual GPUs would hold, by the memory model; nothing is run."""
    workload = Workload(Layout(FEATURES, HIDDEN), 128, 60_000, 60_000, table_rows=120_000)
    small, large = (workload.largest_pack(gib * GIB, judged=10) for gib in (16, 80))
    name = "expected pack on a GPU of 80 GiB, by the memory model"
    return measured(name, [large / small], "16 GiB", None, expected_text(workload, judged=10))


def _task(size: Size, settings: Settings) -> Task:
    problem = make_problem(2 * size.rows, 2, size.test)
    columns = tuple(f"x{i}" for i in range(problem.train.features.shape[1]))
    mjj = problem.train.features[:, 0]
    sample = TwoSample(
        problem.train, mjj, columns, problem.test.features, problem.test.is_data, mjj[: size.test]
    )
    return Task(share(dict.fromkeys(settings.views, sample)), settings.repeats, settings.seed)


def _searched_s(task: Task, settings: Settings, resources: Resources) -> float:
    """Wall seconds of the search as raysearch runs it."""
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), settings)
        started = time.perf_counter()
        run_search(history, task, settings, resources, _ignore, _ignore)
        seconds = time.perf_counter() - started
        if any(record.state != "COMPLETE" for _, record in history.records().values()):
            raise RuntimeError("every trial must be complete, but one is not")
    return seconds


def _ignore(*_: object) -> None:
    """Nobody has to hear of each trial."""


def _unpacked_s(task: Task, settings: Settings) -> float:
    """Wall seconds of the same setups, an actor for each."""
    setups = _setups(settings)
    trainable = tune.with_parameters(_Unpacked, task=task, setups=setups)
    started = time.perf_counter()
    with quiet(), tempfile.TemporaryDirectory() as folder:
        results = tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1}),
            param_space={"index": tune.grid_search(list(setups))},
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()
    if results.errors:
        raise results.errors[0]
    return time.perf_counter() - started


def _setups(settings: Settings) -> dict[int, Setup]:
    """What the search would try, by index."""
    space = joint_space(settings)
    with tempfile.TemporaryDirectory() as folder:
        history, found = History(Path(folder), settings), {}
        while asked := history.ask():
            index, trial = asked
            found[index] = as_setup(space(trial))
    return found


class _Unpacked(tune.Trainable):
    """One trial, its repeats trained as one batch."""

    def setup(self, config: dict[str, Any], task: Task, setups: dict[int, Setup]) -> None:
        """Look up what is to be trained."""
        self._task, self._index = task, config["index"]
        self._setup = setups[self._index]

    def step(self) -> dict[str, Any]:
        """The whole trial."""
        run_trial(
            self._setup,
            self._task.samples[self._setup.view],
            repeats=self._task.repeats,
            seed=self._task.seed,
            index=self._index,
        )
        return {"done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing to save."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing to load."""
