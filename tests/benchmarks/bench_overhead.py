"""What a trial costs beyond its training, for trials of 0.1, 1 and 10 s, and what TPE costs.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_overhead.py [--long]

Trials sleep. The overhead of one is the time a worker is not asleep between the first and the last
end of a trial, over their number, so that starting workers does not count. The baseline is Ray
Tune with reused actors, random search and nothing else: no study file, no metrics. Backends
alternate within one run, so that a busy machine slows all of them.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import ray
import sleepers
from ray import tune

from raysearch.records import Record
from raysearch.settings import Resources, Settings
from raysearch.tuning.history import History
from raysearch.tuning.run import run_search
from raysearch.tuning.task import Task
from search_spaces.weak_supervision import space as conditional

WORKERS = 2
# Seconds of a trial -> trials in a run.
TRIALS = {0.1: 60, 1.0: 16}
LONG = {10.0: 6}
_RUNS = 3


class Bare(tune.Trainable):
    """Sleeps once; reused."""

    def setup(self, config: dict) -> None:
        """Keep the seconds."""
        self._seconds = config["seconds"]

    def reset_config(self, new_config: dict) -> bool:
        """Take the next trial."""
        self._seconds = new_config["seconds"]
        return True

    def step(self) -> dict:
        """Sleep; the trial is over."""
        time.sleep(self._seconds)
        return {"value": 1.0, "done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing."""


class _Ends(tune.Callback):
    """Notes when trials end."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_trial_complete(self, iteration: int, trials: list, trial: object, **_: object) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


def bare(seconds: float, trials: int) -> list[float]:
    """When trials of Ray Tune with nothing of ours ended."""
    ends = _Ends()
    with tempfile.TemporaryDirectory() as folder:
        tune.Tuner(
            tune.with_resources(Bare, {"cpu": 1}),
            param_space={"seconds": seconds, "x": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(num_samples=trials, reuse_actors=True),
            run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[ends]),
        ).fit()
    return ends.times


def ours(backend: str, seconds: float, trials: int, sampler: str = "random") -> list[float]:
    """When trials of one of our backends were on disk."""
    os.environ["SLEEP_S"] = str(seconds)
    settings = Settings(trials=trials, repeats=1, sampler=sampler, space="sleepers:space")
    ends: list[float] = []

    def note(index: int, record: Record) -> None:
        if record.state != "COMPLETE":
            raise RuntimeError(f"trial {index} must be complete, but is {record}")
        ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), settings)
        task = Task(ray.put(sleepers.sample()), settings.mode, settings.features, 1, settings.seed)
        run_search(history, task, settings, Resources(backend=backend), note, print)
    return ends


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
        return statistics.median(cpu_s(lambda: _one(history, rng)) for _ in range(asks))


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


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(
    trials: dict[float, int] = TRIALS,
    runs: int = _RUNS,
    finished: Sequence[int] = (100, 1000, 5000),
) -> list[dict]:
    """Overhead of our backends relative to another, and TPE's cost relative to 20 ms.

    Returns:
        Entries of name, ratio (median over the runs), against, target, spread (smallest and
        largest ratio) and seconds (median overhead or CPU time). Ratios are "how many times less".
    """
    alone = not ray.is_initialized()
    if alone:
        sleepers.start(WORKERS)
    try:
        entries = [e for seconds, n in trials.items() for e in _backends(seconds, n, runs)]
    finally:
        if alone:
            ray.shutdown()
    return entries + [_suggestion(n, runs) for n in finished]


def _backends(seconds: float, trials: int, runs: int) -> list[dict]:
    found: dict[str, list[float]] = {"bare": [], "tune": [], "direct": []}
    for _ in range(runs):
        found["bare"].append(overhead_s(bare(seconds, trials), seconds))
        for backend in ("tune", "direct"):
            found[backend].append(overhead_s(ours(backend, seconds, trials), seconds))
    name = f"overhead of a {seconds:g} s trial"
    least = 5.0 if seconds < 2 else 1.0
    return [
        _entry(f"{name}, Tune backend", found["tune"], found["bare"], "bare Ray Tune", 1.0),
        _entry(f"{name}, direct backend", found["direct"], found["tune"], "Tune backend", least),
    ]


def _suggestion(finished: int, runs: int) -> dict:
    seconds = [ask_tell_s(finished, 250) for _ in range(runs)]
    name = f"TPE suggestion and end at {finished} trials"
    return _entry(name, seconds, [0.02] * runs, "20 ms CPU", 1.0)


def _entry(
    name: str, ours: Sequence[float], theirs: Sequence[float], against: str, target: float
) -> dict:
    # Less than a tenth of a millisecond cannot be told from the clock of a sleeping process.
    ratios = [their / max(our, 1e-4) for our, their in zip(ours, theirs, strict=True)]
    return {
        "name": name,
        "ratio": statistics.median(ratios),
        "against": against,
        "target": target,
        "spread": (min(ratios), max(ratios)),
        "seconds": statistics.median(ours),
        "baseline_seconds": statistics.median(theirs),
    }


def main() -> None:
    """Print a table and exit with 1 if a target is missed."""
    results = measure({**TRIALS, **LONG} if "--long" in sys.argv else TRIALS)
    for r in results:
        low, high = r["spread"]
        line = f"{r['name']:44s} {r['ratio']:6.2f} ({low:.2f}-{high:.2f}) x less than "
        print(f"{line}{r['against']}, target {r['target']}")
        print(f"    {1e3 * r['seconds']:.2f} against {1e3 * r['baseline_seconds']:.2f} ms")
    sys.exit(any(r["ratio"] < r["target"] for r in results))


if __name__ == "__main__":
    main()
