"""Which strategy finds the better setup with the same number of trials: joint or steps?

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_strategy.py --out strategy.jsonl [--minutes 4]
     [EVENTS.h5] [--draws 10] [--n-signal 300,600] [--trials 30] [--repeats 2] [--space hgb]
     [--mode idealised,cwola] [--features baseline,baseline+noise10] [--sampler tpe]

A draw has surrogate events of its own, or another division and injection of a file's events, and
one search by each strategy, one trial after another, none stopped early. The pick is the trial with
the best val SIC; its max SIC is that at the epochs val SIC likes best. The reference is the largest
max SIC among all trials of both, mean over the repeats, which labels would have found. Each search
is a line of the file as soon as it ends; the same command goes on where it was stopped, and prints
what the file holds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from kept_lines import add_line, in_words, lines

from raysearch import run_trial, surrogate_events
from raysearch.inputs import read_inputs
from raysearch.joint import as_setup, joint_space
from raysearch.objectives import MAX_SIC, VAL_SIC, sic_at
from raysearch.prepare import prepare_study
from raysearch.records import Record, Records
from raysearch.samples import TwoSample, View
from raysearch.seeds import number
from raysearch.settings import STRATEGIES, Settings, names
from raysearch.threads import one_thread
from raysearch.tuning.history import History

BACKGROUND, SIGNAL_POOL = 120_000, 15_000


def options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", nargs="?", type=Path, default=None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--n-signal", default="300,600")
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--space", default="hgb")
    parser.add_argument("--mode", default="idealised,cwola")
    parser.add_argument("--features", default="baseline,baseline+noise10")
    parser.add_argument("--sampler", default="tpe")
    return parser.parse_args()


def settings_of(asked: argparse.Namespace) -> Iterator[Settings]:
    """Of all searches, both strategies of a draw one after the other."""
    for draw in range(asked.draws):
        for n_signal in names(asked.n_signal):
            for strategy in STRATEGIES:
                yield Settings(
                    mode=names(asked.mode),
                    features=names(asked.features),
                    space=asked.space,
                    sampler=asked.sampler,
                    strategy=strategy,
                    trials=asked.trials,
                    repeats=asked.repeats,
                    seed=draw,
                    n_signal=int(n_signal),
                    verdict_share=0.0,
                )


def samples_of(events: Path | None, settings: Settings) -> Mapping[View, TwoSample]:
    """The events of a draw."""
    seed = number(settings.seed, "strategy events")
    source = surrogate_events(BACKGROUND, SIGNAL_POOL, seed) if events is None else events
    sources = {"events": source, "template": None, "test": None}
    inputs = read_inputs(sources, settings.features, settings.mode)
    return prepare_study(inputs, settings).samples


def searched(samples: Mapping[View, TwoSample], settings: Settings) -> Records:
    """The trials of a search, as one worker runs them."""
    space = joint_space(settings)
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), settings)
        while history.left:
            index, trial = history.ask()
            setup = as_setup(space(trial))
            sample = samples[setup.view]
            seed, repeats = settings.seed, settings.repeats
            found = run_trial(setup, sample, repeats=repeats, seed=seed, index=index)
            metrics = {name: values.tolist() for name, values in found.values.items()}
            ended = Record("COMPLETE", metrics, found.epochs, found.seconds, None, setup.detector)
            history.finish(trial, ended)
        return history.records()


def outcome(records: Records) -> dict[str, Any]:
    """What the search picked, and the best that was among its trials."""
    means = {
        name: np.array([np.mean(record.metrics[name]) for _, record in records.values()])
        for name in (VAL_SIC.name, MAX_SIC.name, sic_at(VAL_SIC.name))
    }
    pick = VAL_SIC.best(means[VAL_SIC.name])
    parameters, _ = list(records.values())[pick]
    return {
        "pick": float(means[sic_at(VAL_SIC.name)][pick]),
        "best": float(means[MAX_SIC.name].max()),
        "view": [parameters.get("mode"), parameters.get("features")],
    }


def run(asked: argparse.Namespace) -> None:
    """Run what the file lacks, until the time is up."""
    due, known = time.monotonic() + 60 * asked.minutes, [line["key"] for line in lines(asked.out)]
    for settings in settings_of(asked):
        key = [str(asked.events), settings.as_json()]
        if key in known:
            continue
        if time.monotonic() > due:
            return
        began = time.process_time()
        found = outcome(searched(samples_of(asked.events, settings), settings))
        found |= {"key": key, "cpu_s": round(time.process_time() - began, 1)}
        add_line(asked.out, found)


def show(asked: argparse.Namespace) -> None:
    """Print mean regrets with their errors, and their difference in the same draws."""
    found = {json.dumps(line["key"]): line for line in lines(asked.out)}
    regrets: dict[int, list[tuple[float, ...]]] = {}
    pairs = list(settings_of(asked))
    for both in zip(pairs[::2], pairs[1::2], strict=True):
        keys = [json.dumps([str(asked.events), settings.as_json()]) for settings in both]
        if all(key in found for key in keys):
            best = max(found[key]["best"] for key in keys)
            of_draw = tuple(found[key]["pick"] / best for key in keys)
            regrets.setdefault(both[0].n_signal or 0, []).append(of_draw)
    for n_signal, of_draws in sorted(regrets.items()):
        values = np.array(of_draws)
        told = [f"{name} {in_words(own)}" for name, own in zip(STRATEGIES, values.T, strict=True)]
        told.append(f"joint - steps {in_words(values[:, 0] - values[:, 1])}")
        print(f"{n_signal} signal events, {len(values)} draws: regret {', '.join(told)}")


if __name__ == "__main__":
    asked = options()
    with one_thread():
        run(asked)
    show(asked)
