"""Trials that only sleep, for measuring what is around them; importable on workers.

`on_workers` are the arguments of `ray.init` by which workers know the detector.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import ray
from optuna.trial import BaseTrial

from raysearch import detectors
from raysearch.samples import Rows, TwoSample

_HERE = Path(__file__).parent


class Sleeper:
    """A detector that sleeps in place of training and scores at random."""

    name, defaults, ensemble_size = "sleeper", {"level": 0.0, "seconds": 0.0}, 1
    search_epochs, final_epochs = 1, None

    def fit(self, rows, members, parameters, *, epochs=None):
        """Sleep once."""
        time.sleep(parameters["seconds"])
        yield Slept(len(members))


class Slept:
    """Members with random scores."""

    def __init__(self, members):
        self._members = members

    def scores(self, features):
        """Seeded noise: a few events, so that metrics cost next to nothing."""
        shape = (self._members, features.shape[-2])
        return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def install() -> None:
    """Put the detector among the known ones of this process."""
    known = {**detectors.DETECTORS, Sleeper.name: Sleeper()}
    detectors.DETECTORS = known


def sample() -> TwoSample:
    """Forty events."""
    rows = Rows(np.zeros((40, 2), np.float32), np.arange(40) % 2 == 0)
    return TwoSample(rows, np.full(40, 3.5, np.float32), ("x0", "x1"))


def space(trial: BaseTrial) -> dict:
    """Seven parameters, as real spaces have; the sleep comes from the environment."""
    levels = {f"sleeper/{k}": trial.suggest_float(f"sleeper/{k}", 0, 1) for k in range(6)}
    kind = trial.suggest_categorical("sleeper/kind", ["a", "b", "c"])
    level = sum(levels.values()) + len(kind)
    seconds = float(os.environ["SLEEP_S"])
    return {"detector": "sleeper", "parameters": {"level": level, "seconds": seconds}}


def start(cpus: int) -> None:
    """Start Ray with workers that know the detector."""
    paths = [str(_HERE), os.environ.get("PYTHONPATH", "")]
    ray.init(
        num_cpus=cpus,
        include_dashboard=False,
        logging_level="ERROR",
        log_to_driver=False,
        runtime_env={
            "worker_process_setup_hook": "sleepers.install",
            "env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        },
    )
