"""One published-size cell: seconds for a hyperparameter set here and in a plain loop, side by side.

Run: python tests/benchmarks/bench_cell.py [--share 0.1] [--runs 3]

A cell is 100 sets x 10 repeats x an MLP of 20 epochs on 60k + 60k events, half of which train
while half validate, and 42k test events. Only a share of it is measured and the rest is
extrapolated: of the events by their number; of the scan's 100 sets the first of each batch size,
which decides what a set costs, weighted with how many have it (the same sets for both); and of the
plain loop one repeat of the ten. Both compute val_sic, val_loss and max_sic after every epoch, on
one thread, in CPU seconds, in turns.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from raysearch.benchmarks.plain import Problem, make_problem, plain_fit
from raysearch.detectors import detector
from raysearch.samples import Rows, TwoSample
from raysearch.scanning.cells import Cell
from raysearch.scanning.sets import draw_sets, setup
from raysearch.threads import one_thread
from raysearch.trial import Setup, run_trial

SETS, REPEATS, EVENTS, TEST = 100, 10, 120_000, 42_000
CORES, TARGET_MIN = 2, 40.0
CELL = Cell("idealised", "baseline", 1000)


def measure(share: float = 0.1, runs: int = 3) -> list[dict]:
    """CPU seconds for a set of the whole cell, ours and of the plain loop, and their ratio.

    Args:
        share: of the cell's events that are trained on and judged.
        runs: how often, both in turns.
    """
    problem = make_problem(*(round(share * n) for n in (EVENTS // 2, EVENTS // 2, TEST)))
    sample = as_sample(problem)
    setups = chosen_sets()
    ours: list[float] = []
    plain: list[float] = []
    with one_thread():
        run_trial(setups[0][0], sample, repeats=1)  # what is loaded at first use is no part of it
        for _ in range(runs):
            plain.append(_mean_s(setups, lambda one: _plain(one, problem)) * REPEATS / share)
            ours.append(_mean_s(setups, lambda one: _ours(one, sample)) / share)
    minutes = [seconds * SETS / CORES / 60 for seconds in ours]
    ratios = [their / our for their, our in zip(plain, ours, strict=True)]
    return [
        _row("CPU s for a set of a published-size cell, raysearch", ours, None, "-"),
        _row("the same, plain torch loop", plain, None, "-"),
        _row("plain loop over raysearch", ratios, None, "CPU seconds"),
        _row(f"minutes for the cell on {CORES} cores", minutes, TARGET_MIN, "at most, minutes"),
    ]


def chosen_sets() -> list[tuple[Setup, int]]:
    """The first set of each batch size, and how many of all sets have it."""
    setups = [setup(CELL, "mlp", suggested) for suggested in draw_sets("mlp", SETS, seed=1)]
    sizes = [one.parameters["batch_size"] for one in setups]
    return [(setups[sizes.index(size)], sizes.count(size)) for size in sorted(set(sizes))]


def as_sample(problem: Problem) -> TwoSample:
    """The rows of the plain loop's problem as the sample of a trial, which halves them itself."""
    features = np.concatenate([problem.train.features, problem.validation.features])
    rows = Rows(features, np.concatenate([problem.train.is_data, problem.validation.is_data]))
    mjj, test = np.full(len(features), 3.5, np.float32), problem.test
    columns = tuple(f"x{k}" for k in range(features.shape[1]))
    test_mjj = np.full(len(test.features), 3.5, np.float32)
    return TwoSample(rows, mjj, columns, test.features, test.is_data, test_mjj)


def _ours(one: Setup, sample: TwoSample) -> None:
    run_trial(one, sample, repeats=REPEATS)


def _plain(one: Setup, problem: Problem) -> None:
    torch.manual_seed(0)
    plain_fit(problem, int(one.parameters["batch_size"]), detector("mlp").search_epochs)


def _mean_s(setups: list[tuple[Setup, int]], fit: Callable[[Setup], None]) -> float:
    seconds = []
    for one, _ in setups:
        started = time.process_time()
        fit(one)
        seconds.append(time.process_time() - started)
    return float(np.average(seconds, weights=[count for _, count in setups]))


def _row(name: str, values: list[float], target: float | None, against: str) -> dict:
    return {
        "name": name,
        "ratio": statistics.median(values),
        "spread": (min(values), max(values)),
        "against": against,
        "target": target,
    }


def main() -> None:
    """Print what was measured and exit with 1 if the cell would take too long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=0.1, help="of the events")
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    print(
        f"extrapolated from {asked.share:.0%} of the events and {len(chosen_sets())} of {SETS} "
        f"sets; of the plain loop from 1 of {REPEATS} repeats"
    )
    rows = measure(asked.share, asked.runs)
    for row in rows:
        low, high = row["spread"]
        print(f"{row['name']:<55} {row['ratio']:>9.1f}   ({low:.1f} to {high:.1f})")
    sys.exit(rows[-1]["ratio"] > TARGET_MIN)


if __name__ == "__main__":
    main()
