"""Trials of mixed hyperparameters through Tune, against the same trials one actor each.

The trials are the same, to rounding: the published random search of the MLP, by index. Unpacked,
each trial has an actor of its own and its networks are trained one by one in torch; that is
raysearch's own code without what it does to be fast. The second baseline has the compiled kernel,
so that the ratio to it is what reused actors and packs alone bring.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ray
from ray import tune

from raysearch.benchmarks.measurement import Measurement, measured
from raysearch.benchmarks.plain import make_problem
from raysearch.detectors.mlp import MLPDetector
from raysearch.judge import Judge
from raysearch.samples import TwoSample
from raysearch.settings import Resources, Settings
from raysearch.trial import Setup, trial_members
from raysearch.tuning.cluster import connected
from raysearch.tuning.history import History
from raysearch.tuning.run import run_search
from raysearch.tuning.task import Task
from raysearch.tuning.tuned import quiet

_TARGET = 2.5


class Size(NamedTuple):
    """How much is trained; rows for training, as many for validation, fewer for the test."""

    trials: int = 32
    repeats: int = 3
    rows: int = 30_000
    test: int = 21_000
    runs: int = 3


QUICK = Size(2, 1, 500, 500, 1)


def measure(*, quick: bool = False) -> list[Measurement]:
    """Wall time of the same trials in both ways; starts Ray unless there is one."""
    size = QUICK if quick else Size()
    settings = Settings(space="mlp", sampler="random", trials=size.trials, repeats=size.repeats)
    with connected(None):
        task = _task(size, settings)
        ways: dict[str, list[float]] = {"ours": [], "eager": [], "native": []}
        for _ in range(size.runs):
            ways["ours"].append(_searched_s(task, settings))
            for engine in ("eager", "native"):
                ways[engine].append(_unpacked_s(task, settings, engine))
    return [
        _compared(size, ways, "eager", "the same, one actor each, unpacked, in torch", _TARGET),
        _compared(size, ways, "native", "the same, one actor each, unpacked, compiled", None),
    ]


def _compared(
    size: Size, ways: Mapping[str, list[float]], engine: str, against: str, target: float | None
) -> Measurement:
    ratios = [other / own for other, own in zip(ways[engine], ways["ours"], strict=True)]
    name = f"{size.trials} MLP trials x {size.repeats} of mixed hyperparameters through Tune"
    detail = f"{min(ways['ours']):.1f} against {min(ways[engine]):.1f} s wall, the best of each"
    return measured(name, ratios, against, target, detail)


def _task(size: Size, settings: Settings) -> Task:
    problem = make_problem(2 * size.rows, 2, size.test)
    columns = tuple(f"x{i}" for i in range(problem.train.features.shape[1]))
    mjj = problem.train.features[:, 0]
    sample = TwoSample(
        problem.train, mjj, columns, problem.test.features, problem.test.is_data, mjj[: size.test]
    )
    return Task(ray.put(sample), settings.mode, settings.features, settings.repeats, settings.seed)


def _searched_s(task: Task, settings: Settings) -> float:
    """Wall seconds of the search as raysearch runs it."""
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), settings)
        started = time.perf_counter()
        resources = Resources(backend="tune")
        run_search(history, task, settings, resources, _ignore, _ignore)
        return time.perf_counter() - started


def _ignore(*_: object) -> None:
    """Nobody has to hear of each trial."""


def _unpacked_s(task: Task, settings: Settings, engine: str) -> float:
    """Wall seconds of the same setups, an actor for each."""
    setups = _setups(settings)
    trainable = tune.with_parameters(_Unpacked, task=task, setups=setups, engine=engine)
    started = time.perf_counter()
    with quiet(), tempfile.TemporaryDirectory() as folder:
        tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1}),
            param_space={"index": tune.grid_search(list(setups))},
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()
    return time.perf_counter() - started


def _setups(settings: Settings) -> dict[int, Setup]:
    """What the search would try, by index."""
    from raysearch.spaces import lookup

    space = lookup(settings.space)
    with tempfile.TemporaryDirectory() as folder:
        history, found = History(Path(folder), settings), {}
        for _ in range(settings.trials):
            index, trial = history.ask()
            config = space(trial)
            found[index] = Setup(
                settings.mode, settings.features, config["detector"], config["parameters"]
            )
    return found


class _Unpacked(tune.Trainable):
    """One trial: its networks one after another."""

    def setup(
        self, config: dict[str, Any], task: Task, setups: dict[int, Setup], engine: str
    ) -> None:
        """Fetch the events."""
        self._sample: TwoSample = ray.get(task.sample)
        self._task, self._setup = task, setups[config["index"]]
        self._index, self._engine = config["index"], engine

    def step(self) -> dict[str, Any]:
        """The whole trial."""
        task, sample = self._task, self._sample
        for member in trial_members(sample, task.repeats, task.seed, self._index):
            judge = Judge(sample, [member])
            fit = MLPDetector(engine=self._engine).fit
            for snapshot in fit(sample.rows, [member], [self._setup.parameters]):
                judge.values(snapshot)
        return {"done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing to save."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing to load."""
