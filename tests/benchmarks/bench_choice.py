"""Ways to choose a setup from the data alone: regret of each, at equal cost, over draws and N_sig.

Run: python tests/benchmarks/bench_choice.py fit OUT surrogate NAME=EVENTS.h5[,MORE.h5] ...
     python tests/benchmarks/bench_choice.py table OUT

`fit` trains the same random setups (8 HGB, 3 AdaBoost, 3 MLP) on every draw of every data set and
keeps, for each of three pairs of halves, the calibrated out-of-fold scores and the scores of the
test events; what is there already is not trained again. Two pairs are what a search of 4 repeats
has: all ways choose on them, so they cost the same. The third pair, fits of other seeds on other
halves, says what the choice is worth: max SIC of its test scores over that of the setup which
max_sic picks, on those same pairs and fits.

`table` prints of each way the mean over all cells, how much that is above the single pick of
val_sic with its error (the draws of all data sets are independent, the N_sig of a draw are not),
and of each cell the median over draws and the lowest decile.
"""

from __future__ import annotations

import sys
import time
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
    worth = [max_sic(truth, scores) for scores in judged]
    reference = worth[int(np.argmax(picked[:, 2]))]
    ways = {"val_sic": picked[:, 0], "val_loss": -picked[:, 1], "max_sic": picked[:, 2]}
    for name, figure in FIGURES.items():
        ways[name] = np.array(
            [np.mean([figure(is_data, pair) for pair in own[:-1]]) for own in oof]
        )
        ways[f"{name} of the mean"] = np.array(
            [figure(is_data, own[:-1].mean(axis=0)) for own in oof]
        )
    found = {"max SIC": reference, "mean of all": max_sic(truth, judged.mean(axis=0)) / reference}
    for name, values in ways.items():
        order = np.argsort(-values, kind="stable")
        for count in COUNTS:
            mean = judged[order[:count]].mean(axis=0)
            found[f"{name}, {count}"] = max_sic(truth, mean) / reference
    best = np.argsort(-ways["cross_sic of the mean"], kind="stable")[:FEW]
    for name, among in (("all", np.arange(len(oof))), (f"the best {FEW}", best)):
        chosen = among[_greedy(oof[among], is_data)]
        mean = judged[chosen].mean(axis=0)
        found[f"greedy by cross_sic of {name}"] = max_sic(truth, mean) / reference
    return found


def _greedy(oof: np.ndarray, is_data: np.ndarray, steps: int = 8) -> list[int]:
    """An ensemble chosen step by step, with replacement, by its cross_sic."""
    each, total, chosen = oof[:, :-1].mean(axis=1), 0.0, []
    for _ in range(steps):
        chosen.append(int(np.argmax([cross_sic(is_data, total + own) for own in each])))
        total = total + each[chosen[-1]]
    return chosen


def table(out: Path) -> None:
    """Print what each way of choosing is worth, by data set and N_sig."""
    cells: dict[str, list[dict[str, float]]] = {}
    draws: dict[str, list[dict[str, float]]] = {}
    for path in sorted(out.glob("*.npz")):
        name, draw, n_signal = path.stem.split("_")
        found = regrets(path)
        cells.setdefault(f"{name} {n_signal}", []).append(found)
        draws.setdefault(f"{name} {draw}", []).append(found)
    for cell, rows in cells.items():
        sics = [row["max SIC"] for row in rows]
        print(f"{cell}: {len(rows)} draws, max SIC of the reference {np.round(sics, 1).tolist()}")
    ways = [name for name in next(iter(cells.values()))[0] if name != "max SIC"]
    means = {w: np.mean([np.mean([r[w] for r in rows]) for rows in cells.values()]) for w in ways}
    above = {
        w: np.array([np.mean([r[w] - r["val_sic, 1"] for r in rows]) for rows in draws.values()])
        for w in ways
    }
    print(f"{'regret':34s}  mean   above val_sic, 1  " + "  ".join(f"{c:>15s}" for c in cells))
    for way in sorted(ways, key=lambda way: -means[way]):
        texts = [
            f"{np.median(v):9.2f} ({np.quantile(v, 0.1):.2f})"
            for v in ([row[way] for row in rows] for rows in cells.values())
        ]
        more, error = above[way].mean(), above[way].std(ddof=1) / np.sqrt(len(draws))
        print(f"{way:34s}  {means[way]:.3f}  {more:+.3f} +- {error:.3f}  " + "  ".join(texts))


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
