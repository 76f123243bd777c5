"""What a trial costs beyond its training, for trials of 0.1, 1 and 10 s, and what TPE costs.

Trials sleep. The overhead of one is the time between the sleeps of two trials in the same worker,
on average, so that starting workers does not count, but ours compute their metrics in it. The
baseline is Ray Tune with reused actors, random search and nothing else: no study file, no metrics.
Backends alternate within one run, so that a busy machine slows all of them.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ray import tune

from raysearch.benchmarks.measurement import Measurement, cpu_s, measured
from raysearch.benchmarks.sleepers import (
    EPOCHS,
    SPACE,
    SPACE_OF_EPOCHS,
    overhead_s,
    sample,
    sleep,
    sleeping_workers,
    told,
)
from raysearch.records import Record
from raysearch.settings import Resources, Settings
from raysearch.tuning.cluster import share
from raysearch.tuning.history import History
from raysearch.tuning.run import run_search
from raysearch.tuning.task import Task
from raysearch.tuning.tuned import quiet
from raysearch.tuning.window import WINDOW
from search_spaces.weak_supervision import space as conditional

WORKERS = 2
_SUGGESTION_S = 0.02


class Size(NamedTuple):
    """Trials of each length in seconds, finished trials at which a suggestion is timed, runs.

    Of two lengths trials are also suggested by TPE, and slept in epochs that are each judged.
    """

    trials: Mapping[float, int]
    by_tpe: float
    in_epochs: float
    finished: tuple[int, ...]
    runs: int


FULL = Size({0.1: 60, 1.0: 16, 10.0: 4}, 0.1, 1.0, (100, 1000, 5000), 3)
QUICK = Size({0.05: 6}, 0.05, 0.05, (20,), 1)


class Bare(tune.Trainable):
    """Sleeps once; reused."""

    def setup(self, config: dict[str, Any]) -> None:
        """Keep what to do."""
        self._config = config

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial."""
        self._config = new_config
        return True

    def step(self) -> dict[str, Any]:
        """Sleep; the trial is over."""
        sleep(self._config["seconds"], self._config["log"])
        return {"value": 1.0, "done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing to save."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing to load."""


def bare(seconds: float, trials: int) -> float:
    """Overhead of a trial of Ray Tune with nothing of ours, in seconds."""
    with quiet(), tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "sleeps")
        tune.Tuner(
            tune.with_resources(Bare, {"cpu": 1}),
            param_space={"seconds": seconds, "log": str(log), "x": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(num_samples=trials, reuse_actors=True),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()
        return overhead_s(log)


def ours(backend: str, seconds: float, trials: int, sampler: str, space: str) -> float:
    """Overhead of a trial of one of our backends, in seconds."""
    settings = Settings(trials=trials, repeats=1, sampler=sampler, space=space)

    def note(index: int, record: Record) -> None:
        if record.state != "COMPLETE":
            raise RuntimeError(f"trial {index} must be complete, but is {record}")

    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "sleeps")
        history = History(Path(folder), settings)
        task = Task(share(dict.fromkeys(settings.views, sample())), 1, settings.seed)
        with told(seconds, log):
            run_search(history, task, settings, Resources(backend=backend), note, _hear)
        return overhead_s(log, EPOCHS if space == SPACE_OF_EPOCHS else 1)


def _hear(line: str) -> None:
    """Nobody has to be told of the backend."""


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
    asked = history.ask()
    if asked is None:
        raise RuntimeError("a trial must be left to be timed, but none is")
    trial = asked[1]
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
    kinds = [(seconds, "random", SPACE) for seconds in size.trials]
    kinds += [(size.by_tpe, "tpe", SPACE), (size.in_epochs, "random", SPACE_OF_EPOCHS)]
    with sleeping_workers(WORKERS):
        found = [m for kind in kinds for m in _backends(*kind, size.trials[kind[0]], size.runs)]
    return found + [_suggestion(finished, size.runs) for finished in size.finished]


def _backends(
    seconds: float, sampler: str, space: str, trials: int, runs: int
) -> list[Measurement]:
    found: dict[str, list[float]] = {"bare": [], "tune": [], "direct": []}
    for _ in range(runs):
        found["bare"].append(bare(seconds, trials))
        for backend in ("tune", "direct"):
            found[backend].append(ours(backend, seconds, trials, sampler, space))
    name = f"overhead of a {seconds:g} s trial"
    name += f" of {EPOCHS} epochs" if space == SPACE_OF_EPOCHS else ""
    name += " suggested by TPE" if sampler == "tpe" else ""
    # What is asked is asked of trials judged once: the metrics of 20 epochs are no backend's fault.
    asked = (1.0, 5.0 if seconds < 2 else None) if space == SPACE else (None, None)
    return [
        _times_less(
            f"{name}, Tune backend", found["tune"], found["bare"], "bare Ray Tune", asked[0]
        ),
        _times_less(f"{name}, direct", found["direct"], found["tune"], "Tune backend", asked[1]),
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
