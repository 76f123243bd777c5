"""What a trial costs beyond its training, for trials of 0.1, 1 and 10 s, and what TPE costs.

Trials sleep. The overhead of one is the time a worker is not asleep between the first and the last
end of a trial, over their number, so that starting workers does not count. The baseline is Ray
Tune with reused actors, random search and nothing else: no study file, no metrics. Backends
alternate within one run, so that a busy machine slows all of them.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import ray
from ray import tune

from raysearch.benchmarks.measurement import Measurement, cpu_s, measured
from raysearch.benchmarks.sleepers import SLEEP_S, SPACE, sample, sleeping_workers
from raysearch.records import Record
from raysearch.settings import Resources, Settings
from raysearch.tuning.history import History
from raysearch.tuning.run import run_search
from raysearch.tuning.task import Task
from raysearch.tuning.tuned import quiet
from raysearch.tuning.window import WINDOW
from search_spaces.weak_supervision import space as conditional

WORKERS = 2
_SUGGESTION_S = 0.02


class Size(NamedTuple):
    """Trials of each length in seconds, finished trials at which a suggestion is timed, runs."""

    trials: Mapping[float, int]
    finished: tuple[int, ...]
    runs: int


FULL = Size({0.1: 60, 1.0: 16, 10.0: 4}, (100, 1000, 5000), 3)
QUICK = Size({0.05: 6}, (20,), 1)


class Bare(tune.Trainable):
    """Sleeps once; reused."""

    def setup(self, config: dict[str, Any]) -> None:
        """Keep the seconds."""
        self._seconds = config["seconds"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial."""
        self._seconds = new_config["seconds"]
        return True

    def step(self) -> dict[str, Any]:
        """Sleep; the trial is over."""
        time.sleep(self._seconds)
        return {"value": 1.0, "done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing to save."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing to load."""


class _Ends(tune.Callback):
    """Notes when trials end."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


def bare(seconds: float, trials: int) -> list[float]:
    """When trials of Ray Tune with nothing of ours ended."""
    ends = _Ends()
    with quiet(), tempfile.TemporaryDirectory() as folder:
        tune.Tuner(
            tune.with_resources(Bare, {"cpu": 1}),
            param_space={"seconds": seconds, "x": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(num_samples=trials, reuse_actors=True),
            run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[ends]),
        ).fit()
    return ends.times


def ours(backend: str, seconds: float, trials: int, sampler: str = "random") -> list[float]:
    """When trials of one of our backends were on disk."""
    os.environ[SLEEP_S] = str(seconds)
    settings = Settings(trials=trials, repeats=1, sampler=sampler, space=SPACE)
    ends: list[float] = []

    def note(index: int, record: Record) -> None:
        if record.state != "COMPLETE":
            raise RuntimeError(f"trial {index} must be complete, but is {record}")
        ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), settings)
        task = Task(ray.put(sample()), settings.mode, settings.features, 1, settings.seed)
        run_search(history, task, settings, Resources(backend=backend), note, _hear)
    return ends


def _hear(line: str) -> None:
    """Nobody has to be told of the backend."""


def overhead_s(ends: Sequence[float], seconds: float, workers: int = WORKERS) -> float:
    """Seconds that a worker is not asleep for each trial, after the first ones have ended."""
    ends = sorted(ends)[workers - 1 :]
    return (ends[-1] - ends[0]) * workers / (len(ends) - 1) - seconds


def ask_tell_s(finished: int, window: int | None, asks: int = 20) -> float:
    """CPU seconds of a suggestion and its end at so many finished trials; median."""
    rng = np.random.default_rng(finished)
    with tempfile.TemporaryDirectory() as folder:
        _fill(History(Path(folder), _settings("random", finished + asks)), finished, rng)
        history = History(Path(folder), _settings("tpe", finished + asks), window)
        return statistics.median(cpu_s(partial(_one, history, rng)) for _ in range(asks))


def _settings(sampler: str, trials: int) -> Settings:
    return Settings(trials=trials, sampler=sampler)


def _fill(history: History, trials: int, rng: np.random.Generator) -> None:
    for _ in range(trials):
        _one(history, rng, commit=False)
    history.commit()


def _one(history: History, rng: np.random.Generator, commit: bool = True) -> None:
    _, trial = history.ask()
    conditional(trial)
    history.begin(trial)
    record = Record("COMPLETE", {"val_sic": [rng.normal()]}, 1, 0.1, None, "hgb")
    history.finish(trial, record)
    if commit:
        history.commit()


def measure(*, quick: bool = False) -> list[Measurement]:
    """Overhead of our backends relative to another, and TPE's cost relative to 20 ms.

    Ratios are "how many times less".
    """
    size = QUICK if quick else FULL
    with sleeping_workers(WORKERS):
        found = [m for s, trials in size.trials.items() for m in _backends(s, trials, size.runs)]
    return found + [_suggestion(finished, size.runs) for finished in size.finished]


def _backends(seconds: float, trials: int, runs: int) -> list[Measurement]:
    found: dict[str, list[float]] = {"bare": [], "tune": [], "direct": []}
    for _ in range(runs):
        found["bare"].append(overhead_s(bare(seconds, trials), seconds))
        for backend in ("tune", "direct"):
            found[backend].append(overhead_s(ours(backend, seconds, trials), seconds))
    name = f"overhead of a {seconds:g} s trial"
    least = 5.0 if seconds < 2 else None
    return [
        _times_less(f"{name}, Tune backend", found["tune"], found["bare"], "bare Ray Tune", 1.0),
        _times_less(f"{name}, direct", found["direct"], found["tune"], "Tune backend", least),
    ]


def _suggestion(finished: int, runs: int) -> Measurement:
    seconds = [ask_tell_s(finished, WINDOW) for _ in range(runs)]
    name = f"TPE suggestion and end at {finished} trials"
    return _times_less(name, seconds, [_SUGGESTION_S] * runs, "20 ms CPU", 1.0)


def _times_less(
    name: str, ours: Sequence[float], theirs: Sequence[float], against: str, target: float | None
) -> Measurement:
    # Less than a tenth of a millisecond cannot be told from the clock of a sleeping process.
    ratios = [their / max(our, 1e-4) for our, their in zip(ours, theirs, strict=True)]
    detail = f"{1e3 * statistics.median(ours):.2f} against {1e3 * statistics.median(theirs):.2f} ms"
    return measured(name, ratios, f"less than {against}", target, detail)
