"""Retrain a chosen setup on the full statistics as an ensemble. No Ray.

Every row trains four of five members and is scored by the fifth, so that the whole sample is used
and still has scores from members that never trained on it. Those rows do decide when a member's
training stops or which of its epochs count, as in the published protocol, which favours its val_sic
slightly. `raysearch.verdict` scores some rows by members that owe them nothing.

References:
    How to pick the best anomaly detector? (Hein et al., 2025), arXiv:2511.14832: ensembles of
    networks, each at its best epochs, and of trees.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from raysearch.best_epochs import train_at_best
from raysearch.detectors import Member, Snapshot, detector
from raysearch.detectors.ensemble import from_probability
from raysearch.objectives import Objective
from raysearch.regions import folds
from raysearch.samples import TwoSample
from raysearch.seeds import generator, number
from raysearch.trial import Setup

N_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Refit:
    """Some members of the final ensemble.

    Attributes:
        snapshot: the members, each at its best epochs.
        held_out: (n,) sum over members of the probability of the rows they never saw.
        times: (n,) how many members that sum is over.
        test: (m,) sum over networks of the test events' probability; empty without a test.
        networks: how many that sum is over.
        members: how many were trained.
        seconds: wall time of training, metrics and scoring.
    """

    snapshot: Snapshot
    held_out: NDArray[np.float64]
    times: NDArray[np.int64]
    test: NDArray[np.float64]
    networks: int
    members: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Final:
    """The final ensemble and its scores.

    Attributes:
        snapshot: all members.
        rows: (n,) log odds of the sample's rows, by members that never trained on them.
        test: (m,) log odds of the test events, or None.
        seconds: worker time of all its parts.
        members: fits it averages, each perhaps at several epochs.
    """

    snapshot: Snapshot
    rows: NDArray[np.float64]
    test: NDArray[np.float64] | None
    seconds: float
    members: int


def final_members(is_data: NDArray[np.bool_], size: int, seed: int, index: int) -> list[Member]:
    """The members of the ensemble: all folds of as many partitions as are needed.

    Args:
        is_data: (n,) class of each row.
        size: number of members.
        seed: of the study.
        index: of the trial whose setup is retrained.
    """
    partitions = range(-(-size // N_FOLDS))
    splits = [
        split
        for partition in partitions
        for split in folds(is_data, N_FOLDS, generator(seed, "final folds", partition))
    ]
    return [
        Member(train, held, number(seed, "final", index, member))
        for member, (train, held) in enumerate(splits[:size])
    ]


def refit(
    setup: Setup, sample: TwoSample, members: Sequence[Member], objective: Objective
) -> Refit:
    """Train some members and average each over its best epochs by the objective.

    Args:
        setup: what is trained.
        sample: all rows; test events are scored, and judge only a supervised objective.
        members: from `final_members`.
        objective: chooses the epochs, for detectors that have any.
    """
    return refit_each(setup, sample, members, [objective])[objective.name]


def refit_each(
    setup: Setup, sample: TwoSample, members: Sequence[Member], objectives: Sequence[Objective]
) -> dict[str, Refit]:
    """Train some members once, and average each over its best epochs by every objective.

    Args:
        setup: what is trained.
        sample: all rows.
        members: from `final_members`.
        objectives: choose the epochs; see `refit`.

    Returns:
        By objective what `refit` gives, but for the seconds, which are shared out evenly.
    """
    started = time.perf_counter()
    trained = train_at_best(setup, sample, [members], objectives)
    found = {
        name: assembled(setup, group.snapshots, sample, members)
        for name, (group,) in trained.items()
    }
    seconds = (time.perf_counter() - started) / len(objectives)
    return {name: replace(own, seconds=seconds) for name, own in found.items()}


def assembled(
    setup: Setup, parts: Sequence[Snapshot], sample: TwoSample, members: Sequence[Member]
) -> Refit:
    """Members at their best epochs as one, with the scores of what they never saw.

    Args:
        setup: what was trained.
        parts: of each member its networks or trees.
        sample: all rows.
        members: as many as parts.
    """
    return _scored(detector(setup.detector).merge(parts), parts, sample, members)


def _scored(
    whole: Snapshot, parts: Sequence[Snapshot], sample: TwoSample, members: Sequence[Member]
) -> Refit:
    held_out, times = np.zeros(len(sample.mjj_tev)), np.zeros(len(sample.mjj_tev), dtype=np.int64)
    for part, member in zip(parts, members, strict=True):
        held_out[member.validation] += probability(part, sample.rows.features[member.validation])
        times[member.validation] += 1
    if sample.test is None:
        return Refit(whole, held_out, times, np.zeros(0), 0, len(members), 0.0)
    test = np.zeros(len(sample.test))
    scores = whole.scores(sample.test)
    for network in scores:
        test += expit(network.astype(np.float64))
    return Refit(whole, held_out, times, test, len(scores), len(members), 0.0)


def probability(part: Snapshot, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) mean probability of (n, d) events over the networks of a snapshot."""
    found: NDArray[np.float64] = expit(part.scores(features).astype(np.float64)).mean(axis=0)
    return found


def combine(setup: Setup, parts: Sequence[Refit]) -> Final:
    """The ensemble of all parts; together they must have held out every row."""
    snapshot = detector(setup.detector).merge([part.snapshot for part in parts])
    times = np.sum([part.times for part in parts], axis=0)
    rows = from_probability(np.sum([part.held_out for part in parts], axis=0) / times)
    networks = sum(part.networks for part in parts)
    seconds, members = sum(p.seconds for p in parts), sum(p.members for p in parts)
    if not networks:
        return Final(snapshot, rows, None, seconds, members)
    test = from_probability(np.sum([part.test for part in parts], axis=0) / networks)
    return Final(snapshot, rows, test, seconds, members)
