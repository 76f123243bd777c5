"""How good each background template is: CATHODE by both densities beside idealised and CWoLa.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_cathode.py OUT.jsonl EVENTS.h5 TEMPLATE.h5
     [--draws 3] [--n-signal 400,1000] [--templates idealised,cwola,maf,flow_matching] [--trials 1]

EVENTS has sidebands and labels, TEMPLATE background of the signal region. A draw is another
division of them, injection and training; of several trials of a density's hyperparameters the best
is taken, as a study does. Figures are, of a density, its seconds of processor time
and the AUC with which a classifier tells its samples from held-out sidebands; of every template max
SIC on test events of the final ensemble of `hgb` and of `mlp` with default hyperparameters, their
epochs chosen by val SIC. Each template of a draw is a line of the file as soon as it ends; the same
command goes on where it was stopped and prints what the file holds.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import Any

from kept_lines import add_line, in_words, lines

from raysearch.density import ESTIMATORS, CathodeSettings
from raysearch.inputs import read_inputs
from raysearch.metrics import max_sic
from raysearch.objectives import VAL_SIC
from raysearch.prepare import prepare_study
from raysearch.refit import N_FOLDS, final_members, refit
from raysearch.settings import Settings
from raysearch.threads import one_thread
from raysearch.trial import Setup

FEATURES, DETECTORS = "baseline", ("hgb", "mlp")


def settings_of(n_signal: int, template: str, trials: int, draw: int) -> Settings:
    """Of a study with one template; what is no mode is a density."""
    density, mode = CathodeSettings(), template
    if template in ESTIMATORS:
        density, mode = CathodeSettings(template, trials=trials), "cathode"
    return Settings(
        mode=(mode,),
        features=(FEATURES,),
        n_signal=n_signal,
        seed=draw,
        cathode=density,
        verdict_share=0.0,
    )


def found_with(settings: Settings, events: Path, template: Path) -> dict[str, Any]:
    """The figures of one template in one draw."""
    simulated = template if settings.mode == ("idealised",) else None
    sources = {"events": events, "template": simulated, "test": None}
    prepared = prepare_study(read_inputs(sources, settings.features, settings.mode), settings)
    (sample,) = prepared.samples.values()
    found: dict[str, Any] = {}
    for about in prepared.densities.values():
        found |= {"auc": about["check"]["auc"], "cpu_s": about["cpu_seconds"]}
    n_data = int(sample.rows.is_data.sum())
    found |= {"data": n_data, "template": len(sample.mjj_tev) - n_data}
    for name in DETECTORS:
        members = final_members(sample.rows.is_data, N_FOLDS, settings.seed, 0)
        setup = Setup(settings.mode[0], FEATURES, name, {})
        test = refit(setup, sample, members, VAL_SIC).test
        found[f"max SIC, {name}"] = max_sic(sample.test_is_signal, test)
    return found


def run(asked: argparse.Namespace) -> None:
    """Train what the file lacks."""
    known = [line["key"] for line in lines(asked.out)]
    n_signals = [int(word) for word in asked.n_signal.split(",")]
    for draw, n_signal, template in itertools.product(
        range(asked.draws), n_signals, asked.templates.split(",")
    ):
        key = [n_signal, template, asked.trials if template in ESTIMATORS else 1, draw]
        if key in known:
            continue
        settings = settings_of(*key)
        found = found_with(settings, asked.events, asked.template)
        add_line(asked.out, {"key": key, **found})


def show(path: Path) -> None:
    """Print the mean of each figure and its error over draws."""
    groups: dict[tuple[int, str, int], list[dict[str, Any]]] = {}
    for line in lines(path):
        n_signal, template, trials, _ = line.pop("key")
        groups.setdefault((n_signal, template, trials), []).append(line)
    for (n_signal, template, trials), rows in sorted(groups.items()):
        print(f"{n_signal} signal events, {template}, {trials} trials, {len(rows)} draws")
        for name in rows[0]:
            print(f"  {name:15s} {in_words([row[name] for row in rows])}")


def main() -> None:
    """Train, and print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("events", type=Path)
    parser.add_argument("template", type=Path)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--n-signal", default="400,1000")
    parser.add_argument("--templates", default="idealised,cwola,maf,flow_matching")
    parser.add_argument("--trials", type=int, default=1)
    asked = parser.parse_args()
    with one_thread():
        run(asked)
    show(asked.out)


if __name__ == "__main__":
    main()
