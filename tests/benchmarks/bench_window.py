"""Whether TPE finds worse setups when it sees a bounded choice of the finished trials.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_window.py [seeds] [trials]

A synthetic objective over the conditional space of all architectures, with noise as large as the
spread between repeats. The regret is that of the trial which the noisy values choose, by its value
without noise. Equal seeds have equal noise, so that differences are paired.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import optuna

from raysearch.tuning.samplers import IndexSeededSampler
from raysearch.tuning.window import WINDOW, Window
from search_spaces.weak_supervision import space

_NOISE = 0.1
_BEST = 2.0


class Regrets(NamedTuple):
    """(seeds,) regrets of the bounded and the unbounded sampler, and of random search."""

    bounded: np.ndarray
    unbounded: np.ndarray
    random: np.ndarray


def value(params: Mapping[str, float]) -> float:
    """At most 2: architectures differ in their best value and in how narrow it is."""
    family = params["detector"]
    if family == "hgb":
        off = math.log10(params["hgb/learning_rate"]) + 1.2
        depth = (params["hgb/max_depth"] - 6) / 8
        leaves = (params["hgb/max_leaf_nodes"] - 40) / 80
        l2 = (params["hgb/l2_regularization"] - 2) / 10
        iterations = (params["hgb/max_iter"] - 150) / 150
        return _BEST * math.exp(-(off**2 + depth**2 + leaves**2 + l2**2 + iterations**2))
    if family == "adaboost":
        off = (math.log10(params["adaboost/learning_rate"]) + 1) / 2
        return 1.8 * math.exp(-(off**2 + ((params["adaboost/max_depth"] - 3) / 10) ** 2))
    off = math.log10(params["mlp/learning_rate"]) + 3
    batch = (math.log2(params["mlp/batch_size"]) - 7) / 4
    return 1.9 * math.exp(-(off**2) - batch**2 - params["mlp/dropout"] ** 2)


def regret(seed: int, trials: int, sampler: str, window: int | None) -> float:
    """How much worse the chosen trial is than the optimum."""
    study = optuna.create_study(
        storage=Window(optuna.study.StudyDirection.MAXIMIZE, window),
        sampler=IndexSeededSampler(sampler, seed),
        direction="maximize",
    )
    noise = np.random.default_rng(seed).normal(0, _NOISE, trials)
    true = np.zeros(trials)
    for number in range(trials):
        trial = study.ask()
        space(trial)
        true[number] = value(trial.params)
        study.tell(trial, true[number] + noise[number])
    return float(_BEST - true[np.argmax(true + noise)])


def compare(seeds: int = 24, trials: int = 500) -> Regrets:
    """Regrets of all seeds."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    columns = [("tpe", WINDOW), ("tpe", None), ("random", None)]
    found = [[regret(seed, trials, *how) for how in columns] for seed in range(seeds)]
    return Regrets(*np.array(found).T)


def main() -> None:
    """Print means with their errors; exit with 1 if the bounded sampler is worse by two of them."""
    given = [int(word) for word in sys.argv[1:]]
    regrets = compare(*given)
    for name, values in regrets._asdict().items():
        error = values.std(ddof=1) / math.sqrt(len(values))
        print(f"{name:10s} regret {values.mean():.4f} +- {error:.4f}")
    worse = regrets.bounded - regrets.unbounded
    error = worse.std(ddof=1) / math.sqrt(len(worse))
    print(f"bounded - unbounded {worse.mean():+.4f} +- {error:.4f} ({len(worse)} seeds)")
    sys.exit(bool(worse.mean() > 2 * error))


if __name__ == "__main__":
    main()
