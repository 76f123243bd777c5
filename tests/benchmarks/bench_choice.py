"""Ways to choose a setup from the data alone: regret of each, at equal cost, over draws and N_sig.

Run: python tests/benchmarks/bench_choice.py fit OUT surrogate NAME=EVENTS.h5[,MORE.h5] ...
     [--draws 10] [--n-signal 300,200,600]
     python tests/benchmarks/bench_choice.py table OUT

`fit` trains the same random setups (8 HGB, 3 AdaBoost, 3 MLP) on every draw of every data set
(see `choice_cells`); what is there already is not trained again. Two pairs of fits of each setup
are what a search of 4 repeats has: all ways choose on them, or on as many that a race divides, so
they cost the same. A third pair says what the choice is worth: max SIC of its test scores over that
of the setup which max_sic picks, on those same pairs and fits.

`table` uses draws that are complete. It sorts the ways by the draws of even numbers and prints
their means over those and over the odd ones, which had no part in the order; how much they are
above the single pick of val_sic in each data set, with the error over draws (which are independent
on the surrogate; a file is divided anew, so that its errors are too small); and of each cell median
and lowest decile over all draws; at the top, of each cell, the mean of five by val_sic over that by
labels and above the single pick, draw by draw. "A pick, six fits" is a single setup with as many
fits as a mean of three has: also those that chose, which favours it. All scores are of the epochs
that val_sic likes best, whatever chooses.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optuna
from choice_cells import fit_cell, from_files, from_surrogate, two_sample

from raysearch.excess import cross_sic, excess_significance, sic_area, sic_bound
from raysearch.metrics import max_sic
from raysearch.seeds import generator
from raysearch.threads import one_thread

COUNTS, FEW, PERMUTATIONS = (1, 3, 5, 7), 5, 50


def permuted(is_data: np.ndarray, scores: np.ndarray) -> float:
    """By how many standard deviations cross_sic is above that of permuted classes.

    Its p-value in order: fifty permutations, the same for all setups, would leave most at the
    smallest p there is.
    """
    rng, shuffled, values = generator(0, "permuted"), is_data.copy(), []
    for _ in range(PERMUTATIONS):
        rng.shuffle(shuffled)
        values.append(cross_sic(shuffled, scores))
    return (cross_sic(is_data, scores) - np.mean(values)) / np.std(values)


FIGURES: Mapping[str, Callable[..., float]] = {
    "cross_sic": cross_sic,
    "sic_bound": sic_bound,
    "sic_area": sic_area,
    "excess_significance": excess_significance,
    "permuted classes": permuted,
}


def fit(out: Path, source: str, draw: int, n_signals: list[int]) -> None:
    """Train what is missing of one draw of one data set."""
    name, _, files = source.partition("=")
    paths = [out / f"{name}_{draw}_{n_signal}.npz" for n_signal in n_signals]
    missing = [(p, n) for p, n in zip(paths, n_signals, strict=True) if not p.exists()]
    if not missing:
        return
    read = [Path(file) for file in files.split(",")]
    events = from_files(read, draw) if files else from_surrogate(draw)
    for path, n_signal in missing:
        began = time.process_time()
        fit_cell(two_sample(events, n_signal), draw, path)
        print(f"{path.name}: {time.process_time() - began:.0f} s CPU", flush=True)


def regrets(path: Path) -> dict[str, float]:
    """What each way of choosing is worth on one draw, over the pick of max_sic."""
    kept = np.load(path)
    is_data, truth, oof = kept["is_data"], kept["truth"], kept["oof"]
    picked, judged = kept["metrics"][:, :-1].mean(axis=(1, 3)), kept["test"][:, -1]
    ways = {"val_sic": picked[:, 0], "val_loss": -picked[:, 1], "max_sic": picked[:, 2]}
    for name, figure in FIGURES.items():
        each = [[figure(is_data, pair) for pair in own[:-1]] for own in oof]
        ways[name] = np.mean(each, axis=1)
    orders = {name: np.argsort(-values, kind="stable") for name, values in ways.items()}
    scores = {"mean of all": judged.mean(axis=0)}
    scores["val_sic, 1, a race"] = judged[kept["raced"][0]]
    for name, order in orders.items():
        scores |= {f"{name}, {count}": judged[order[:count]].mean(axis=0) for count in COUNTS}
    scores["val_sic, a count by cross_sic"] = judged[_few(oof, orders["val_sic"], is_data)].mean(
        axis=0
    )
    for name in ("val_sic", "max_sic"):
        scores[f"{name}, a pick, six fits"] = kept["test"][orders[name][0]].mean(axis=0)
    for name, among in (("all", np.arange(len(oof))), (f"{FEW}", orders["cross_sic"][:FEW])):
        chosen = among[_greedy(oof[among], is_data)]
        scores[f"greedy by cross_sic of {name}"] = judged[chosen].mean(axis=0)
    found = {name: max_sic(truth, of) for name, of in scores.items()}
    reference = found["max_sic, 1"]
    return {name: value / reference for name, value in found.items()} | {"max SIC": reference}


def _few(oof: np.ndarray, order: np.ndarray, is_data: np.ndarray) -> np.ndarray:
    """As many of the first setups as the cross_sic of their mean is largest for."""
    means = [oof[order[:count], :-1].mean(axis=(0, 1)) for count in COUNTS]
    return order[: COUNTS[int(np.argmax([cross_sic(is_data, mean) for mean in means]))]]


def _greedy(oof: np.ndarray, is_data: np.ndarray, steps: int = 8) -> list[int]:
    """An ensemble chosen step by step, with replacement, by its cross_sic."""
    each, total, chosen = oof[:, :-1].mean(axis=1), 0.0, []
    for _ in range(steps):
        chosen.append(int(np.argmax([cross_sic(is_data, total + own) for own in each])))
        total = total + each[chosen[-1]]
    return chosen


class Cell(NamedTuple):
    """One draw of a data set with so many signal events."""

    source: str
    draw: int
    n_signal: int


def found_cells(out: Path) -> dict[Cell, dict[str, float]]:
    """Of each cell what every way is worth; draws with fewer cells than others are left out."""
    paths: dict[Cell, Path] = {}
    for path in out.glob("*.npz"):
        name, draw, n_signal = path.stem.rsplit("_", 2)
        paths[Cell(name, int(draw), int(n_signal))] = path
    counts = Counter(cell[:2] for cell in paths)
    whole = (cell for cell in sorted(paths) if counts[cell[:2]] == max(counts.values()))
    return {cell: regrets(paths[cell]) for cell in whole}


def table(out: Path) -> None:
    """Print what each way of choosing is worth."""
    found = found_cells(out)
    ways = [name for name in next(iter(found.values())) if name != "max SIC"]
    sources = sorted({cell.source for cell in found})
    groups = sorted({(cell.source, cell.n_signal) for cell in found})

    def values(way: str, of: Callable[[Cell], bool]) -> np.ndarray:
        return np.array([worth[way] for cell, worth in found.items() if of(cell)])

    def mean(way: str, parity: int) -> float:
        return float(values(way, lambda cell: cell.draw % 2 == parity).mean())

    for group in groups:
        sics = values("max SIC", lambda cell, group=group: (cell.source, cell.n_signal) == group)
        each = [w for cell, w in found.items() if (cell.source, cell.n_signal) == group]
        ratio = _text(np.array([w["val_sic, 5"] / w["max_sic, 5"] for w in each]))
        gain = _text(np.array([w["val_sic, 5"] - w["val_sic, 1"] for w in each]))
        told = f"five by val_sic: {ratio} of five by labels, {gain} above one"
        print(f"{group}: max SIC of the reference {np.round(sics, 1).tolist()}; {told}")
    cells = "  ".join(f"{source[:9]:>9s} {n_signal}" for source, n_signal in groups)
    gains = "  ".join(f"{source[:12]:>13s}" for source in sources)
    print(f"{'':28s} even   odd   {gains}  {cells}")
    for way in sorted(ways, key=lambda way: -mean(way, 0)):
        texts = [_gain(found, way, source) for source in sources]
        for group in groups:
            own = values(way, lambda cell, group=group: (cell.source, cell.n_signal) == group)
            texts.append(f"{np.median(own):7.2f} ({np.quantile(own, 0.1):.2f})")
        print(f"{way:28s} {mean(way, 0):.3f}  {mean(way, 1):.3f}  " + "  ".join(texts))


def _gain(found: Mapping[Cell, Mapping[str, float]], way: str, source: str) -> str:
    """Above the single pick of val_sic, mean over the cells of a draw, and its error over draws."""
    draws: dict[int, list[float]] = {}
    for cell, worth in found.items():
        if cell.source == source:
            draws.setdefault(cell.draw, []).append(worth[way] - worth["val_sic, 1"])
    return _text(np.mean(list(draws.values()), axis=1))


def _text(values: np.ndarray) -> str:
    """Mean and its error over draws."""
    return f"{values.mean():+.3f} +- {values.std(ddof=1) / np.sqrt(len(values)):.3f}"


def main() -> None:
    """Train, or print the table of what was trained."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("fit", "table"))
    parser.add_argument("out", type=Path)
    parser.add_argument("sources", nargs="*")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--n-signal", default="300,200,600")
    asked = parser.parse_args()
    if asked.what == "table":
        table(asked.out)
        return
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    asked.out.mkdir(parents=True, exist_ok=True)
    n_signals = [int(number) for number in asked.n_signal.split(",")]
    with one_thread():
        for draw in range(asked.draws):
            for source in asked.sources:
                fit(asked.out, source, draw, n_signals)


if __name__ == "__main__":
    main()
