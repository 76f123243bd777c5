"""Trials that only sleep, for measuring what is around them; importable on workers."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import BaseTrial

from raysearch.benchmarks.workers import add_detectors, workers_that
from raysearch.detectors import Member, Parameters
from raysearch.errors import InputError
from raysearch.samples import Rows, TwoSample

# Of each trial; workers are told by the environment of their driver.
SLEEP_S = "RAYSEARCH_BENCHMARK_SLEEP_S"
# A file where each notes its sleep; none if it is not set.
SLEEP_LOG = "RAYSEARCH_BENCHMARK_SLEEP_LOG"
SPACE = f"{__name__}:space"
# The same sleep in so many epochs, each of which is judged.
EPOCHS = 20
SPACE_OF_EPOCHS = f"{__name__}:space_of_epochs"


@dataclass(frozen=True)
class Slept:
    """Members with random scores."""

    members: int

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Seeded noise: a few events, so that metrics cost next to nothing."""
        shape = (self.members, features.shape[-2])
        return np.random.default_rng(0).normal(size=shape).astype(np.float32)

    def take(self, members: Sequence[int]) -> Slept:
        """As many as these."""
        return Slept(len(members))

    def save(self, directory: Path) -> None:
        """Nothing worth saving."""


@dataclass
class Sleep(Iterator[Slept]):
    """Members asleep; see `Fit`."""

    members: int
    epochs: int
    seconds: float
    log: str

    def __next__(self) -> Slept:
        """One more epoch."""
        if not self.epochs:
            raise StopIteration
        self.epochs -= 1
        sleep(self.seconds, self.log)
        return Slept(self.members)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with as many as these."""
        self.members = len(members)


@dataclass(frozen=True)
class Sleeper:
    """A detector that sleeps in place of training and scores at random."""

    name: str = "sleeper"
    defaults: Parameters = field(default_factory=lambda: {"level": 0.0, "seconds": 0.0, "log": ""})
    search_epochs: int = 1
    ensemble_size: int = 5
    final_epochs: int | None = None

    def pack_key(self, parameters: Parameters) -> None:
        """None: nobody sleeps faster in company."""

    def fit(
        self,
        rows: Rows,
        members: Sequence[Member],
        parameters: Sequence[Parameters],
        *,
        epochs: int | None,
    ) -> Sleep:
        """Sleep an equal part of the time in each epoch."""
        count = self.search_epochs if epochs is None else epochs
        seconds, log = float(parameters[0]["seconds"]), str(parameters[0]["log"])
        return Sleep(len(members), count, seconds / count, log)

    def merge(self, snapshots: Sequence[Any]) -> Slept:
        """All of them."""
        return Slept(sum(snapshot.members for snapshot in snapshots))

    def load(self, directory: Path) -> Slept:
        """Raise InputError: a sleeper is not saved."""
        raise InputError(f"{directory} must hold a saved detector, but sleepers are never saved.")


def sleep(seconds: float, log: str) -> None:
    """Sleep, and note in a file who slept from when to when."""
    start = time.time()
    time.sleep(seconds)
    if log:
        with Path(log).open("a") as file:
            file.write(f"{os.getpid()} {start} {time.time()}\n")


def overhead_s(log: Path, epochs: int = 1) -> float:
    """Mean seconds of a trial of so many sleeps that its process does not sleep."""
    sleeps: dict[str, list[tuple[float, float]]] = {}
    for line in log.read_text().splitlines():
        process, start, end = line.split()
        sleeps.setdefault(process, []).append((float(start), float(end)))
    gaps = [
        after[0] - before[1]
        for of_process in sleeps.values()
        for before, after in pairwise(sorted(of_process))
    ]
    return epochs * sum(gaps) / len(gaps)


@contextmanager
def told(seconds: float, log: Path | None = None) -> Iterator[None]:
    """The spaces suggest trials of so many seconds that note their sleep in a file."""
    wanted = {SLEEP_S: str(seconds), SLEEP_LOG: str(log or "")}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def install() -> None:
    """Put the detectors among the known ones of this process."""
    dozer = Sleeper("dozer", search_epochs=EPOCHS)
    add_detectors({"sleeper": Sleeper(), dozer.name: dozer})


def sample() -> TwoSample:
    """Forty events."""
    rows = Rows(np.zeros((40, 2), np.float32), np.arange(40) % 2 == 0)
    return TwoSample(rows, np.full(40, 3.5, np.float32), ("x0", "x1"))


def space(trial: BaseTrial) -> dict[str, Any]:
    """Seven parameters, as real spaces have; the sleep comes from the environment."""
    levels = {f"sleeper/{k}": trial.suggest_float(f"sleeper/{k}", 0, 1) for k in range(6)}
    kind = trial.suggest_categorical("sleeper/kind", ["a", "b", "c"])
    level = sum(levels.values()) + len(kind)
    seconds, log = float(os.environ[SLEEP_S]), os.environ.get(SLEEP_LOG, "")
    return {"detector": "sleeper", "parameters": {"level": level, "seconds": seconds, "log": log}}


def space_of_epochs(trial: BaseTrial) -> dict[str, Any]:
    """The same, slept in epochs."""
    return {**space(trial), "detector": "dozer"}


def sleeping_workers(cpus: int) -> AbstractContextManager[None]:
    """A Ray of so many CPUs whose workers know the detector; see `workers_that`."""
    return workers_that(f"{__name__}.install", cpus)
