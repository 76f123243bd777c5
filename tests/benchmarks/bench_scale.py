"""How the direct backend's cost grows with the number of trials and of workers.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_scale.py trials [10 100 1000 10000]
     OMP_NUM_THREADS=1 python tests/benchmarks/bench_scale.py workers [1 2 4 8 16 32 64]

Trials sleep. With `trials` they do nothing and the sampler is TPE or random: driver CPU and wall
time a trial, how much the driver has grown and what lies on disk. With `workers` each sleeps for a
second: the share of the workers' time that is sleep, while all of them run.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from raysearch.benchmarks.sleepers import SPACE, sample, sleeping_workers, told
from raysearch.records import Record, write_trials
from raysearch.settings import Resources, Settings
from raysearch.tuning.cluster import share
from raysearch.tuning.history import History
from raysearch.tuning.run import run_search
from raysearch.tuning.task import Task

_SLEEP_S = 1.0
# Workers start one after another, for minutes if there are many: only the middle is counted.
_TRIALS_EACH, _FIRST_EACH, _LAST_EACH = 30, 15, 5


def run(folder: Path, trials: int, seconds: float, sampler: str) -> list[float]:
    """When each trial ended."""
    settings = Settings(trials=trials, repeats=1, sampler=sampler, space=SPACE)
    ends: list[float] = []

    def note(index: int, record: Record) -> None:
        ends.append(time.perf_counter())

    history = History(folder, settings)
    task = Task(share(dict.fromkeys(settings.views, sample())), 1, settings.seed)
    with told(seconds):
        run_search(history, task, settings, Resources(backend="direct"), note, print)
    write_trials(folder / "trials.parquet", history.records())
    return ends


def with_trials(trials: int, sampler: str) -> dict[str, float]:
    """Cost of a trial that does nothing."""
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        memory, cpu = process.memory_info().rss, time.process_time()
        ends = run(folder, trials, 0.0, sampler)
        cpu = time.process_time() - cpu
        grown = process.memory_info().rss - memory
        disk = sum(path.stat().st_size for path in folder.iterdir())
        opening = time.process_time()
        History(folder, Settings(trials=trials, sampler=sampler, space=SPACE))
        opening = time.process_time() - opening
    return {
        "cpu_ms_per_trial": 1e3 * cpu / trials,
        "wall_ms_per_trial": 1e3 * (ends[-1] - ends[0]) / max(1, trials - 1),
        "driver_kb_per_trial": grown / trials / 1e3,
        "disk_kb_per_trial": disk / trials / 1e3,
        "reopening_cpu_s": opening,
    }


def with_workers(workers: int) -> dict[str, float]:
    """How well so many workers are kept busy."""
    trials = workers * _TRIALS_EACH
    with tempfile.TemporaryDirectory() as folder:
        started, cpu = time.perf_counter(), time.process_time()
        ends = run(Path(folder), trials, _SLEEP_S, "random")
        cpu = time.process_time() - cpu
    busy = ends[_FIRST_EACH * workers - 1 : -_LAST_EACH * workers]
    rate = (len(busy) - 1) / (busy[-1] - busy[0]) if len(busy) > 1 else float("nan")
    return {
        "share_asleep": rate * _SLEEP_S / workers,
        "driver_cpu_ms_per_trial": 1e3 * cpu / trials,
        "first_end_s": ends[0] - started,
    }


def _print(key: str, rows: Sequence[tuple[object, dict[str, float]]]) -> None:
    names = list(rows[0][1])
    print(f"{key:>16s}  " + "  ".join(f"{name:>20s}" for name in names))
    for label, row in rows:
        print(f"{label!s:>16s}  " + "  ".join(f"{row[name]:20.3g}" for name in names))


def main() -> None:
    """Print one table."""
    what, *numbers = sys.argv[1:] or ["trials"]
    if what == "trials":
        rows = []
        with sleeping_workers(2):
            with_trials(4, "random")
            for trials in map(int, numbers or ["10", "100", "1000", "10000"]):
                for sampler in ("random", "tpe"):
                    rows.append((f"{trials} {sampler}", with_trials(trials, sampler)))
        _print("trials", rows)
        return
    rows = []
    for workers in map(int, numbers or ["1", "2", "4", "8", "16", "32", "64"]):
        with sleeping_workers(workers):
            rows.append((workers, with_workers(workers)))
    _print("workers", rows)


if __name__ == "__main__":
    main()
