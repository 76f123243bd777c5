"""CPU seconds of tree trials, as ratios to plain scikit-learn loops of the same protocol.

Both are measured in one run.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_trees.py

A trial is one set of hyperparameters from the published random search and fits of it on seeded
halves of surrogate events (60k rows train, 60k validate), judged by val_sic, val_loss and max_sic
(42k test events). raysearch runs it as a search does, with the sorting of the features counted in;
the plain loop fits, scores and takes scikit-learn's ROC curve, as published code does. Runs of both
alternate, so that a busy machine slows both.

A study has 10 fits of each set. They cost the same, so that fewer are timed and the seconds of 10
sets x 10 fits extrapolated from them; the ratio needs no extrapolation. What a study shares among
its 100 fits is shared among the timed ones alone here, which favours the plain loop.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import optuna
from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_curve
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight

from raysearch.detectors import Member
from raysearch.events.surrogate import COLUMNS, surrogate_events
from raysearch.samples import Rows, TwoSample
from raysearch.trial import Setup, halves, run_trial
from search_spaces import SPACES

_REGION_TEV = (3.3, 3.7)
_N_SIGNAL = 600
_METRICS = ("val_sic", "val_loss", "max_sic")
_FITS_OF_A_STUDY = 100
_RUNS = 3

Parameters = Mapping[str, Any]


def make_sample(n_rows: int, n_test: int, n_signal: int) -> TwoSample:
    """Data with injected signal and template, half of the rows each, and test events."""
    data = surrogate_events(n_rows // 2 - n_signal, n_signal, 1, _REGION_TEV)
    template = surrogate_events(n_rows - n_rows // 2, 0, 2, _REGION_TEV)
    test = surrogate_events(n_test - n_test // 2, n_test // 2, 3, _REGION_TEV)
    features = np.concatenate([data.features, template.features])
    rows = Rows(features, np.arange(n_rows) < n_rows // 2)
    mjj = np.concatenate([data.mjj_tev, template.mjj_tev])
    return TwoSample(rows, mjj, COLUMNS, test.features, test.labels, test.mjj_tev)


def parameter_sets(space: str, count: int) -> list[Parameters]:
    """Hyperparameters as a random search draws them."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [SPACES[space](study.ask())["parameters"] for _ in range(count)]


def own(name: str, sample: TwoSample, sets: list[Parameters], fits: int) -> list[list[float]]:
    """raysearch's trials; the metrics of each fit."""
    unsorted = replace(sample, rows=Rows(sample.rows.features, sample.rows.is_data))
    found: list[list[float]] = []
    for parameters in sets:
        setup = Setup("idealised", "baseline", name, parameters)
        values = run_trial(setup, unsorted, repeats=fits).values
        found += np.stack([values[metric] for metric in _METRICS], axis=1).tolist()
    return found


def plain(
    make: Callable[[Parameters, int], Any], sample: TwoSample, sets: list[Parameters], fits: int
) -> list[list[float]]:
    """The same fits with scikit-learn alone; the metrics of each fit."""
    members = halves(sample.rows.is_data, fits, 0)
    return [
        _plain_fit(make(parameters, seed), sample, member)
        for parameters in sets
        for seed, member in enumerate(members)
    ]


def _plain_fit(model: Any, sample: TwoSample, member: Member) -> list[float]:
    x, is_data = sample.rows.features, sample.rows.is_data
    train, held = member.train, member.validation
    weights = compute_sample_weight("balanced", is_data[held])
    extra = {}
    if isinstance(model, HistGradientBoostingClassifier):
        extra = {"X_val": x[held], "y_val": is_data[held], "sample_weight_val": weights}
    balanced = compute_sample_weight("balanced", is_data[train])
    model.fit(x[train], is_data[train], sample_weight=balanced, **extra)
    scores = model.decision_function(x[held])
    fpr, tpr, _ = roc_curve(is_data[held], scores)
    passed = fpr > 0
    sic = np.max(tpr[passed] / np.sqrt(fpr[passed]) - np.sqrt(fpr[passed]))
    loss = log_loss(is_data[held], 1 / (1 + np.exp(-scores)), sample_weight=weights)
    return [sic, loss, _plain_max_sic(model.decision_function(sample.test), sample.test_is_signal)]


def _plain_max_sic(scores: np.ndarray, is_signal: np.ndarray) -> float:
    fpr, tpr, _ = roc_curve(is_signal, scores)
    known = fpr > 1 / (np.count_nonzero(~is_signal) * 0.2**2)
    return np.max(tpr[known] / np.sqrt(fpr[known]))


def hgb(parameters: Parameters, seed: int) -> HistGradientBoostingClassifier:
    """scikit-learn's HGB with a set of the published search."""
    return HistGradientBoostingClassifier(early_stopping=True, random_state=seed, **parameters)


def adaboost(parameters: Parameters, seed: int) -> AdaBoostClassifier:
    """scikit-learn's AdaBoost with a set of the published search."""
    of_boosting = {k: parameters[k] for k in ("n_estimators", "learning_rate")}
    of_tree = {k: v for k, v in parameters.items() if k not in of_boosting}
    return AdaBoostClassifier(DecisionTreeClassifier(**of_tree), random_state=seed, **of_boosting)


class Case(NamedTuple):
    """A plain loop and the detectors that are measured against it, with what is timed of both."""

    space: str
    make: Callable[[Parameters, int], Any]
    detectors: tuple[str, ...]
    target: float
    sets: int
    fits: int


_CASES = (
    Case("hgb", hgb, ("lightgbm", "hgb"), 2.0, sets=10, fits=2),
    # Exact splits take .1-.3 s a tree.
    Case("adaboost", adaboost, ("adaboost",), 10.0, sets=3, fits=1),
)


class Timed(NamedTuple):
    """CPU seconds of this process, and the metrics of each fit."""

    seconds: float
    metrics: list[list[float]]


def cpu_s(work: Callable[[], list[list[float]]]) -> Timed:
    """How long the work takes, and what it finds."""
    start = time.process_time()
    found = work()
    return Timed(time.process_time() - start, found)


def measure(
    n_rows: int = 120_000,
    n_test: int = 42_000,
    n_signal: int = _N_SIGNAL,
    sets: int | None = None,
    fits: int | None = None,
    runs: int = _RUNS,
) -> list[dict]:
    """CPU seconds of the plain loop over those of raysearch, for each tree family.

    Args:
        n_rows: half of them train, half validate.
        n_test: test events, half of them signal.
        n_signal: signal events among the rows.
        sets: hyperparameter sets, of 10; None for as many as take a reasonable time.
        fits: fits of each, of 10; None likewise.
        runs: repetitions.

    Returns:
        For each family name, ratio (median over the runs), against, target, spread (smallest and
        largest ratio), seconds and baseline_seconds (CPU seconds of 10 sets x 10 fits, extrapolated
        from the fits that were timed), timed_fits, and metrics and baseline_metrics (means over
        the fits).
    """
    sample = make_sample(n_rows, n_test, n_signal)
    own("lightgbm", make_sample(2000, 200, 100), [{"max_iter": 2}], 1)  # imports the library
    cases = [c._replace(sets=sets or c.sets, fits=fits or c.fits) for c in _CASES]
    return [result for case in cases for result in _compare(case, sample, runs)]


def _compare(case: Case, sample: TwoSample, runs: int) -> list[dict]:
    sets = parameter_sets(case.space, case.sets)
    timed: dict[str, list[Timed]] = {name: [] for name in ("", *case.detectors)}
    for _ in range(runs):
        timed[""].append(cpu_s(lambda: plain(case.make, sample, sets, case.fits)))
        for name in case.detectors:
            timed[name].append(cpu_s(lambda name=name: own(name, sample, sets, case.fits)))
    return [_entry(case, name, timed[name], timed[""]) for name in case.detectors]


def _entry(case: Case, name: str, ours: list[Timed], theirs: list[Timed]) -> dict:
    ratios = [their.seconds / our.seconds for their, our in zip(theirs, ours, strict=True)]
    whole = _FITS_OF_A_STUDY / (case.sets * case.fits)
    return {
        "name": f"{name}, 10 hyperparameter sets x 10 fits with metrics",
        "ratio": statistics.median(ratios),
        "against": f"scikit-learn {case.space} loop",
        "target": case.target,
        "spread": (min(ratios), max(ratios)),
        "seconds": whole * statistics.median(our.seconds for our in ours),
        "baseline_seconds": whole * statistics.median(their.seconds for their in theirs),
        "timed_fits": case.sets * case.fits,
        "metrics": _means(ours[-1].metrics),
        "baseline_metrics": _means(theirs[-1].metrics),
    }


def _means(of_fits: list[list[float]]) -> dict[str, float]:
    return dict(zip(_METRICS, np.mean(of_fits, axis=0).tolist(), strict=True))


def main() -> None:
    """Print a table and exit with 1 if a target is missed."""
    results = measure()
    for r in results:
        low, high = r["spread"]
        line = f"{r['name']:58s} {r['ratio']:5.2f} ({low:.2f}-{high:.2f}) x {r['against']}"
        print(f"{line}, target {r['target']}")
        print(
            f"    {r['seconds']:.0f} against {r['baseline_seconds']:.0f} CPU s, extrapolated from "
            f"{r['timed_fits']} fits"
        )
        for metric in _METRICS:
            print(f"    {metric} {r['metrics'][metric]:.4f}, {r['baseline_metrics'][metric]:.4f}")
    sys.exit(any(r["ratio"] < r["target"] for r in results))


if __name__ == "__main__":
    main()
