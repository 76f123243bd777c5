"""Trials that only sleep, for measuring what is around them; importable on workers."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import BaseTrial

from raysearch.benchmarks.workers import add_detectors, workers_that
from raysearch.detectors import Member, Parameters
from raysearch.detectors.base import OneEpoch
from raysearch.errors import InputError
from raysearch.samples import Rows, TwoSample

# Of each trial; workers are told by the environment of their driver.
SLEEP_S = "RAYSEARCH_BENCHMARK_SLEEP_S"
# A file where each notes its sleep; none if it is not set.
SLEEP_LOG = "RAYSEARCH_BENCHMARK_SLEEP_LOG"
SPACE = f"{__name__}:space"


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
    ) -> OneEpoch[Slept]:
        """Sleep once."""

        def fit(kept: Sequence[int]) -> Slept:
            sleep(float(parameters[0]["seconds"]), str(parameters[0]["log"]))
            return Slept(len(kept))

        return OneEpoch(fit, len(members))

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


def overhead_s(log: Path) -> float:
    """Mean seconds between two sleeps of the same process."""
    sleeps: dict[str, list[tuple[float, float]]] = {}
    for line in log.read_text().splitlines():
        process, start, end = line.split()
        sleeps.setdefault(process, []).append((float(start), float(end)))
    gaps = [
        after[0] - before[1]
        for of_process in sleeps.values()
        for before, after in pairwise(sorted(of_process))
    ]
    return sum(gaps) / len(gaps)


def install() -> None:
    """Put the detector among the known ones of this process."""
    add_detectors({"sleeper": Sleeper()})


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


def sleeping_workers(cpus: int) -> AbstractContextManager[None]:
    """A Ray of so many CPUs whose workers know the detector; see `workers_that`."""
    return workers_that(f"{__name__}.install", cpus)
