"""Retrain a contender, and ask rows that nothing was chosen by what it finds. No Ray.

The ensemble that is kept trains on all rows. The opinion comes from further members: they train on
deciding rows, other deciding rows choose their epochs, and they score the verdict rows, which were
in no trial of the search either. What their scores depend on is fixed before the classes of the
verdict rows are looked at, so that under the null these may be permuted. Two traces of the classes
are left, thought too small to matter and not measured: a generated template is sampled at the
masses of all data rows, and the density behind it learns from sideband events, some of which are
verdict rows of mode "cwola" where a study has both modes and chooses between them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from raysearch.best_epochs import Trained, train_at_best
from raysearch.detectors import Member, Snapshot
from raysearch.excess import template_rank
from raysearch.objectives import Objective
from raysearch.refit import N_FOLDS, Refit, assembled, probability
from raysearch.regions import folds
from raysearch.samples import TwoSample
from raysearch.seeds import generator, number
from raysearch.trial import Setup

# Of each contender, so that five of them are asked through ten fits.
VERDICT_MEMBERS = 2


@dataclass(frozen=True, eq=False)
class Opinion:
    """What some members think of the verdict rows.

    Attributes:
        ranks: (v,) sum over members of the template rank, larger is more anomalous.
        members: how many that sum is over.
        seconds: wall time of training and scoring.
    """

    ranks: NDArray[np.float64]
    members: int
    seconds: float


class Retrained(NamedTuple):
    """What a task made of its members.

    Attributes:
        refit: of those of the final ensemble, or why it failed; None if there were none.
        opinion: of the verdict members. A failure of the others does not touch it: they trained
            on verdict rows, by which nobody may leave those that are asked.
    """

    refit: Refit | str | None
    opinion: Opinion | str | None


def verdict_members(sample: TwoSample, seed: int, index: int) -> list[Member]:
    """Members that no verdict row trains or chooses the epochs of; each has another fold to judge.

    Args:
        sample: with verdict rows, or without: then there are no such members.
        seed: of the study.
        index: of the trial whose setup is retrained.
    """
    if not len(sample.verdict):
        return []
    rng = generator(seed, "verdict folds")
    split = folds(sample.rows.is_data, N_FOLDS, rng, sample.deciding)
    return [
        Member(train, held, number(seed, "verdict", index, member))
        for member, (train, held) in enumerate(islice(split, VERDICT_MEMBERS))
    ]


def retrain(
    setup: Setup,
    sample: TwoSample,
    members: Sequence[Member],
    objective: Objective,
    asked: Sequence[Member] = (),
) -> Retrained:
    """Train some members as one pack and average each over its best epochs by the objective.

    Args:
        setup: what is trained.
        sample: all rows.
        members: of the ensemble, from `raysearch.refit.final_members`.
        objective: chooses the epochs, for detectors that have any.
        asked: from `verdict_members`.
    """
    started = time.perf_counter()
    trained = train_at_best(setup, sample, [members, asked], [objective])
    own, others = trained[objective.name]
    refit, opinion = _refit(setup, sample, members, own), _opinion(sample, asked, others)
    each_s = (time.perf_counter() - started) / (len(members) + len(asked))
    if isinstance(refit, Refit):
        refit = replace(refit, seconds=each_s * len(members))
    if isinstance(opinion, Opinion):
        opinion = replace(opinion, seconds=each_s * len(asked))
    return Retrained(refit, opinion)


def _refit(
    setup: Setup, sample: TwoSample, members: Sequence[Member], trained: Trained
) -> Refit | str | None:
    if not members:
        return None
    try:
        return assembled(setup, trained.snapshots, sample, members)
    except ValueError as error:
        return str(error)


def _opinion(sample: TwoSample, asked: Sequence[Member], trained: Trained) -> Opinion | str | None:
    if not asked:
        return None
    try:
        pairs = zip(trained.snapshots, asked, strict=True)
        ranks = [_ranks(part, sample, member) for part, member in pairs]
    except ValueError as error:
        return str(error)
    return Opinion(np.sum(ranks, axis=0, dtype=np.float64), len(asked), 0.0)


def _ranks(part: Snapshot, sample: TwoSample, member: Member) -> NDArray[np.float32]:
    """(v,) ranks of the verdict rows among template rows that the member did not train on."""
    features, is_data = sample.rows.features, sample.rows.is_data
    template = member.validation[~is_data[member.validation]]
    scores = probability(part, features[sample.verdict])
    return template_rank(scores, probability(part, features[template]))


def joined(opinions: Sequence[Opinion]) -> NDArray[np.float64]:
    """(v,) mean template rank over all members of one contender."""
    ranks: NDArray[np.float64] = np.sum([opinion.ranks for opinion in opinions], axis=0)
    return ranks / sum(opinion.members for opinion in opinions)
