"""Cells of bench_choice.py: the same setups trained on a draw of a data set with some signal.

A cell keeps, of three pairs of halves, the calibrated out-of-fold scores of all setups and the
scores of the test events. On two of them every way chooses; the third, fits of other seeds on
other halves, judges. Beside them stands the order in which successive halving leaves the setups,
with fits of two further pairs for the last three.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optuna

from raysearch import read_events, surrogate_events
from raysearch.detectors import Member, Snapshot, detector
from raysearch.excess import template_rank
from raysearch.judge import Judge
from raysearch.objectives import OBJECTIVES, VAL_SIC
from raysearch.regions import SIGNAL_REGION, folds
from raysearch.samples import Rows, TwoSample
from raysearch.seeds import generator, number
from search_spaces import SPACES

COLUMNS = ("mj1", "delta_mj", "tau21j1", "tau21j2")
PAIRS = 3
SETUPS = {"hgb": 8, "adaboost": 3, "mlp": 3}
MOST_DATA, MOST_TEMPLATE, MOST_TEST_BACKGROUND, MOST_TEST_SIGNAL = 50_000, 50_000, 40_000, 20_000
METRICS = ("val_sic", "val_loss", "max_sic")
# Successive halving: how many setups have a second, and how many a third and a fourth pair of fits.
# Together with the first pair of each they are 27 pairs, of 28 that two pairs of each are.
SECOND, LAST = 7, 3


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


def from_files(paths: list[Path], draw: int, columns: tuple[str, ...] = COLUMNS) -> Events:
    """The events of labelled files (and background ones without labels) in another order."""
    background, signal = [], []
    for path in paths:
        events = read_events(path, columns)
        inside = SIGNAL_REGION.contains(events.mjj_tev)
        places = [events.columns.index(name) for name in columns]
        x = events.features[inside][:, places]
        y = np.zeros(len(x), np.bool_) if events.labels is None else events.labels[inside]
        background.append(x[~y])
        signal.append(x[y])
    rng = np.random.default_rng([draw, 77])
    return Events(*(rng.permutation(np.concatenate(x)) for x in (background, signal)))


def two_sample(events: Events, n_signal: int, columns: tuple[str, ...] = COLUMNS) -> TwoSample:
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
        columns,
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


def pair_members(sample: TwoSample, draw: int, index: int, pair: int) -> list[Member]:
    """Two members of a setup that swap their halves, which are the same for all setups."""
    split = folds(sample.rows.is_data, 2, generator(draw, "halves", pair))
    return [
        Member(train, held, number(draw, "fit", index, pair, half))
        for half, (train, held) in enumerate(split)
    ]


def fit_cell(sample: TwoSample, draw: int, path: Path) -> None:
    """Train all setups on one draw and keep their scores."""
    found: list[list] = [[], [], []]
    for index, (name, parameters) in enumerate(setups()):
        each: list[list] = [[], [], []]
        for pair in range(PAIRS):
            fitted = fit_pair(sample, name, parameters, pair_members(sample, draw, index, pair))
            for kept, part in zip(each, fitted, strict=True):
                kept.append(part)
        for kept, part in zip(found, each, strict=True):
            kept.append(part)
    rows, test, metrics = map(np.array, found)
    np.savez(
        path,
        oof=rows,
        test=test,
        metrics=metrics,
        raced=raced(sample, draw, metrics[:, :-1, METRICS.index(VAL_SIC.name)].mean(axis=-1)),
        is_data=sample.rows.is_data,
        truth=sample.test_is_signal,
    )


def raced(sample: TwoSample, draw: int, val_sic: np.ndarray) -> np.ndarray:
    """(3,) setups in the order of their val SIC, more fits of it for those that are ahead.

    Args:
        sample: of the cell.
        draw: of the cell.
        val_sic: (setups, 2) of the first and the second pair of each.
    """
    some = np.argsort(-val_sic[:, 0], kind="stable")[:SECOND]
    few = some[np.argsort(-val_sic[some].mean(axis=1), kind="stable")][:LAST]
    each = list(setups())
    values = []
    for index in few.tolist():
        more = [
            fit_pair(sample, *each[index], pair_members(sample, draw, index, pair))[-1]
            for pair in (PAIRS, PAIRS + 1)
        ]
        further = [metrics[METRICS.index(VAL_SIC.name)].mean() for metrics in more]
        values.append(np.mean([*val_sic[index], *further]))
    return few[np.argsort(-np.array(values), kind="stable")]
