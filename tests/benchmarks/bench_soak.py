"""Studies under fire: workers that are killed every few seconds, and drivers at random moments.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_soak.py workers [TRIALS]
     OMP_NUM_THREADS=1 python tests/benchmarks/bench_soak.py drivers [KILLS]

Trials sleep a tenth of a second. No finished trial may be lost, changed or run again, and a study
must end with the number of trials asked for.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from threading import Event, Thread

import psutil

from raysearch.benchmarks.measurement import verdict
from raysearch.benchmarks.sleepers import SPACE, sample, sleeping_workers, told
from raysearch.records import Record
from raysearch.settings import Resources, Settings
from raysearch.tuning.cluster import share
from raysearch.tuning.history import History
from raysearch.tuning.run import run_search
from raysearch.tuning.task import Task

SLEEP_S, CPUS = 0.1, 2
# Seconds between two kills.
PAUSE_S = (1.0, 4.0)


def settings_of(trials: int) -> Settings:
    """A random search over sleepers."""
    return Settings(trials=trials, repeats=1, sampler="random", space=SPACE)


def run(folder: Path, trials: int, ends: Counter[int], backend: str = "direct") -> History:
    """Run what is left of a study; `ends` counts what was told of each trial."""
    settings = settings_of(trials)
    history = History(folder, settings)

    def note(index: int, record: Record) -> None:
        ends[index] += 1

    task = Task(share(dict.fromkeys(settings.views, sample())), 1, settings.seed)
    with told(SLEEP_S):
        run_search(history, task, settings, Resources(backend=backend), note, lambda line: None)
    return history


class Killer:
    """Ends a random worker every few seconds."""

    def __init__(self, seed: int) -> None:
        """Wait."""
        self._rng, self._over = random.Random(seed), Event()
        self._thread = Thread(target=self._kill)
        self.kills = 0

    def __enter__(self) -> Killer:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill no more."""
        self._over.set()
        self._thread.join()

    def _kill(self) -> None:
        while not self._over.wait(self._rng.uniform(*PAUSE_S)):
            if workers := _workers():
                os.kill(self._rng.choice(workers), signal.SIGKILL)
                self.kills += 1


def _workers() -> list[int]:
    """Processes in which trials run."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any(name in " ".join(process.cmdline()) for name in ("TrialWorker", "TrialActor")):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def workers(trials: int = 2000, backend: str = "direct") -> None:
    """One study whose workers are killed."""
    ends: Counter[int] = Counter()
    with tempfile.TemporaryDirectory() as folder, sleeping_workers(CPUS):
        began = time.monotonic()
        with Killer(seed=1) as killer:
            history = run(Path(folder), trials, ends, backend)
        seconds = time.monotonic() - began
        states = Counter(record.state for _, record in history.records().values())
        kept = sorted(History(Path(folder), settings_of(trials)).records())
    whole = kept == list(range(trials)) == sorted(ends) and set(ends.values()) == {1}
    verdict(
        f"{backend}: {trials} trials under {killer.kills} kills of workers in {seconds:.0f} s: "
        f"{len(kept)} on disk, {sum(ends.values())} told, {dict(states)}",
        whole and killer.kills > 0,
    )


def drivers(kills: int = 20, trials: int = 2000) -> None:
    """One study whose driver is killed again and again, each time with all that it started."""
    rng = random.Random(2)
    with tempfile.TemporaryDirectory() as name:
        folder, before, lost, changed = Path(name), {}, 0, 0
        for _ in range(kills):
            process = _driver(folder, trials)
            _wait_for(folder, len(before))
            time.sleep(rng.uniform(0.0, 5.0))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            now = History(folder, settings_of(trials)).records()
            lost += len(before.keys() - now.keys())
            changed += sum(now[index] != before[index] for index in before.keys() & now.keys())
            before = now
        last = _driver(folder, trials)
        last.wait()
        now = History(folder, settings_of(trials)).records()
        changed += sum(now.get(index) != before[index] for index in before)
        log = [int(line) for line in (folder / "told").read_text().split()]
    again = sum(count > 1 for count in Counter(log).values())
    verdict(
        f"{kills} kills of the driver, {len(before)} trials before the last start: {lost} lost, "
        f"{changed} changed, {again} told twice, {len(now)} of {trials} in the end",
        not lost and not changed and not again and sorted(now) == list(range(trials)),
    )


def _driver(folder: Path, trials: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, __file__, "driver", str(folder), str(trials)]
    return subprocess.Popen(words, start_new_session=True, stderr=subprocess.DEVNULL)


def _wait_for(folder: Path, more_than: int) -> None:
    """Until a driver has told of a trial that none before it has."""
    log = folder / "told"
    while not log.exists() or len(log.read_text().split()) <= more_than:
        time.sleep(0.05)


def driver(folder: str, trials: str) -> None:
    """What `drivers` starts: runs what is left, and writes down what it is told."""
    ends = _Log(Path(folder, "told"))
    with sleeping_workers(CPUS):
        run(Path(folder), int(trials), ends)


class _Log(Counter[int]):
    """Counts, and appends every trial to a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def __setitem__(self, index: int, count: int) -> None:
        super().__setitem__(index, count)
        with self._path.open("a") as file:
            file.write(f"{index}\n")


def main() -> None:
    """Run one part."""
    what, *words = sys.argv[1:] or ["workers"]
    if what == "driver":
        driver(*words)
    elif what == "drivers":
        drivers(*map(int, words))
    else:
        workers(*map(int, words[:1]), *words[1:])


if __name__ == "__main__":
    main()
