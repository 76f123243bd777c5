"""What racing saves and what it costs: learning curves recorded once, races replayed on them.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_racing.py [--scan]

Random setups of a detector are trained on several draws of the embedded surrogate (fewer events
than its default, at the same signal over the root of background), with few and with many signal
events. A study takes some of them, in a random order, and some of their fits; it is replayed
without racing and with it, several workers one trial at a time, each with the rule that was known
when it began. Cost is in seconds of training. Regret is max_sic of the setup picked with racing
over that of the setup picked without, both on fits that the study did not see.

Recording takes some ten CPU minutes and is kept in the system's temporary directory; replaying
takes seconds.
"""

from __future__ import annotations

import argparse
import dataclasses
import heapq
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optuna
import torch

from raysearch.detectors import Member, detector
from raysearch.events.surrogate import surrogate_events
from raysearch.features import select_union
from raysearch.inputs import Inputs
from raysearch.judge import Judge
from raysearch.objectives import OBJECTIVES, objective
from raysearch.prepare import prepare
from raysearch.racing import Direction, Race, Rule, Rung, ladder
from raysearch.samples import TwoSample
from raysearch.seeds import generator, number
from raysearch.settings import Settings
from raysearch.trial import halves
from search_spaces import SPACES

_CACHE = Path(tempfile.gettempdir()) / "raysearch_racing"
_METRICS = tuple(OBJECTIVES)
_MAX_SIC = _METRICS.index("max_sic")
# Background of all masses, template and test background in the signal region, test signal.
_EVENTS = (45_000, 6_500, 6_000, 1_500)
# Injected over all masses: 5/6 fall into the signal region, against 6500 background events.
_REGIMES = {"few signal events": 150, "many signal events": 490}
_SETUPS = {"mlp": 16, "hgb": 16}
_FITS = 13
# Supervised metrics are taken at every so many epochs, which saves half of the time.
_EVERY = 5
_DRAWS = 2
_STUDIES = 20
_TRIALS = 16
_TOP = 3
_WORKERS = 4
# Four workers and few trials: much is begun before anything is known.
_LEAST_SAVING = {3: 1.05, 10: 1.3}

News = tuple[int, Rung, float]


class Bank(NamedTuple):
    """Learning curves of one data draw.

    Attributes:
        values: (setups, fits, epochs, metrics), of each epoch alone; NaN where not taken.
        seconds: (setups,) CPU seconds of a fit with its metrics.
    """

    values: np.ndarray
    seconds: np.ndarray


class Case(NamedTuple):
    """A study on recorded curves.

    Attributes:
        so_far: (trials, repeats, epochs) the objective at its best epoch so far.
        epoch_s: (trials,) CPU seconds of an epoch of one fit.
        truth: (trials,) max_sic, mean over fits that the study does not see.
    """

    so_far: np.ndarray
    epoch_s: np.ndarray
    truth: np.ndarray


class Outcome(NamedTuple):
    """A race: which trials ran to their end, and the share of the seconds that it took."""

    complete: np.ndarray
    cost: float


class Row(NamedTuple):
    """A study with racing against the same without.

    Attributes:
        draw: of the data.
        regret: max_sic of the pick with racing over that of the pick without.
        top: the same of the best `_TOP`, on the average.
        changed: whether the picks differ.
        cost: seconds with racing over those without.
    """

    draw: int
    regret: float
    top: float
    changed: bool
    cost: float


def make_sample(n_signal: int, draw: int) -> TwoSample:
    """One draw of the surrogate."""
    settings = Settings(n_signal=n_signal, seed=draw, verdict_share=0.0)
    window = (settings.region.low_tev, settings.region.high_tev)
    background, template, test_background, test_signal = _EVENTS
    parts = [
        surrogate_events(background, max(3000, n_signal), number(draw, "data")),
        surrogate_events(template, 0, number(draw, "template"), window),
        surrogate_events(test_background, test_signal, number(draw, "test"), window),
    ]
    events, template_events, test = (select_union(part, settings.features) for part in parts)
    return prepare(
        Inputs(events, template_events, test, is_surrogate=True), settings, *settings.views
    ).sample


def record(family: str, n_signal: int, draw: int, setups: int, fits: int) -> Bank:
    """Train random setups of a family and keep their learning curves."""
    sample = make_sample(n_signal, draw)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.RandomSampler(seed=number(draw, "configs", family) % 2**32)
    study = optuna.create_study(sampler=sampler)
    values, seconds = [], []
    for index in range(setups):
        started = time.process_time()
        parameters = SPACES[family](study.ask())["parameters"]
        values.append(np.array(list(_curves(family, parameters, sample, index, draw, fits))))
        seconds.append((time.process_time() - started) / fits)
    return Bank(np.array(values).transpose(0, 3, 1, 2), np.array(seconds))


def _curves(
    family: str, parameters: dict, sample: TwoSample, index: int, draw: int, fits: int
) -> Iterator[list[np.ndarray]]:
    """Per epoch the metrics of all fits."""
    split = halves(sample.rows.is_data, fits, draw)
    own = [
        Member(m.train, m.validation, number(draw, "trial", index, "repeat", repeat))
        for repeat, m in enumerate(split)
    ]
    blind, judge = Judge(dataclasses.replace(sample, test=None), split), Judge(sample, split)
    chosen = detector(family)
    training = chosen.fit(sample.rows, own, [parameters] * fits, epochs=None)
    for epoch, snapshot in enumerate(training, start=1):
        wanted = judge if epoch % _EVERY == 0 or chosen.search_epochs == 1 else blind
        found = wanted.values(snapshot)
        yield [found.get(name, np.full(fits, np.nan)) for name in _METRICS]


def banks(family: str, n_signal: int, draws: int) -> list[Bank]:
    """The recorded curves of some data draws; recorded now unless a former run did."""
    _CACHE.mkdir(exist_ok=True)
    return [_cached(family, n_signal, draw) for draw in range(draws)]


def _cached(family: str, n_signal: int, draw: int) -> Bank:
    setups = _SETUPS[family]
    sizes = "-".join(map(str, (*_EVENTS, n_signal, setups, _FITS, draw)))
    path = _CACHE / f"{family}-{sizes}.npz"
    if not path.is_file():
        values, seconds = record(family, n_signal, draw, setups, _FITS)
        np.savez(path, values=values, seconds=seconds)
    with np.load(path) as arrays:
        return Bank(arrays["values"], arrays["seconds"])


def case(bank: Bank, repeats: int, metric: str, rng: np.random.Generator) -> Case:
    """Some setups and some fits of a bank, as one study; fits that swap halves stay together."""
    fits = _shuffled_pairs(bank.values.shape[1], rng)
    setups = rng.permutation(len(bank.values))[:_TRIALS]
    values = bank.values[setups][:, fits]
    better = np.maximum if objective(metric).direction == "max" else np.minimum
    so_far = better.accumulate(values[:, :repeats, :, _METRICS.index(metric)], axis=2)
    truth = np.nanmax(values[:, repeats:, :, _MAX_SIC], axis=2).mean(axis=1)
    return Case(so_far, bank.seconds[setups] / values.shape[2], truth)


def _shuffled_pairs(fits: int, rng: np.random.Generator) -> list[int]:
    pairs = [rng.permutation([2 * p, 2 * p + 1]) for p in rng.permutation(fits // 2)]
    return [int(fit) for pair in pairs for fit in pair] + list(range(fits - fits % 2, fits))


def replay(study: Case, rungs: Sequence[Rung], direction: Direction, pack: int = 1) -> Outcome:
    """Run the trials of a study on several workers, `pack` at a time, and stop the hopeless.

    A pack starts with the rule of that moment and stands at its rungs together; what it reached is
    known when all of it has ended. A pack of all trials is plain successive halving.
    """
    n, repeats, epochs = study.so_far.shape
    race, ran = Race(direction), np.zeros(n)
    free, running = [0.0] * _WORKERS, list[tuple[float, list[News]]]()
    for first in range(0, n, pack):
        now = heapq.heappop(free)
        while running and running[0][0] <= now:
            for news in heapq.heappop(running)[1]:
                race.reached(*news)
        places = np.arange(first, min(first + pack, n))
        news = list(_climb(study, rungs, race.rule(), places, ran))
        end = now + (ran * study.epoch_s)[places].sum()
        heapq.heappush(free, end)
        heapq.heappush(running, (end, news))
    whole = repeats * epochs
    cost = (ran * study.epoch_s).sum() / (study.epoch_s.sum() * whole)
    return Outcome(ran == whole, float(cost))


def _climb(
    study: Case, rungs: Sequence[Rung], rule: Rule, places: np.ndarray, ran: np.ndarray
) -> Iterator[News]:
    """Train some trials together from rung to rung; the values they reached."""
    for rung in rungs:
        epochs = rung.epochs or study.so_far.shape[2]
        ran[places] = rung.repeats * epochs
        values = [rung.value(study.so_far[place, :, epochs - 1]) for place in places]
        yield from zip(places.tolist(), [rung] * len(values), values, strict=True)
        places = places[rule.contenders(rung, values)]


def compare(
    family: str,
    n_signal: int,
    rungs: Sequence[Rung],
    metric: str = "val_sic",
    *,
    in_step: bool = False,
    draws: int = _DRAWS,
    studies: int = _STUDIES,
) -> list[Row]:
    """Racing against none, one row a study.

    Args:
        family: detector.
        n_signal: injected signal events.
        rungs: the ladder.
        metric: what selects.
        in_step: all trials climb together, as those of a random search can.
        draws: of the data.
        studies: replayed for each draw.
    """
    return [
        _row(draw, case(bank, rungs[-1].repeats, metric, rng), rungs, metric, in_step)
        for draw, bank in enumerate(banks(family, n_signal, draws))
        for rng in (generator(draw, "study", index) for index in range(studies))
    ]


def _row(draw: int, study: Case, rungs: Sequence[Rung], metric: str, in_step: bool) -> Row:
    chosen = objective(metric)
    final = study.so_far[:, :, -1].mean(axis=1)
    pack = len(final) if in_step else 1
    outcome = replay(study, rungs, chosen.direction, pack)
    orders = [chosen.order(np.where(known, final, np.nan)) for known in (outcome.complete, True)]
    raced, whole = (study.truth[order] for order in orders)
    kept = min(_TOP, np.count_nonzero(outcome.complete))
    top = raced[:kept].mean() / whole[:_TOP].mean()
    return Row(draw, raced[0] / whole[0], top, bool(orders[0][0] != orders[1][0]), outcome.cost)


def mean_and_error(rows: Sequence[Row], name: str) -> tuple[float, float]:
    """Mean over the studies, and its error: the larger of those over studies and over draws.

    Studies of one draw share its events and networks, so that their number alone would make the
    error too small; few draws alone may agree by chance.
    """
    values = np.array([getattr(row, name) for row in rows], dtype=np.float64)
    draw = np.array([row.draw for row in rows])
    means = np.array([values[draw == d].mean() for d in np.unique(draw)])
    return float(values.mean()), max(_error(values), _error(means))


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def measure(draws: int = _DRAWS, studies: int = _STUDIES) -> list[dict]:
    """Regret of racing and what it saves, by detector, repeats, signal and way of running.

    Returns:
        Of each case two entries of name, ratio, against, target, spread (one error to either
        side). Regret is to be 1 within two errors, which is its target.
    """
    found = []
    for family, repeats, (regime, n_signal), in_step in product(
        _SETUPS, (3, 10), _REGIMES.items(), (False, True)
    ):
        rungs = ladder(repeats, detector(family).search_epochs)
        rows = compare(family, n_signal, rungs, in_step=in_step, draws=draws, studies=studies)
        way = "in step" if in_step else f"{_WORKERS} workers"
        found += _entries(f"{family}, {repeats} repeats, {regime}, {way}", rows, repeats)
    return found


def _entries(name: str, rows: Sequence[Row], repeats: int) -> Iterator[dict]:
    mean, error = mean_and_error(rows, "regret")
    yield {
        "name": f"max_sic of the pick with racing: {name}",
        "ratio": mean,
        "against": "the pick without",
        "target": 1.0 - 2 * error,
        "spread": (mean - error, mean + error),
    }
    savings = [1 / row.cost for row in rows]
    mean, _ = mean_and_error(rows, "cost")
    yield {
        "name": f"training seconds without racing: {name}",
        "ratio": 1 / mean,
        "against": "with racing",
        "target": _LEAST_SAVING[repeats],
        "spread": (min(savings), max(savings)),
    }


def scan(draws: int = _DRAWS, studies: int = _STUDIES) -> Iterator[str]:
    """A line for each ladder that was considered, by detector, repeats, signal and objective."""
    for family, repeats, metric in product(_SETUPS, (3, 10), ("val_sic", "val_loss")):
        for (name, rungs), in_step in product(_ladders(family, repeats).items(), (False, True)):
            cells = [
                _cell(
                    compare(family, n, rungs, metric, in_step=in_step, draws=draws, studies=studies)
                )
                for n in _REGIMES.values()
            ]
            way = "in step" if in_step else "workers"
            yield f"{family} {metric:8s} {repeats:2d} {name:26s} {way:7s} | {' | '.join(cells)}"


def _cell(rows: Sequence[Row]) -> str:
    (regret, error), (top, top_error) = (mean_and_error(rows, name) for name in ("regret", "top"))
    changed, cost = (mean_and_error(rows, name)[0] for name in ("changed", "cost"))
    return (
        f"{regret:.3f}+-{error:.3f} top {top:.3f}+-{top_error:.3f} "
        f"other pick {changed:3.0%} saves {1 / cost:.2f}x"
    )


def _ladders(family: str, repeats: int) -> dict[str, tuple[Rung, ...]]:
    """Ladders by name; numbers are repeats, those with an epoch stop there first."""
    whole = Rung(repeats, None)
    counts = {3: [(1,), (2,)], 10: [(1,), (2,), (4,), (1, 3), (2, 4)]}[repeats]
    found = {}
    for share, name in ((1 / 3, "1/3"), (0.5, "1/2"), (2 / 3, "2/3")):
        for some in counts:
            rungs = [Rung(n, None, share) for n in some]
            found[f"{name} at {some}"] = (*rungs, whole)
            if family == "mlp":
                early = Rung(some[0], 5, share)
                found[f"{name} at ({some[0]}, epoch 5), {some}"] = (early, *rungs, whole)
    if family == "mlp":
        halving = (Rung(repeats, 5, 0.5), Rung(repeats, 10, 0.5), whole)
        found["1/2 at epochs 5, 10 (ASHA)"] = halving
    return found


def main() -> None:
    """Print a table and exit with 1 if a target is missed; --scan compares ladders instead."""
    parser = argparse.ArgumentParser(description="what racing saves and what it costs")
    parser.add_argument("--scan", action="store_true", help="compare ladders")
    torch.set_num_threads(1)
    if parser.parse_args().scan:
        for line in scan():
            print(line, flush=True)
        return
    results = measure()
    for r in results:
        low, high = r["spread"]
        line = f"{r['name']:80s} {r['ratio']:6.3f} ({low:.3f}-{high:.3f}) x {r['against']}"
        print(f"{line}, target {r['target']:.3f}")
    sys.exit(any(r["ratio"] < r["target"] for r in results))


if __name__ == "__main__":
    main()
