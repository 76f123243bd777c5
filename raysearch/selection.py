"""The winner of each objective, its final ensemble's figures, and the ensemble's regret.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raysearch.metrics import supervised_summary, val_sic
from raysearch.objectives import MAX_SIC, OBJECTIVES, Objective, objective, sic_at
from raysearch.preference import ALARM_RATE, Preference
from raysearch.recommend import NAME, Recommendation
from raysearch.records import Record, Records, trial_id
from raysearch.refit import Final
from raysearch.samples import TwoSample, View
from raysearch.seeds import generator
from raysearch.trial import Setup

N_PERMUTATIONS = 50

Scores = NDArray[np.float64]


def winners(records: Records) -> dict[str, int]:
    """Index of the best complete trial by each objective that the trials have.

    Early-stopped and failed trials cannot win; without a complete trial nobody does.
    """
    complete = {i: record for i, (_, record) in records.items() if record.state == "COMPLETE"}
    found = {}
    for o in OBJECTIVES.values():
        having = [i for i, record in complete.items() if o.name in record.metrics]
        if having:
            means = np.array([_mean(complete[i], o) for i in having])
            found[o.name] = having[o.best(means)]
    return found


def noise_floor(
    is_data: NDArray[np.bool_], scores: NDArray[np.floating], seed: int
) -> tuple[float, float]:
    """Mean and 95% quantile of val_sic when data and template are shuffled into each other.

    Args:
        is_data: (n,) classes.
        scores: (n,) scores.
        seed: of the study.
    """
    rng = generator(seed, "permutations")
    values = [val_sic(rng.permutation(is_data), scores) for _ in range(N_PERMUTATIONS)]
    return float(np.mean(values)), float(np.quantile(values, 0.95))


def choices(
    records: Records,
    setups: Mapping[str, Setup],
    finals: Mapping[str, Final],
    recommended: Recommendation | None,
    samples: Mapping[View, TwoSample],
    seed: int,
) -> dict[str, Any]:
    """What selection.json says of each objective's winner and of the recommended mean.

    Args:
        records: of all trials.
        setups: the winner's setup by objective.
        finals: the winner's final ensemble by objective; empty if there was no time for it.
        recommended: the mean of the best trials; None if there was no time for it.
        samples: the events, by mode and feature set.
        seed: of the study.
    """
    picked = winners(records)
    ensembles = {
        name: _ensemble(final.rows, final.test, final.members, samples[setups[name].view], seed)
        for name, final in finals.items()
    }
    reference = ensembles.get(MAX_SIC.name, {}).get("metrics")
    found = {
        name: {
            "trial_id": trial_id(index),
            "setup": _as_json(setups[name]),
            "trial": _trial(records[index][1], objective(name)),
            "ensemble": _with_regret(ensembles.get(name), reference),
        }
        for name, index in picked.items()
    }
    if recommended is not None:
        found[NAME] = _recommended(recommended, samples, seed, reference)
    return found


def _recommended(
    found: Recommendation,
    samples: Mapping[View, TwoSample],
    seed: int,
    reference: Mapping[str, float] | None,
) -> dict[str, Any]:
    setups = [contender.setup for contender in found.contenders]
    counts = Counter(setup.detector for setup in setups)
    members = sum(contender.final.members for contender in found.contenders)
    ensemble = _ensemble(found.rows, found.test, members, samples[setups[0].view], seed)
    return {
        "trial_id": f"mean of {len(setups)}",
        "trials": [trial_id(contender.trial) for contender in found.contenders],
        "setup": {
            "mode": setups[0].mode,
            "features": " + ".join(dict.fromkeys(setup.features for setup in setups)),
            "detector": " + ".join(f"{count} {name}" for name, count in counts.items()),
            "parameters": {},
        },
        "parts": [_as_json(setup) for setup in setups],
        "trial": {},
        "preference": None if found.preference is None else _clear(found.preference),
        "ensemble": _with_regret(ensemble, reference),
    }


def _clear(found: Preference) -> dict[str, Any]:
    return {**found._asdict(), "is_clear": found.is_clear, "alarm_rate": ALARM_RATE}


def _trial(record: Record, chosen_by: Objective) -> dict[str, float]:
    """Its metrics, max SIC at the epochs that are best by what chose it."""
    sources = {o: sic_at(chosen_by.name) if o == MAX_SIC.name else o for o in OBJECTIVES}
    values = {o: record.metrics[own] for o, own in sources.items() if own in record.metrics}
    means = {name: float(np.mean(of)) for name, of in values.items()}
    return means | {f"{name}_std": float(np.std(of)) for name, of in values.items()}


def _mean(record: Record, objective: Objective) -> float:
    return float(np.mean(record.metrics[objective.name]))


def _as_json(setup: Setup) -> dict[str, Any]:
    return {**setup._asdict(), "parameters": dict(setup.parameters)}


def _ensemble(
    rows: Scores, test: Scores | None, members: int, sample: TwoSample, seed: int
) -> dict[str, Any]:
    mean, quantile = noise_floor(sample.rows.is_data, rows, seed)
    supervised = None
    if test is not None and sample.test_is_signal is not None:
        summary = supervised_summary(sample.test_is_signal, test)
        # JSON has no infinity: a rejection without any background left is unknown.
        supervised = {k: v if np.isfinite(v) else None for k, v in summary.items()}
    return {
        "members": members,
        "metrics": supervised,
        "val_sic": val_sic(sample.rows.is_data, rows),
        "val_sic_floor": mean,
        "val_sic_floor_95": quantile,
    }


def _with_regret(
    ensemble: dict[str, Any] | None, reference: Mapping[str, float] | None
) -> dict[str, Any] | None:
    if ensemble is None:
        return None
    own = ensemble["metrics"]
    if own is None or reference is None:
        return {**ensemble, "regret": None}
    return {**ensemble, "regret": own["max_sic"] / reference["max_sic"]}
