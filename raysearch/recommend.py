"""The recommended choice: not the one best trial, but the mean of the best few.

The trial with the largest metric is in part the luckiest one; among the first few by a metric are
setups that are as good and err elsewhere, which a mean template rank should gain from.
tests/benchmarks/bench_choice.py compares it with single picks over draws of the data. Whether to
prefer anything at all is asked of rows that had no part in the choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from raysearch.backgrounds import template_of
from raysearch.detectors.ensemble import Ensemble
from raysearch.features import Variation
from raysearch.joint import view_of
from raysearch.mixture import Mixture, Part, mean_rank
from raysearch.objectives import VAL_SIC, Objective, objective
from raysearch.preference import Preference, preference
from raysearch.records import Records
from raysearch.refit import N_FOLDS, Final
from raysearch.samples import TwoSample, View
from raysearch.scorer import Scorer
from raysearch.settings import Settings
from raysearch.trial import Setup

NAME = "recommended"
# One member for each fold: every row is scored once by a member that never saw it.
MEMBERS = N_FOLDS


class Contender(NamedTuple):
    """One of the best trials, retrained.

    Attributes:
        trial: its index.
        setup: what was trained.
        final: its ensemble and scores.
    """

    trial: int
    setup: Setup
    final: Final


class Recommendation(NamedTuple):
    """The mean of the contenders.

    Attributes:
        contenders: the best first.
        rows: (n,) mean template rank of the sample's rows, out of fold.
        test: (m,) the same of the test events, or None.
        preference: whether their excess is more than luck; None if no rows were set aside to ask.
    """

    contenders: tuple[Contender, ...]
    rows: NDArray[np.float64]
    test: NDArray[np.float64] | None
    preference: Preference | None

    def mixture(self, is_data: NDArray[np.bool_], variations: Mapping[View, Variation]) -> Mixture:
        """The detector that scores new events.

        Args:
            is_data: (n,) classes of the sample's rows.
            variations: what made the inputs of each contender's sample.
        """
        return Mixture(
            tuple(
                Part(
                    as_scorer(c.setup, c.final, variations),
                    c.final.rows[~is_data].astype(np.float32),
                )
                for c in self.contenders
            )
        )


def as_scorer(setup: Setup, final: Final, variations: Mapping[View, Variation]) -> Scorer:
    """The detector that scores new events with one ensemble.

    Args:
        setup: what was trained.
        final: its ensemble.
        variations: what made the inputs of each sample.
    """
    ensemble = Ensemble(setup.detector, setup.features, final.snapshot)
    return Scorer(ensemble, variations[setup.view])


def ranked_by(objective_name: str) -> Objective:
    """What the contenders of a study are the best by.

    The study's own objective if it is one of calibrated scores of all rows, else val_sic: val_loss
    picks worse, and labels may have no part in a recommendation.

    Example:
        >>> ranked_by("cross_sic").name, ranked_by("max_sic").name
        ('cross_sic', 'val_sic')
    """
    own = objective(objective_name)
    return own if own.is_pooled else VAL_SIC


def best_trials(records: Records, settings: Settings, by: Objective = VAL_SIC) -> list[int]:
    """Indices of the contenders, the best complete trial first.

    All have the template of the best one. A template event has an out-of-fold score by a member of
    its own template alone: by an ensemble of another one it would be scored as a new event is, with
    the mean of all members, and be less spread than data, which would look like an excess. Those of
    a density are not even the same events for two feature sets. And since deciding rows choose the
    template, the verdict rows are asked in one mode, and their p needs no factor for the others.

    Args:
        records: of all trials.
        settings: of the study; tell how many there are at most.
        by: what they are compared by.
    """
    complete = [i for i, (_, record) in records.items() if record.state == "COMPLETE"]
    means = np.array([float(np.mean(records[i][1].metrics[by.name])) for i in complete])
    ordered = [complete[k] for k in by.order(means)]
    templates = [template_of(view_of(settings, records[i][0])) for i in ordered]
    same = [i for i, template in zip(ordered, templates, strict=True) if template == templates[0]]
    return same[: settings.contenders]


def recommend(
    contenders: Sequence[Contender],
    verdicts: Sequence[NDArray[np.float64]],
    sample: TwoSample,
    seed: int,
) -> Recommendation:
    """Average the contenders, and ask the verdict rows whether they find more than luck.

    Args:
        contenders: at least one.
        verdicts: of each contender that was asked the (v,) ranks of the verdict rows; which were
            asked must not depend on the classes of these.
        sample: of one of them; all have the same rows and test events.
        seed: of the study.
    """
    is_data = sample.rows.is_data
    finals = [contender.final for contender in contenders]
    templates = [final.rows[~is_data] for final in finals]
    tests = [(f.test, t) for f, t in zip(finals, templates, strict=True) if f.test is not None]
    return Recommendation(
        tuple(contenders),
        mean_rank([(f.rows, t) for f, t in zip(finals, templates, strict=True)]),
        mean_rank(tests) if tests else None,
        ask(verdicts, sample, seed) if len(sample.verdict) else None,
    )


def ask(verdicts: Sequence[NDArray[np.float64]], sample: TwoSample, seed: int) -> Preference:
    """Whether any contender, or their mean, finds more than luck in the verdict rows.

    Args:
        verdicts: as for `recommend`.
        sample: with verdict rows.
        seed: of the study.
    """
    each = np.reshape(verdicts, (-1, len(sample.verdict)))
    both = np.concatenate([each, each.mean(axis=0, keepdims=True)]) if len(each) else each
    return preference(sample.rows.is_data[sample.verdict], both, seed)
