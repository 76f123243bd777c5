"""CPU seconds of tree trials, as ratios to plain scikit-learn loops of the same protocol.

A trial is one set of hyperparameters from the published random search and fits of it on seeded
halves of surrogate events (60k rows train, 60k validate), judged by val_sic, val_loss and max_sic
(42k test events). raysearch runs it as a search does, with the sorting of the features counted in;
the plain loop fits, scores and takes scikit-learn's ROC curve, as published code does. Runs of both
alternate, so that a busy machine slows both.

A study has 10 fits of each of 10 sets. Fits of a set cost the same, so that fewer are timed, as the
names say; the seconds of 100 fits are extrapolated, the ratio is not. What a study shares among its
100 fits is shared among the timed ones alone here, which favours the plain loop.

Speed must not be paid for by quality: means of the metrics over the timed fits are compared too,
within the error that so few fits have.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import optuna
from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight

from raysearch.benchmarks.measurement import Measurement, measured
from raysearch.benchmarks.plain import judge, max_sic_of
from raysearch.detectors import Member
from raysearch.events.surrogate import COLUMNS, surrogate_events
from raysearch.objectives import objective
from raysearch.quiet import quiet_optuna
from raysearch.samples import Rows, TwoSample
from raysearch.threads import one_thread
from raysearch.trial import Setup, halves, run_trial
from search_spaces import SPACES

_REGION_TEV = (3.3, 3.7)
_METRICS = ("val_sic", "val_loss", "max_sic")
_FITS_OF_A_STUDY = 100
# What a metric's mean has to reach of the plain loop's. max_sic varies by 15% from fit to fit, and
# the loss lies 2e-4 below that of a classifier that knows nothing, of which a third may be lost.
_QUALITY = {"max_sic": 0.95, "val_loss": 0.9999}

Parameters = Mapping[str, Any]


class Size(NamedTuple):
    """How much is trained: half of the rows train, half validate; half of the test is signal."""

    rows: int = 120_000
    test: int = 42_000
    signal: int = 600
    share: float = 1.0
    runs: int = 3


QUICK = Size(2_000, 400, 100, 0.1, 1)


def make_sample(size: Size) -> TwoSample:
    """Data with injected signal and template, half of the rows each, and test events."""
    n_rows, n_test, n_signal = size.rows, size.test, size.signal
    data = surrogate_events(n_rows // 2 - n_signal, n_signal, 1, _REGION_TEV)
    template = surrogate_events(n_rows - n_rows // 2, 0, 2, _REGION_TEV)
    test = surrogate_events(n_test - n_test // 2, n_test // 2, 3, _REGION_TEV)
    features = np.concatenate([data.features, template.features])
    rows = Rows(features, np.arange(n_rows) < n_rows // 2)
    mjj = np.concatenate([data.mjj_tev, template.mjj_tev])
    return TwoSample(rows, mjj, COLUMNS, test.features, test.labels, test.mjj_tev)


def parameter_sets(space: str, count: int) -> list[Parameters]:
    """Hyperparameters as a random search draws them."""
    with quiet_optuna():
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [SPACES[space](study.ask())["parameters"] for _ in range(count)]


def own(name: str, sample: TwoSample, sets: list[Parameters], fits: int) -> list[list[float]]:
    """Raysearch's trials; the metrics of each fit."""
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
    sic, loss = judge(model.decision_function(x[held]), is_data[held])
    if sample.test is None or sample.test_is_signal is None:
        return [sic, loss]
    return [sic, loss, max_sic_of(model.decision_function(sample.test), sample.test_is_signal)]


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
    has_quality: bool = False


_CASES = (
    Case("hgb", hgb, ("lightgbm", "hgb"), 2.0, sets=10, fits=2, has_quality=True),
    # Exact splits take .1-.3 s a tree.
    Case("adaboost", adaboost, ("adaboost",), 10.0, sets=3, fits=1),
)


class Timed(NamedTuple):
    """CPU seconds of this process, and the metrics of each fit."""

    seconds: float
    metrics: list[list[float]]


def measure(*, quick: bool = False) -> list[Measurement]:
    """CPU seconds of the plain loop over those of raysearch, for each tree family."""
    size = QUICK if quick else Size()
    sample = make_sample(size)
    own("lightgbm", make_sample(QUICK), [{"max_iter": 2}], 1)  # imports the library
    with one_thread():
        return [found for case in _CASES for found in _compare(case, sample, size)]


def _compare(case: Case, sample: TwoSample, size: Size) -> list[Measurement]:
    sets = parameter_sets(case.space, max(1, round(case.sets * size.share)))
    timed: dict[str, list[Timed]] = {name: [] for name in ("", *case.detectors)}
    for _ in range(size.runs):
        timed[""].append(_timed(partial(plain, case.make, sample, sets, case.fits)))
        for name in case.detectors:
            timed[name].append(_timed(partial(own, name, sample, sets, case.fits)))
    found = [_compared(case, name, timed[name], timed[""], len(sets)) for name in case.detectors]
    for name in case.detectors if case.has_quality else ():
        found += _quality(case, name, timed[name][-1].metrics, timed[""][-1].metrics)
    return found


def _timed(work: Callable[[], list[list[float]]]) -> Timed:
    """How long the work takes, and what it finds."""
    start = time.process_time()
    found = work()
    return Timed(time.process_time() - start, found)


def _compared(
    case: Case, name: str, ours: list[Timed], theirs: list[Timed], sets: int
) -> Measurement:
    ratios = [their.seconds / our.seconds for their, our in zip(theirs, ours, strict=True)]
    whole = _FITS_OF_A_STUDY / (sets * case.fits)
    seconds, plain_s = (whole * statistics.median(t.seconds for t in way) for way in (ours, theirs))
    return measured(
        f"{name}, {sets} hyperparameter sets x {case.fits} fits with metrics",
        ratios,
        f"scikit-learn {case.space} loop",
        case.target,
        f"{seconds:.0f} against {plain_s:.0f} CPU s, extrapolated to {_FITS_OF_A_STUDY} fits",
    )


def _quality(
    case: Case, name: str, ours: list[list[float]], theirs: list[list[float]]
) -> list[Measurement]:
    """The means of two metrics as ratios of which larger is better."""
    own, plain_ = (np.mean(way, axis=0) for way in (ours, theirs))
    found = []
    for metric, target in _QUALITY.items():
        at = _METRICS.index(metric)
        ratio = (
            own[at] / plain_[at] if objective(metric).direction == "max" else plain_[at] / own[at]
        )
        detail = f"{own[at]:.4f} against {plain_[at]:.4f}, means of {len(ours)} fits"
        against = f"that of scikit-learn {case.space}"
        found.append(measured(f"{name}, {metric}", [float(ratio)], against, target, detail))
    return found
