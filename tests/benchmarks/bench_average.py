"""What averaging brings to one setup: over best epochs, over members, over both.

Run: python tests/benchmarks/bench_average.py OUT.jsonl surrogate NAME=EVENTS.h5[,MORE.h5] ...
     [--draws 5] [--n-signal 300] [--families hgb,adaboost,mlp] [--columns mj1,delta_mj,...]

Of each data set and draw every family (the published ones unless given), with its default
hyperparameters, is trained as final ensembles are: five members, each on four fifths of the rows,
their best epochs by val SIC of the fifth. Figures are max SIC on the test events over that of one
member at its single best epoch, mean over the members that could be that one. Each family of a draw
is a line of the file as soon as it ends; the same command goes on where it was stopped and prints
what the file holds.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
from choice_cells import COLUMNS, SETUPS, from_files, from_surrogate, two_sample
from kept_lines import add_line, in_words, lines
from scipy.special import expit

from raysearch.best_epochs import train_at_best
from raysearch.metrics import max_sic
from raysearch.objectives import VAL_SIC
from raysearch.refit import N_FOLDS, final_members
from raysearch.samples import TwoSample
from raysearch.threads import one_thread
from raysearch.trial import Setup

GROUPS = (1, 2, N_FOLDS)


def gains(sample: TwoSample, setup: Setup, seed: int) -> dict[str, float]:
    """Max SIC of each kind of mean over that of a single fit."""
    members = final_members(sample.rows.is_data, N_FOLDS, seed, 0)
    (trained,) = train_at_best(setup, sample, [members], [VAL_SIC])[VAL_SIC.name]
    # Of each member the networks of its best epochs, the best first.
    scores = [expit(own.scores(sample.test).astype(np.float64)) for own in trained.snapshots]
    found = {}
    for name, each in (
        ("one epoch", [own[0] for own in scores]),
        ("best epochs", [own.mean(axis=0) for own in scores]),
    ):
        for size in GROUPS:
            means = (np.mean(of, axis=0) for of in itertools.combinations(each, size))
            sics = [max_sic(sample.test_is_signal, mean) for mean in means]
            found[f"{name}, {size} members"] = float(np.mean(sics))
    single = found[f"one epoch, {GROUPS[0]} members"]
    best = found[f"best epochs, {N_FOLDS} members"]
    relative = {name: value / single for name, value in found.items()}
    return relative | {"max SIC of the whole ensemble": best}


def run(asked: argparse.Namespace) -> None:
    """Train what the file lacks."""
    known = [line["key"] for line in lines(asked.out)]
    for draw, source in itertools.product(range(asked.draws), asked.sources):
        name, _, files = source.partition("=")
        columns = tuple(asked.columns.split(","))
        keys = [
            [name, asked.n_signal, len(columns), draw, family]
            for family in asked.families.split(",")
        ]
        missing = [key for key in keys if key not in known]
        if not missing:
            continue
        paths = [Path(file) for file in files.split(",")]
        events = from_files(paths, draw, columns) if files else from_surrogate(draw)
        sample = two_sample(events, asked.n_signal, columns if files else COLUMNS)
        for key in missing:
            found = gains(sample, Setup("idealised", "baseline", key[-1], {}), draw)
            add_line(asked.out, {"key": key, **found})


def show(path: Path) -> None:
    """Print the mean of each figure and its error over draws, by data set, N_sig and family."""
    groups: dict[tuple, list[dict]] = {}
    for line in lines(path):
        source, n_signal, columns, _, family = line.pop("key")
        groups.setdefault((source, n_signal, columns, family), []).append(line)
    for (source, n_signal, columns, family), rows in sorted(groups.items()):
        print(f"{family}, {source}, {columns} columns, {n_signal} signal events, {len(rows)} draws")
        for name in rows[0]:
            print(f"  {name:25s} {in_words([row[name] for row in rows])}")


def main() -> None:
    """Train, and print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--n-signal", type=int, default=300)
    parser.add_argument("--families", default=",".join(SETUPS))
    parser.add_argument("--columns", default=",".join(COLUMNS))
    asked = parser.parse_args()
    with one_thread():
        run(asked)
    show(asked.out)


if __name__ == "__main__":
    main()
