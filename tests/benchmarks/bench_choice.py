"""Ways to choose a setup from the data alone: regret of each, at equal cost, over draws and N_sig.

Run: python tests/benchmarks/bench_choice.py fit OUT surrogate NAME=EVENTS.h5[,MORE.h5] ...
     python tests/benchmarks/bench_choice.py table OUT

`fit` trains the same random setups (8 HGB, 3 AdaBoost, 3 MLP) on every draw of every data set and
keeps, for each of three pairs of halves, the calibrated out-of-fold scores and the scores of the
test events; what is there already is not trained again. Two pairs are what a search of 4 repeats
has: all ways choose on them, so they cost the same. The third pair, fits of other seeds on other
halves, says what the choice is worth: max SIC of its test scores over that of the setup which
max_sic picks, on those same pairs and fits.

`table` uses draws that are complete. It sorts the ways by the draws of even numbers and prints
their means over those and over the odd ones, which had no part in the order; how much they are
above the single pick of val_sic in each data set, with the error over draws (which are independent
on the surrogate; a file is divided anew, so that its errors are too small); and of each cell median
and lowest decile over all draws. "A pick, six fits" is a single setup with as many fits as a mean
of three has: also those that chose, which favours it. All scores are of the epochs that val_sic
likes best, whatever chooses.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optuna

from raysearch import read_events, surrogate_events
from raysearch.detectors import Member, Snapshot, detector
from raysearch.excess import (
    cross_sic,
    excess_significance,
    sic_area,
    sic_bound,
    template_rank,
)
from raysearch.judge import Judge
from raysearch.metrics import max_sic
from raysearch.objectives import OBJECTIVES
from raysearch.regions import SIGNAL_REGION, folds
from raysearch.samples import Rows, TwoSample
from raysearch.seeds import generator, number
from raysearch.threads import one_thread
from search_spaces import SPACES

COLUMNS = ("mj1", "delta_mj", "tau21j1", "tau21j2")
N_SIGNAL, DRAWS, PAIRS = (300, 200, 600), 10, 3
SETUPS = {"hgb": 8, "adaboost": 3, "mlp": 3}
MOST_DATA, MOST_TEMPLATE, MOST_TEST_BACKGROUND, MOST_TEST_SIGNAL = 50_000, 50_000, 40_000, 20_000
METRICS = ("val_sic", "val_loss", "max_sic")
COUNTS, FEW = (1, 3, 5, 7), 5
FIGURES: Mapping[str, Callable[..., float]] = {
    "cross_sic": cross_sic,
    "sic_bound": sic_bound,
    "sic_area": sic_area,
    "excess_significance": excess_significance,
}


class Events(NamedTuple):
    """Features of background and signal in the signal region."""

    background: np.ndarray
    signal: np.ndarray


def from_surrogate(draw: int) -> Events:
    """Independent events for each draw."""
    n = MOST_DATA + MOST_TEMPLATE + MOST_TEST_BACKGROUND
    region = (SIGNAL_REGION.low_tev, SIGNAL_REGION.high_tev)
    background = surrogate_events(n, 0, 10_000 + draw, region).features
    return Events(background, surrogate_events(0, 30_000, 20_000 + draw, region).features)


def from_files(paths: list[Path], draw: int) -> Events:
    """The events of labelled files (and background ones without labels) in another order."""
    background, signal = [], []
    for path in paths:
        events = read_events(path, COLUMNS)
        inside = SIGNAL_REGION.contains(events.mjj_tev)
        places = [events.columns.index(name) for name in COLUMNS]
        x = events.features[inside][:, places]
        y = np.zeros(len(x), np.bool_) if events.labels is None else events.labels[inside]
        background.append(x[~y])
        signal.append(x[y])
    rng = np.random.default_rng([draw, 77])
    return Events(*(rng.permutation(np.concatenate(x)) for x in (background, signal)))


def two_sample(events: Events, n_signal: int) -> TwoSample:
    """Data with signal, template and test; a file with fewer events is divided alike."""
    wanted = np.array([MOST_DATA, MOST_TEMPLATE, MOST_TEST_BACKGROUND])
    share = min(1.0, len(events.background) / wanted.sum())
    sizes = (share * wanted).astype(int)
    data, template, test = np.split(events.background[: sizes.sum()], sizes.cumsum()[:2])
    injected, held = np.split(events.signal[: n_signal + MOST_TEST_SIGNAL], [n_signal])
    features = np.concatenate([data, injected, template]).astype(np.float32)
    tests = np.concatenate([test, held]).astype(np.float32)
    middle = np.float32(3.5)
    return TwoSample(
        Rows(features, np.arange(len(features)) < len(data) + n_signal),
        np.full(len(features), middle),
        COLUMNS,
        tests,
        np.arange(len(tests)) >= len(test),
        np.full(len(tests), middle),
    )


def setups() -> Iterator[tuple[str, Mapping]]:
    """Detectors and hyperparameters, the same for every draw."""
    for space, count in SETUPS.items():
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        for _ in range(count):
            yield space, SPACES[space](study.ask())["parameters"]


def fit_pair(
    sample: TwoSample, name: str, parameters: Mapping, members: list[Member]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) out-of-fold ranks, (m,) ranks of the test, (3, 2) metrics at their own best epochs."""
    judge, metrics = Judge(sample, members), {}
    best: list[tuple[float, Snapshot | None]] = [(-np.inf, None)] * len(members)
    for snapshot in detector(name).fit(sample.rows, members, [parameters] * 2, epochs=None):
        values = judge.values(snapshot)
        for metric in METRICS:
            better = np.fmax if OBJECTIVES[metric].direction == "max" else np.fmin
            metrics[metric] = better(metrics.get(metric, values[metric]), values[metric])
        for k, value in enumerate(values["val_sic"]):
            if value > best[k][0]:
                best[k] = value, snapshot.take([k])
    rows = np.zeros(len(sample.mjj_tev), np.float32)
    test = np.zeros(len(sample.test), np.float32)
    for member, (_, snapshot) in zip(members, best, strict=True):
        own = snapshot.scores(sample.rows.features[member.validation])[0]
        template = own[~sample.rows.is_data[member.validation]]
        rows[member.validation] = template_rank(own, template)
        test += template_rank(snapshot.scores(sample.test)[0], template) / len(members)
    return rows, test, np.stack([metrics[metric] for metric in METRICS])


def fit_cell(sample: TwoSample, draw: int, path: Path) -> None:
    """Train all setups on one draw and keep their scores."""
    found: list[list] = [[], [], []]
    for index, (name, parameters) in enumerate(setups()):
        each: list[list] = [[], [], []]
        for pair in range(PAIRS):
            split = folds(sample.rows.is_data, 2, generator(draw, "halves", pair))
            members = [
                Member(train, held, number(draw, "fit", index, pair, half))
                for half, (train, held) in enumerate(split)
            ]
            for kept, part in zip(each, fit_pair(sample, name, parameters, members), strict=True):
                kept.append(part)
        for kept, part in zip(found, each, strict=True):
            kept.append(part)
    rows, test, metrics = map(np.array, found)
    is_data, truth = sample.rows.is_data, sample.test_is_signal
    np.savez(path, oof=rows, test=test, metrics=metrics, is_data=is_data, truth=truth)


def fit(out: Path, source: str, draw: int) -> None:
    """Train what is missing of one draw of one data set."""
    name, _, files = source.partition("=")
    paths = [out / f"{name}_{draw}_{n_signal}.npz" for n_signal in N_SIGNAL]
    missing = [(p, n) for p, n in zip(paths, N_SIGNAL, strict=True) if not p.exists()]
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
    for name, order in orders.items():
        scores |= {f"{name}, {count}": judged[order[:count]].mean(axis=0) for count in COUNTS}
    for name in ("val_sic", "max_sic"):
        scores[f"{name}, a pick, six fits"] = kept["test"][orders[name][0]].mean(axis=0)
    for name, among in (("all", np.arange(len(oof))), (f"{FEW}", orders["cross_sic"][:FEW])):
        chosen = among[_greedy(oof[among], is_data)]
        scores[f"greedy by cross_sic of {name}"] = judged[chosen].mean(axis=0)
    found = {name: max_sic(truth, of) for name, of in scores.items()}
    reference = found["max_sic, 1"]
    return {name: value / reference for name, value in found.items()} | {"max SIC": reference}


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
    """Of each cell what every way is worth; draws that are not complete are left out."""
    paths = {}
    for path in out.glob("*.npz"):
        name, draw, n_signal = path.stem.rsplit("_", 2)
        paths[Cell(name, int(draw), int(n_signal))] = path
    counts = Counter(cell[:2] for cell in paths)
    whole = (cell for cell in sorted(paths) if counts[cell[:2]] == len(N_SIGNAL))
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
        print(f"{group}: {len(sics)} draws, max SIC of the reference {np.round(sics, 1).tolist()}")
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
    means = np.mean(list(draws.values()), axis=1)
    return f"{means.mean():+.3f} +- {means.std(ddof=1) / np.sqrt(len(means)):.3f}"


def main() -> None:
    """Train, or print the table of what was trained."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    what, out, *sources = sys.argv[1:]
    if what == "table":
        table(Path(out))
        return
    Path(out).mkdir(parents=True, exist_ok=True)
    with one_thread():
        for draw in range(DRAWS):
            for source in sources:
                fit(Path(out), source, draw)


if __name__ == "__main__":
    main()
